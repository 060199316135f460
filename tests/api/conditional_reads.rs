//! `If-None-Match` and `If-Match`: who has the version that there is does not get it
//! again, and who means another one does not get this one.

use http::Method;
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
    let missing = "/api/v1/users/0190b5a0-0000-7000-8000-000000000001";
    admin.get(missing).await.assert_problem(404, "not_found");
    admin.with("if-match", "\"7\"").get(missing).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_change_must_not_meet_a_version_that_it_rules_out() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let user = format!("/api/v1/users/{}", alice.id);
    let name = |name: &str| json!({"name": name});
    for unwanted in ["*", "\"1\"", "W/\"1\"", "\"7\", \"1\""] {
        let admin = admin.with("if-none-match", unwanted);
        admin.delete(&user).await.assert_problem(412, "precondition_failed");
        admin.patch(&user, name("Other")).await.assert_problem(412, "precondition_failed");
        let alice = alice.with("if-none-match", unwanted);
        alice.patch("/api/v1/me", name("Other")).await.assert_problem(412, "precondition_failed");
    }
    let other = admin.with("if-none-match", "\"7\", \"01\"");
    other.patch(&user, name("Alice")).await.assert_status(200);
    let both = admin.with("if-match", "\"2\"").with("if-none-match", "\"1\"");
    both.patch(&user, name("Ada")).await.assert_status(200);
}

#[tokio::test]
async fn a_read_that_means_another_version_does_not_get_this_one() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let user = format!("/api/v1/users/{}", alice.id);
    for meant in ["\"1\"", "\"7\", \"1\"", "*"] {
        admin.with("if-match", meant).get(&user).await.assert_status(200);
        alice.with("if-match", meant).get("/api/v1/me").await.assert_status(200);
    }
    for meant in ["\"7\"", "\"01\"", "\"+1\"", "W/\"1\"", "\"nope\""] {
        let admin = admin.with("if-match", meant);
        for path in [user.as_str(), "/api/v1/users", "/health"] {
            admin.get(path).await.assert_problem(412, "precondition_failed");
            let head = admin.send(Method::HEAD, path, "", "").await.assert_status(412);
            assert_eq!(head.text, "");
        }
        let patched = admin.patch(&user, json!({"name": "Alice"})).await;
        patched.assert_problem(412, "precondition_failed");
        let known = admin.with("if-none-match", "\"1\"");
        known.get(&user).await.assert_problem(412, "precondition_failed");
    }
    let malformed = admin.with("if-match", "1").get(&user).await;
    malformed.assert_problem(400, "malformed_request");
}
