//! What happens to every request, whatever it asks for.

use insta::assert_snapshot;

use crate::support::TestApp;

#[tokio::test]
async fn a_request_that_takes_too_long_is_cut_short() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.database.stall();
    app.timer.run_out();
    assert_snapshot!(alice.get("/api/v1/me").await, @r#"
    504 Gateway Timeout
    content-type: application/problem+json

    {
      "code": "timeout",
      "detail": "The request took too long. It may or may not have had an effect.",
      "request_id": "[id 1]",
      "status": 504,
      "title": "Timed out",
      "type": "urn:rollcall:problem:timeout"
    }
    "#);
}

#[tokio::test]
async fn the_log_has_one_line_for_each_request() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.log.take();
    let path = format!("/api/v1/users/{}?secret=1", alice.id);
    alice.with("x-request-id", "r-1").get(path).await.assert_problem(403, "forbidden");
    assert_snapshot!(serde_json::to_string_pretty(&app.log.take()).unwrap(), @r#"
    [
      {
        "cause": null,
        "code": "forbidden",
        "duration_us": 0,
        "level": "info",
        "message": "request",
        "method": "GET",
        "request_id": "r-1",
        "route": "/api/v1/users/{id}",
        "status": 403,
        "time": "2026-01-01T00:00:00.000000Z"
      }
    ]
    "#);
}

#[tokio::test]
async fn the_database_is_what_the_test_says_it_is() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let suspend = "UPDATE users SET suspended_at = 1 WHERE id = $1";
    app.sql(suspend, vec![alice.id.as_str().into()]).await;
    alice.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
}
