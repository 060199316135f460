//! `If-None-Match`: who has the version that there is does not get it again.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_resource_that_the_client_has_is_not_sent_again() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let user = format!("/api/v1/users/{}", alice.id);
    let role = "/api/v1/roles/user";
    for path in [user.as_str(), role] {
        for known in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
            let answer = admin.with("if-none-match", known).get(path).await.assert_status(304);
            assert_eq!(
                (answer.header("etag"), answer.text.as_str()),
                (Some("\"1\""), ""),
                "{known}"
            );
            assert_eq!(answer.header("content-type"), None);
        }
        for other in ["\"2\"", "W/\"11\"", "1", "\"\"", ""] {
            admin.with("if-none-match", other).get(path).await.assert_status(200);
        }
    }
    alice.with("if-none-match", "\"1\"").get("/api/v1/me").await.assert_status(304);
    admin.patch(&user, json!({"name": "Alice"})).await.assert_status(200);
    admin.with("if-none-match", "\"1\"").get(&user).await.assert_status(200);
}

#[tokio::test]
async fn only_reads_that_succeed_are_answered_so() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let (admin, nobody) = (admin.with("if-none-match", "*"), app.anon().with("if-none-match", "*"));
    nobody.get("/api/v1/me").await.assert_status(401);
    alice
        .with("if-none-match", "*")
        .get(format!("/api/v1/users/{}", admin.id))
        .await
        .assert_status(403);
    let user = format!("/api/v1/users/{}", alice.id);
    admin.patch(&user, json!({"name": "Alice"})).await.assert_status(200);
}
