//! PATCH with a JSON Patch (RFC 6902).

use http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::response::Response;

const MEDIA_TYPE: &str = "application/json-patch+json";

async fn patch(client: &Client, path: &str, operations: Value) -> Response {
    client.send(Method::PATCH, path, MEDIA_TYPE, operations.to_string()).await
}

/// An admin, and the path of a user with some metadata.
async fn somebody(app: &TestApp) -> (Client, String) {
    let admin = app.admin().await;
    let body = json!({"email": "ada@example.com", "name": "Ada", "metadata": {"tags": ["a", "b"]}});
    let made = admin.post("/api/v1/users", body).await.assert_status(201);
    (admin, made.header("location").unwrap().to_owned())
}

#[tokio::test]
async fn every_operation_does_what_rfc_6902_says() {
    let app = TestApp::new().await;
    let (admin, path) = somebody(&app).await;
    let operations = json!([
        {"op": "test", "path": "/name", "value": "Ada"},
        {"op": "replace", "path": "/name", "value": "Ada King"},
        {"op": "add", "path": "/external_id", "value": "crm-42"},
        {"op": "add", "path": "/metadata/tags/1", "value": "c"},
        {"op": "remove", "path": "/metadata/tags/0"},
        {"op": "copy", "from": "/metadata/tags", "path": "/private_metadata/tags"},
        {"op": "move", "from": "/metadata/tags/0", "path": "/own_metadata/a~1b"},
    ]);
    let changed = patch(&admin, &path, operations).await.assert_status(200);
    assert_eq!(changed.header("etag"), Some("\"2\""));
    let expected = [
        ("name", json!("Ada King")),
        ("email", json!("ada@example.com")),
        ("external_id", json!("crm-42")),
        ("metadata", json!({"tags": ["b"]})),
        ("private_metadata", json!({"tags": ["c", "b"]})),
        ("own_metadata", json!({"a/b": "c"})),
    ];
    for (name, value) in expected {
        assert_eq!(changed.body[name], value, "{name}");
    }
    let emptied = json!([{"op": "remove", "path": "/own_metadata"},
        {"op": "replace", "path": "/external_id", "value": null}]);
    let emptied = patch(&admin, &path, emptied).await.assert_status(200);
    let empty = (&emptied.body["own_metadata"], &emptied.body["external_id"]);
    assert_eq!(empty, (&json!({}), &Value::Null));
}

#[tokio::test]
async fn everybody_may_patch_what_they_may_write_of_themselves() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let operations = json!([{"op": "replace", "path": "/name", "value": "Alice"},
        {"op": "add", "path": "/own_metadata/theme", "value": "dark"}]);
    let changed = patch(&alice, "/api/v1/me", operations).await.assert_status(200);
    assert_eq!(changed.body["name"], "Alice");
    assert_eq!(changed.body["own_metadata"], json!({"theme": "dark"}));
    let before = app.contents();
    for path in ["/email", "/metadata/a", "/roles/0", "/version"] {
        let operations = json!([{"op": "replace", "path": path, "value": "x"}]);
        let refused = patch(&alice, "/api/v1/me", operations).await;
        refused.assert_problem(409, "patch_conflict");
    }
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn when_one_operation_fails_none_is_done() {
    let app = TestApp::new().await;
    let (admin, path) = somebody(&app).await;
    let before = app.contents();
    let good = json!({"op": "replace", "path": "/name", "value": "Grace"});
    let test = json!({"op": "test", "path": "/metadata/tags/0", "value": "z"});
    let conflict = patch(&admin, &path, json!([good, test])).await;
    conflict.assert_problem(409, "patch_test_failed");
    for lost in [
        json!({"op": "remove", "path": "/metadata/z"}),
        json!({"op": "copy", "from": "/z", "path": "/name"}),
        json!({"op": "move", "from": "/metadata", "path": "/metadata/a"}),
    ] {
        let conflict = patch(&admin, &path, json!([good, lost])).await;
        conflict.assert_problem(409, "patch_conflict");
    }
    for (bad, errors) in [
        (json!({"op": "add", "path": "no pointer", "value": 1}), [("1", "invalid_operation")]),
        (json!({"op": "add", "path": "/metadata/a"}), [("1", "invalid_operation")]),
        (json!({"op": "increase", "path": "/name"}), [("1", "invalid_operation")]),
        (json!({"op": "remove", "path": "/email"}), [("email", "required")]),
        (json!({"op": "replace", "path": "/email", "value": "x"}), [("email", "invalid_email")]),
        (json!({"op": "add", "path": "/version", "value": 7}), [("version", "read_only")]),
        (json!({"op": "add", "path": "/color", "value": "x"}), [("color", "unknown_field")]),
        (json!({"op": "replace", "path": "", "value": []}), [("1", "invalid_operation")]),
        (json!({"op": "copy", "from": "", "path": "/name"}), [("1", "invalid_operation")]),
    ] {
        let refused = patch(&admin, &path, json!([good, bad])).await;
        let refused = refused.assert_problem(422, "validation_failed");
        assert_eq!(refused.field_errors(), errors, "{bad}");
    }
    let no_list = patch(&admin, &path, good.clone()).await.assert_status(422);
    assert_eq!(no_list.field_errors(), [("", "wrong_type")]);
    let stale = patch(&admin.with("if-match", "\"7\""), &path, json!([good])).await;
    stale.assert_problem(412, "precondition_failed");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_patch_has_at_most_a_hundred_operations_and_does_not_explode() {
    let app = TestApp::new().await;
    let (admin, path) = somebody(&app).await;
    let test = json!({"op": "test", "path": "/name", "value": "Ada"});
    patch(&admin, &path, Value::Array(vec![test.clone(); 100])).await.assert_status(200);
    let before = app.contents();
    let many = patch(&admin, &path, Value::Array(vec![test; 101])).await.assert_status(422);
    assert_eq!(many.field_errors(), [("", "too_many")]);
    let copy = json!({"op": "copy", "from": "/metadata", "path": "/metadata/a"});
    let bomb = patch(&admin, &path, Value::Array(vec![copy; 100])).await.assert_status(422);
    assert_eq!(bomb.field_errors().first().map(|error| error.1), Some("too_large"));
    assert_eq!(app.contents(), before);
}
