//! Which version is spoken, which media types come and go.

use http::Method;
use insta::assert_snapshot;
use serde_json::json;

use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn a_body_is_json_or_it_is_not_read() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let user = |number| json!({"email": format!("{number}@example.com"), "name": "A"}).to_string();
    for (number, content_type) in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "application/json; profile=x",
    ]
    .into_iter()
    .enumerate()
    {
        let answer = admin.send(Method::POST, "/api/v1/users", content_type, user(number)).await;
        assert_eq!(answer.status, 201, "{content_type}: {answer}");
    }
    let before = app.contents();
    for content_type in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=iso-8859-1",
        "application/jsonx",
        "application/merge-patch+json",
        "json",
    ] {
        let answer = admin.send(Method::POST, "/api/v1/users", content_type, user(99)).await;
        assert_eq!(answer.status, 415, "{content_type}: {answer}");
        assert_eq!(answer.header("accept"), Some("application/json"));
        assert_eq!(answer.header("accept-encoding"), Some("identity"));
        assert_eq!(answer.header("accept-patch"), None);
        answer.assert_problem(415, "unsupported_media_type");
    }
    let zipped = admin.with("content-encoding", "gzip");
    assert_snapshot!(zipped.post("/api/v1/users", json!({})).await, @r#"
    415 Unsupported Media Type
    accept: application/json
    accept-encoding: identity
    content-type: application/problem+json

    {
      "code": "unsupported_media_type",
      "detail": "The body must be application/json, without a content encoding.",
      "request_id": "[id 1]",
      "status": 415,
      "title": "Unsupported media type",
      "type": "urn:rollcall:problem:unsupported_media_type"
    }
    "#);
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_client_that_rules_out_json_is_told_so() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for accept in
        ["*/*", "application/json", "application/*", "text/html, application/json;q=0.1", ""]
    {
        admin.with("accept", accept).get("/api/v1/me").await.assert_status(200);
    }
    let before = app.contents();
    for accept in ["text/html", "application/xml", "application/json;q=0, */*", "image/*, text/*"] {
        let client = admin.with("accept", accept);
        client.get("/api/v1/me").await.assert_problem(406, "not_acceptable");
        let user = json!({"email": "a@example.com", "name": "A"});
        client.post("/api/v1/users", user).await.assert_problem(406, "not_acceptable");
    }
    // What is not there can be nothing else either.
    let html = admin.with("accept", "text/html");
    html.get("/api/v1/nothing").await.assert_problem(404, "not_found");
    let other = html.put("/api/v1/me", json!({})).await;
    assert_eq!(other.header("allow"), Some("GET,HEAD,PATCH,DELETE"));
    other.assert_problem(405, "method_not_allowed");
    assert_snapshot!(html.get("/api/v1/me").await, @r#"
    406 Not Acceptable
    content-type: application/problem+json

    {
      "code": "not_acceptable",
      "detail": "This resource is application/json, which the Accept header rules out.",
      "request_id": "[id 1]",
      "status": 406,
      "title": "Not acceptable",
      "type": "urn:rollcall:problem:not_acceptable"
    }
    "#);
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn the_version_stands_in_the_path_and_may_stand_in_a_header() {
    let app = TestApp::new().await;
    for version in ["1", "v1"] {
        app.anon().with("api-version", version).get("/health").await.assert_status(200);
    }
    for version in ["2", "0", "", "1.0", "latest"] {
        let answer = app.anon().with("api-version", version).get("/health").await;
        answer.assert_problem(404, "unknown_version");
    }
    for path in ["/api/v2/me", "/api/v0/users", "/api/v10/me", "/api/V1/me", "/api/me", "/api"] {
        app.anon().get(path).await.assert_problem(404, "unknown_version");
    }
    assert_snapshot!(app.anon().get("/api/v2/me").await, @r#"
    404 Not Found
    content-type: application/problem+json

    {
      "code": "unknown_version",
      "detail": "This version of the API does not exist. There is v1.",
      "request_id": "[id 1]",
      "status": 404,
      "title": "Unknown version",
      "type": "urn:rollcall:problem:unknown_version"
    }
    "#);
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_not_found() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for path in [
        "/",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v1/users/",
        "/api/v1/me/",
        "//api/v1/me",
        "/api/v1/users/x/y",
        "/%2e%2e/api/v1/me",
        "/.env",
        "/dev/mailbox2",
    ] {
        admin.get(path).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_method_that_does_not_apply_is_answered_with_those_that_do() {
    let app = TestApp::new().await;
    assert_snapshot!(app.anon().delete("/api/v1/users").await, @r#"
    405 Method Not Allowed
    allow: GET,HEAD,POST
    content-type: application/problem+json

    {
      "code": "method_not_allowed",
      "detail": "This method does not apply here. The Allow header lists those that do.",
      "request_id": "[id 1]",
      "status": 405,
      "title": "Method not allowed",
      "type": "urn:rollcall:problem:method_not_allowed"
    }
    "#);
    let credentials = json!({"email": "a@example.com", "password": PASSWORD});
    app.anon().put("/api/v1/sessions", credentials).await.assert_problem(405, "method_not_allowed");
}
