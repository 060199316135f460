//! `PUT` and `PATCH /api/v1/users/{id}`: how users change.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::TestApp;

fn path(id: &str) -> String {
    format!("/api/v1/users/{id}")
}

#[tokio::test]
async fn a_user_is_replaced_whole_at_the_version_that_is_named() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let path = path(&alice.id);
    let noted = json!({"metadata": {"note": "to be gone"}});
    admin.patch(&path, noted).await.assert_status(200);
    app.clock.advance(Duration::from_millis(1));
    let profile = json!({"email": "Alice@Example.org", "name": "Alice Liddell"});
    let second = admin.with("if-match", "\"2\"");
    assert_snapshot!(second.put(&path, profile.clone()).await, @r#"
    200 OK
    content-type: application/json
    etag: "3"

    {
      "created_at": "2026-01-01T00:00:00.000000Z",
      "email": "Alice@Example.org",
      "email_verified_at": null,
      "external_id": null,
      "id": "[id 1]",
      "metadata": {},
      "name": "Alice Liddell",
      "own_metadata": {},
      "private_metadata": {},
      "roles": [
        "user"
      ],
      "suspended_at": null,
      "updated_at": "2026-01-01T00:00:00.001000Z",
      "version": 3
    }
    "#);
    let event = format!("user.updated by user:{}, of {}", admin.id, alice.id);
    assert_eq!(app.events().await.last(), Some(&event));

    let before = app.contents();
    second.put(&path, profile.clone()).await.assert_problem(412, "precondition_failed");
    admin.put(&path, profile).await.assert_problem(428, "precondition_required");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_replacement_names_every_field_that_a_user_must_have() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let before = app.contents();
    let admin = admin.with("if-match", "*");
    let answer = admin.put(path(&alice.id), json!({"password": "another password"})).await;
    let expected = [("email", "required"), ("name", "required"), ("password", "unknown_field")];
    assert_eq!(answer.field_errors(), expected);
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let path = path(&alice.id);
    let steps = [
        (
            json!({"metadata": {"a": 1, "b": {"c": [1], "d": null}}}),
            json!({"a": 1, "b": {"c": [1]}}),
        ),
        (json!({"metadata": {"a": null}}), json!({"b": {"c": [1]}})),
        (json!({"metadata": {"b": {"c": "x", "e": {}}}}), json!({"b": {"c": "x", "e": {}}})),
        (json!({"metadata": {"b": [null]}}), json!({"b": [null]})),
        (json!({"name": "Alice"}), json!({"b": [null]})),
        (json!({}), json!({"b": [null]})),
        (json!({"metadata": {"b": null, "absent": null}}), json!({})),
    ];
    for (version, (patch, metadata)) in (2..).zip(steps) {
        let answer = admin.patch(&path, patch).await.assert_status(200);
        assert_eq!(
            (&answer.body["metadata"], &answer.body["version"]),
            (&metadata, &json!(version))
        );
    }
    assert_snapshot!(admin.get(&path).await, @r#"
    200 OK
    content-type: application/json
    etag: "8"

    {
      "created_at": "2026-01-01T00:00:00.000000Z",
      "email": "alice@example.com",
      "email_verified_at": null,
      "external_id": null,
      "id": "[id 1]",
      "metadata": {},
      "name": "Alice",
      "own_metadata": {},
      "private_metadata": {},
      "roles": [
        "user"
      ],
      "suspended_at": null,
      "updated_at": "2026-01-01T00:00:00.000000Z",
      "version": 8
    }
    "#);
}

#[tokio::test]
async fn a_patch_may_be_plain_json_too_and_nothing_else() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let patch = json!({"name": "Alice"});
    admin.json(Method::PATCH, path(&alice.id), patch.clone()).await.assert_status(200);
    for media_type in ["application/xml", "text/plain", ""] {
        let answer =
            admin.send(Method::PATCH, path(&alice.id), media_type, patch.to_string()).await;
        let accepted =
            "application/merge-patch+json, application/json, application/json-patch+json";
        assert_eq!(answer.header("accept-patch"), Some(accepted));
        answer.assert_problem(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn a_patch_that_would_make_a_user_invalid_changes_nothing() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let full = json!({"metadata": {"a": "x".repeat(16 * 1024 - 8)}});
    admin.patch(path(&alice.id), full).await.assert_status(200);
    let before = app.contents();
    for (patch, field, code) in [
        (json!({"email": null}), "email", "wrong_type"),
        (json!({"name": null}), "name", "wrong_type"),
        (json!({"metadata": null}), "metadata", "wrong_type"),
        (json!({"metadata": {"b": 1}}), "metadata", "too_long"),
        (json!({"version": 9}), "version", "read_only"),
        (json!({"password": "another password"}), "password", "unknown_field"),
    ] {
        let answer = admin.patch(path(&alice.id), patch).await.assert_status(422);
        assert_eq!(answer.field_errors(), [(field, code)]);
    }
    for body in [json!([]), json!("name"), json!(null)] {
        let answer = admin.patch(path(&alice.id), body).await.assert_status(422);
        assert_eq!(answer.field_errors(), [("", "wrong_type")]);
    }
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn an_address_stays_proven_until_another_one_takes_its_place() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let verified = async |email: &str| {
        let answer = admin.patch(path(&admin.id), json!({"email": email})).await;
        answer.assert_status(200).body["email_verified_at"] != Value::Null
    };
    assert!(verified("ADMIN@example.com").await);
    assert!(!verified("root@example.com").await);
    assert!(!verified("admin@example.com").await);
    assert_eq!(app.sign_in("admin@example.com").await.id, admin.id);
}

#[tokio::test]
async fn of_many_changes_of_one_version_one_is_made() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let (first, path) = (admin.with("if-match", "\"1\""), path(&alice.id));
    let patches = (0..8).map(|i| first.patch(&path, json!({"metadata": {i.to_string(): i}})));
    let answers = join_all(patches).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for refused in answers.into_iter().filter(|answer| answer.status != 200) {
        refused.assert_problem(412, "precondition_failed");
    }
    let user = admin.get(&path).await;
    assert_eq!(user.body["version"], 2);
    assert_eq!(user.body["metadata"].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn of_many_changes_of_any_version_none_is_lost() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let path = path(&alice.id);
    let patches = (0..6).map(|i| admin.patch(&path, json!({"metadata": {i.to_string(): i}})));
    for answer in join_all(patches).await {
        answer.assert_status(200);
    }
    let user = admin.get(&path).await;
    let expected = json!({"0": 0, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5});
    assert_eq!((&user.body["metadata"], &user.body["version"]), (&expected, &json!(7)));
}

#[tokio::test]
async fn nobody_gains_power_over_those_who_may_more() {
    let app = TestApp::new().await;
    let (admin, lower) = (app.admin().await, app.user("lower").await);
    let support = "INSERT INTO roles (name, permissions, created_at, updated_at, version) \
                   VALUES ('support', 'users:read users:write', 0, 0, 1)";
    app.sql(support, Vec::new()).await;
    let grant = "INSERT INTO user_roles (user_id, role) VALUES ($1, 'support')";
    app.sql(grant, vec![lower.id.as_str().into()]).await;
    let before = app.contents();
    assert_snapshot!(lower.patch(path(&admin.id), json!({"email": "me@example.com"})).await, @r#"
    403 Forbidden
    content-type: application/problem+json

    {
      "code": "forbidden",
      "detail": "This user holds permissions that you do not hold.",
      "request_id": "[id 1]",
      "status": 403,
      "title": "Forbidden",
      "type": "urn:rollcall:problem:forbidden"
    }
    "#);
    let profile = json!({"email": "me@example.com", "name": "Me"});
    let put = lower.with("if-match", "*").put(path(&admin.id), profile).await;
    put.assert_problem(403, "forbidden");
    lower.delete(path(&admin.id)).await.assert_problem(403, "forbidden");
    assert_eq!(app.contents(), before);
}
