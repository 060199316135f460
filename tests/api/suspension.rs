//! Suspended users, and how long what was told of a user lasts.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use insta::assert_snapshot;
use rollcall::store::database::Statement;
use serde_json::json;

use crate::second_factor;
use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn a_suspended_user_is_signed_out_everywhere_and_stays_out() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let user = format!("/api/v1/users/{}", alice.id);
    app.clock.advance(Duration::from_secs(60));
    assert_snapshot!(admin.act(format!("{user}/suspend")).await, @r#"
    200 OK
    content-type: application/json
    etag: "2"

    {
      "created_at": "2026-01-01T00:00:00.000000Z",
      "email": "alice@example.com",
      "email_verified_at": null,
      "external_id": null,
      "id": "[id 1]",
      "metadata": {},
      "name": "alice",
      "own_metadata": {},
      "private_metadata": {},
      "roles": [
        "user"
      ],
      "suspended_at": "2026-01-01T00:01:00.000000Z",
      "updated_at": "2026-01-01T00:01:00.000000Z",
      "version": 2
    }
    "#);
    alice.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    let token = json!({"refresh_token": alice.refresh_token});
    let refresh = app.anon().post("/api/v1/sessions/refresh", token.clone()).await;
    refresh.assert_problem(401, "unauthenticated");
    let credentials = json!({"email": alice.email, "password": PASSWORD});
    let sign_in = app.anon().post("/api/v1/sessions", credentials.clone()).await;
    sign_in.assert_problem(403, "forbidden");

    // Once more changes nothing.
    let before = app.contents();
    let again = admin.act(format!("{user}/suspend")).await.assert_status(200);
    assert_eq!(again.body["version"], json!(2));
    assert_eq!(app.contents(), before);

    let back = admin.act(format!("{user}/unsuspend")).await.assert_status(200);
    assert_eq!((&back.body["suspended_at"], &back.body["version"]), (&json!(null), &json!(3)));
    let refresh = app.anon().post("/api/v1/sessions/refresh", token).await;
    refresh.assert_problem(401, "unauthenticated");
    app.anon().post("/api/v1/sessions", credentials).await.assert_status(201);
    let before = app.contents();
    admin.act(format!("{user}/unsuspend")).await.assert_status(200);
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn what_was_mailed_and_asked_ends_with_a_suspension() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, second_factor::alice(&app).await);
    let question = app.half_sign_in(&alice.client.email).await;
    let email = json!({"email": alice.client.email});
    app.anon().post("/api/v1/password-resets", email).await.assert_status(202);
    let token = app.token_to(&alice.client.email, "reset_password").await;
    let user = format!("/api/v1/users/{}", alice.client.id);
    admin.act(format!("{user}/suspend")).await.assert_status(200);
    let reset = json!({"token": token, "new_password": "another long password"});
    let confirm = "/api/v1/password-resets/confirm";
    app.anon().post(confirm, reset.clone()).await.assert_status(422);
    admin.act(format!("{user}/unsuspend")).await.assert_status(200);
    app.anon().post(confirm, reset).await.assert_status(422);
    let answer = second_factor::answer(&app, &question, &alice.recovery_codes[0]).await;
    answer.assert_status(401);
}

#[tokio::test]
async fn nobody_sets_the_password_of_whoever_is_suspended_meanwhile() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let email = json!({"email": alice.email});
    app.anon().post("/api/v1/password-resets", email).await.assert_status(202);
    let token = app.token_to(&alice.email, "reset_password").await;
    let suspended = "UPDATE users SET suspended_at = 1 WHERE id = $1";
    let suspended = Statement::new(suspended, vec![alice.id.as_str().into()]);
    app.database.before_commit(vec![suspended]);
    let reset = json!({"token": token, "new_password": "another long password"});
    let answer = app.anon().post("/api/v1/password-resets/confirm", reset).await;
    answer.assert_problem(422, "validation_failed");
    app.sql("UPDATE users SET suspended_at = NULL", Vec::new()).await;
    app.sign_in(&alice.email).await;
}

#[tokio::test]
async fn nobody_suspends_those_who_may_do_more() {
    let app = TestApp::new().await;
    app.role("desk", &["users:write"]).await;
    app.role("strong", &["keys:write"]).await;
    let desk = app.user_with_roles("desk", &["desk"]).await;
    let strong = app.user_with_roles("strong", &["strong"]).await;
    let path = format!("/api/v1/users/{}", strong.id);
    for action in ["suspend", "unsuspend"] {
        let answer = desk.act(format!("{path}/{action}")).await;
        answer.assert_problem(403, "forbidden");
    }
    strong.get("/api/v1/me").await.assert_status(200);
}

/// What docs/authorization.md promises: who asks the service learns at once, who
/// reads the token by itself when the token has expired.
#[tokio::test]
async fn nothing_that_was_told_to_others_lasts_longer_than_an_access_token() {
    let app = TestApp::with(&[("access_token_ttl", "5m")]).await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let claims = claims(&alice.access_token);
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!((lifetime, &claims["roles"]), (300, &json!(["user"])));
    admin.delete(format!("/api/v1/users/{}", alice.id)).await.assert_status(204);
    alice.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    let token = json!({"refresh_token": alice.refresh_token});
    let refresh = app.anon().post("/api/v1/sessions/refresh", token).await;
    refresh.assert_problem(401, "unauthenticated");
}

fn claims(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).unwrap().as_bytes();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(payload).unwrap()).unwrap()
}
