//! `/api/v1/sessions`: signing in, staying signed in, signing out.

use serde_json::json;

use crate::support::TestApp;

const REFRESH: &str = "/api/v1/sessions/refresh";

#[tokio::test]
async fn a_refresh_continues_the_session_with_new_tokens() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let answer = app.anon().post(REFRESH, json!({"refresh_token": alice.refresh_token})).await;
    let later = alice.clone().signed_in(&answer.assert_status(200));
    assert_eq!((later.id.as_str(), later.email.as_str()), (&*alice.id, "alice@example.com"));
    assert_ne!(later.refresh_token, alice.refresh_token);
    assert_ne!(later.access_token, alice.access_token);
    later.get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_no_other() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let elsewhere = app.sign_in(&alice.email).await;
    alice.delete("/api/v1/sessions/current").await.assert_status(204);
    alice.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    let token = json!({"refresh_token": alice.refresh_token});
    app.anon().post(REFRESH, token).await.assert_problem(401, "unauthenticated");
    elsewhere.get("/api/v1/me").await.assert_status(200);
}
