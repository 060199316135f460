//! `/api/v1/me`.

use std::time::Duration;

use insta::assert_snapshot;
use rollcall::store::database::Statement;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn everybody_learns_who_they_are_for_one_statement() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let before = app.database.calls();
    assert_snapshot!(alice.get("/api/v1/me").await, @r#"
    200 OK
    content-type: application/json
    etag: "1"

    {
      "created_at": "2026-01-01T00:00:00.000000Z",
      "email": "alice@example.com",
      "email_verified_at": null,
      "external_id": null,
      "id": "[id 1]",
      "metadata": {},
      "name": "alice",
      "own_metadata": {},
      "roles": [
        "user"
      ],
      "suspended_at": null,
      "updated_at": "2026-01-01T00:00:00.000000Z",
      "version": 1
    }
    "#);
    assert_eq!(app.database.calls() - before, 1);
}

#[tokio::test]
async fn nobody_is_told_to_sign_in() {
    let app = TestApp::new().await;
    assert_snapshot!(app.anon().get("/api/v1/me").await, @r#"
    401 Unauthorized
    content-type: application/problem+json
    www-authenticate: Bearer

    {
      "code": "unauthenticated",
      "detail": "This needs a valid credential.",
      "request_id": "[id 1]",
      "status": 401,
      "title": "Sign in to continue",
      "type": "urn:rollcall:problem:unauthenticated"
    }
    "#);
}

#[tokio::test]
async fn whoever_shows_a_credential_is_told_that_it_is_none() {
    let app = TestApp::new().await;
    // Who shows something of another kind knows nothing of tokens (RFC 6750, 3.1).
    for (header, expected) in [
        ("Bearer x", "Bearer error=\"invalid_token\""),
        ("Bearer rck_abc", "Bearer error=\"invalid_token\""),
        ("bearer ", "Bearer error=\"invalid_token\""),
        ("Basic YTpi", "Bearer"),
    ] {
        let answer = app.anon().with("authorization", header).get("/api/v1/me").await;
        let answer = answer.assert_problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some(expected), "{header}");
    }
}

#[tokio::test]
async fn everybody_may_change_their_name() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.clock.advance(Duration::from_secs(60));
    let changed = alice.patch("/api/v1/me", json!({"name": " Alice\tLiddell"})).await;
    assert_eq!(changed.field_errors(), [("name", "invalid_characters")]);
    assert_snapshot!(alice.patch("/api/v1/me", json!({"name": " Alice Liddell "})).await, @r#"
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
      "name": "Alice Liddell",
      "own_metadata": {},
      "roles": [
        "user"
      ],
      "suspended_at": null,
      "updated_at": "2026-01-01T00:01:00.000000Z",
      "version": 2
    }
    "#);
    assert_eq!(alice.get("/api/v1/me").await.text_at("/name"), "Alice Liddell");
}

#[tokio::test]
async fn a_change_of_a_version_that_is_gone_is_refused() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let of_version = |tag| alice.with("if-match", tag);
    let name = |name| json!({"name": name});
    of_version("\"1\"").patch("/api/v1/me", name("A")).await.assert_status(200);
    let before = app.contents();
    let late = of_version("\"1\"").patch("/api/v1/me", name("B")).await;
    late.assert_problem(412, "precondition_failed");
    assert_eq!(app.contents(), before);
    of_version("\"1\", \"2\"").patch("/api/v1/me", name("B")).await.assert_status(200);
    of_version("*").patch("/api/v1/me", name("C")).await.assert_status(200);
}

#[tokio::test]
async fn a_change_of_any_version_is_made_of_the_one_that_is_there() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let other = "UPDATE users SET own_metadata = '{\"theme\":\"dark\"}', version = version + 1";
    let patch = json!({"name": "Alice", "own_metadata": {"size": 2}});
    app.database.before_commit(vec![Statement::new(other, Vec::new())]);
    let answer = alice.patch("/api/v1/me", patch.clone()).await.assert_status(200);
    let expected = json!({"theme": "dark", "size": 2});
    assert_eq!((&answer.body["own_metadata"], &answer.body["version"]), (&expected, &json!(3)));
    // One that must not be met is not met afterwards either.
    app.database.before_commit(vec![Statement::new(other, Vec::new())]);
    let others = alice.with("if-none-match", "\"4\"");
    others.patch("/api/v1/me", patch).await.assert_problem(412, "precondition_failed");
}

#[tokio::test]
async fn nobody_changes_more_of_themselves_than_their_name() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let before = app.contents();
    let patch = json!({"roles": ["admin"], "email": "root@example.com", "metadata": {}});
    let answer = alice.patch("/api/v1/me", patch).await.assert_problem(422, "validation_failed");
    let expected =
        [("email", "unknown_field"), ("metadata", "unknown_field"), ("roles", "read_only")];
    assert_eq!(answer.field_errors(), expected);
    assert_eq!(app.contents(), before);
}
