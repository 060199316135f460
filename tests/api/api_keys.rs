//! `/api/v1/api-keys`: the accounts of programs.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use crate::support::TestApp;

const API_KEYS: &str = "/api/v1/api-keys";

#[tokio::test]
async fn a_key_is_shown_once_and_never_again() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let key = json!({"name": "billing", "permissions": ["users:read", "users:read"],
        "expires_at": "2027-01-01T00:00:00+01:00"});
    let made = admin.post(API_KEYS, key).await;
    assert_snapshot!(made, @r#"
    201 Created
    content-type: application/json
    etag: "1767225600000000"
    location: /api/v1/api-keys/[id 1]

    {
      "created_at": "2026-01-01T00:00:00.000000Z",
      "created_by": "user:[id 2]",
      "expires_at": "2026-12-31T23:00:00.000000Z",
      "id": "[id 1]",
      "key": "rck_[1]",
      "last_used_at": null,
      "name": "billing",
      "permissions": [
        "users:read"
      ]
    }
    "#);
    let (path, secret) = (made.header("location").unwrap(), made.text_at("/key"));
    assert_snapshot!(admin.get(path).await, @r#"
    200 OK
    content-type: application/json
    etag: "1767225600000000"

    {
      "created_at": "2026-01-01T00:00:00.000000Z",
      "created_by": "user:[id 1]",
      "expires_at": "2026-12-31T23:00:00.000000Z",
      "id": "[id 2]",
      "last_used_at": null,
      "name": "billing",
      "permissions": [
        "users:read"
      ]
    }
    "#);
    let list = admin.get(API_KEYS).await.assert_status(200);
    assert_eq!(list.body["items"], json!([admin.get(path).await.body]));
    assert!(!app.contents().contains(&secret));
    assert!(!app.contents().contains(secret.trim_start_matches("rck_")));
}

#[tokio::test]
async fn a_key_does_what_it_was_made_for_in_its_own_name() {
    let app = TestApp::new().await;
    let key = app.api_key(&["users:read", "users:write"]).await;
    let user = json!({"email": "b@example.com", "name": "B"});
    let before = app.database.calls();
    key.get("/api/v1/users").await.assert_status(200);
    assert_eq!(app.database.calls() - before, 1);
    let made = key.post("/api/v1/users", user).await.assert_status(201);
    key.get("/api/v1/roles").await.assert_problem(403, "forbidden");
    let actor = "SELECT actor FROM events WHERE subject = $1";
    let rows = app.sql(actor, vec![made.text_at("/id").into()]).await;
    let actors: Vec<_> = rows.into_iter().map(|row| row.read().text().unwrap()).collect();
    assert_eq!(actors, [format!("api_key:{}", key.id)]);
}

#[tokio::test]
async fn a_program_has_no_account_to_look_at_or_to_sign_out_of() {
    let app = TestApp::new().await;
    let key = app.api_key(&["users:read"]).await;
    assert_snapshot!(key.get("/api/v1/me").await, @r#"
    403 Forbidden
    content-type: application/problem+json

    {
      "code": "forbidden",
      "detail": "This is about the user who is signed in, and an API key is none.",
      "request_id": "[id 1]",
      "status": 403,
      "title": "Forbidden",
      "type": "urn:rollcall:problem:forbidden"
    }
    "#);
}

#[tokio::test]
async fn a_key_that_was_revoked_or_has_expired_or_never_was_is_nobody() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let revoked = app.api_key(&["users:read"]).await;
    admin.delete(format!("{API_KEYS}/{}", revoked.id)).await.assert_status(204);
    let ends = json!({"name": "k", "permissions": ["users:read"],
        "expires_at": "2026-01-01T00:10:00Z"});
    let made = admin.post(API_KEYS, ends).await.assert_status(201);
    let expired = app.anon().showing(made.text_at("/key"));
    expired.get("/api/v1/users").await.assert_status(200);
    app.clock.advance(Duration::from_secs(600));
    let changed = revoked.access_token.replace("rck_", "rck_A");
    for nobody in [&revoked, &expired, &expired.showing(changed)] {
        nobody.get("/api/v1/users").await.assert_problem(401, "unauthenticated");
    }
    // It can still be found, and revoked.
    let path = format!("{API_KEYS}/{}", made.text_at("/id"));
    app.sign_in("admin@example.com").await.delete(&path).await.assert_status(204);
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_told() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (expires_at, code) in [
        ("2026-01-01T00:00:00Z", "in_the_past"),
        ("2025-12-31T00:00:00Z", "in_the_past"),
        ("tomorrow", "invalid_time"),
    ] {
        let key = json!({"name": "k", "permissions": [], "expires_at": expires_at});
        let answer = admin.post(API_KEYS, key).await.assert_problem(422, "validation_failed");
        assert_eq!(answer.field_errors(), [("expires_at", code)]);
    }
    let answer = admin.post(API_KEYS, json!({"permissions": ["*"], "key": "rck_x"})).await;
    let expected =
        [("name", "required"), ("permissions.0", "invalid_permission"), ("key", "unknown_field")];
    assert_eq!(answer.field_errors(), expected);
}

#[tokio::test]
async fn nobody_makes_a_key_that_may_do_more_or_for_longer_than_they_may() {
    let app = TestApp::new().await;
    let writer = json!({"name": "k", "permissions": ["api-keys:write", "users:read"],
        "expires_at": "2026-06-01T00:00:00Z"});
    let made = app.admin().await.post(API_KEYS, writer).await.assert_status(201);
    let key = app.anon().showing(made.text_at("/key"));
    let stronger = app.api_key(&["users:write"]).await;
    key.get("/api/v1/permissions").await.assert_status(200);
    let before = app.contents();
    let more = json!({"name": "k", "permissions": ["users:write"],
        "expires_at": "2026-05-01T00:00:00Z"});
    key.post(API_KEYS, more).await.assert_problem(403, "forbidden");
    for expires_at in [json!("2026-06-01T00:00:01Z"), json!(null)] {
        let mut longer = json!({"name": "k", "permissions": ["users:read"]});
        if expires_at.is_string() {
            longer["expires_at"] = expires_at;
        }
        let answer = key.post(API_KEYS, longer).await.assert_problem(422, "validation_failed");
        assert_eq!(answer.field_errors(), [("expires_at", "too_late")]);
    }
    key.delete(format!("{API_KEYS}/{}", stronger.id)).await.assert_problem(403, "forbidden");
    assert_eq!(app.contents(), before);
    let same = json!({"name": "k", "permissions": ["users:read"],
        "expires_at": "2026-06-01T00:00:00Z"});
    key.post(API_KEYS, same).await.assert_status(201);
}

#[tokio::test]
async fn the_last_use_of_a_key_is_written_once_a_minute() {
    let app = TestApp::new().await;
    let key = app.api_key(&["users:read"]).await;
    let path = format!("{API_KEYS}/{}", key.id);
    let last_use = async || app.admin().await.get(&path).await.text_at("/last_used_at");
    assert_eq!(last_use().await, "2026-01-01T00:00:00.000000Z");
    for (seconds, written, expected) in [
        (59, 0, "2026-01-01T00:00:00.000000Z"),
        (1, 1, "2026-01-01T00:01:00.000000Z"),
        (1, 0, "2026-01-01T00:01:00.000000Z"),
    ] {
        app.clock.advance(Duration::from_secs(seconds));
        // Once a minute a request looks at the migrations: not the one that is counted.
        last_use().await;
        let before = app.database.calls();
        key.get("/api/v1/users").await.assert_status(200);
        // Nobody waits for it.
        assert_eq!(app.database.calls() - before, 1);
        app.background.run().await;
        assert_eq!(app.database.calls() - before, 1 + written);
        assert_eq!(last_use().await, expected);
    }
}
