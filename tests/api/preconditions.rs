//! Entity tags, everywhere: who names a version is never overruled, and who has it
//! does not get it again.

use http::Method;
use rollcall::transport::http::preconditions::VERSIONED;
use serde_json::{Value, json};

use crate::authorization::{Row, TABLE, World};
use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, TestApp};

/// What is replaced without naming a version, and why.
const WITHOUT_IF_MATCH: &[(&str, &str)] =
    &[("PUT /api/v1/me/password", "the password that is there is named by itself")];
/// What is never read twice alike, and why.
const ALWAYS_ANOTHER: &[(&str, &str)] =
    &[("GET /api/v1/me/export", "to read it is an event, which is part of it")];

/// The rows that somebody may do, with the first who may.
fn done_rows() -> impl Iterator<Item = (&'static str, &'static str, &'static Row, usize)> {
    let is_done = |status: &u16| (200..300).contains(status);
    TABLE.iter().filter_map(move |row| {
        let (method, path) = row.0.split_once(' ').unwrap();
        Some((method, path, row, row.3.iter().position(is_done)?))
    })
}

async fn send(world: &World, row: &Row, client: &Client) -> Response {
    let (method, template) = row.0.split_once(' ').unwrap();
    let (method, path) =
        (Method::from_bytes(method.as_bytes()).unwrap(), world.path(template, row.1));
    match row.2(world) {
        Value::Null => client.send(method, path, "", "").await,
        body => client.json(method, path, body).await,
    }
}

async fn document() -> Value {
    TestApp::new().await.anon().get("/openapi.json").await.body
}

/// Whether an operation tells of a header of the request, and whether it must be.
fn parameter(operation: &Value, name: &str) -> Option<bool> {
    let parameters = operation["parameters"].as_array()?;
    let parameter = parameters.iter().find(|parameter| parameter["name"] == name)?;
    Some(parameter["required"] == true)
}

#[tokio::test]
async fn every_change_honours_what_names_a_version() {
    let document = document().await;
    let world = World::new().await;
    let mut tried = 0;
    for (method, path, row, column) in done_rows().filter(|row| row.0 != "GET") {
        let operation = &document["paths"][path][method.to_lowercase()];
        let told = parameter(operation, "If-Match");
        assert_eq!(told.is_some(), VERSIONED.contains(&path), "{}", row.0);
        assert!(operation["responses"].get("412").is_some(), "{}", row.0);
        let before = world.app.contents();
        let client = &world.callers[column];
        let other = send(&world, row, &client.with("if-match", "\"7\", W/\"1\"")).await;
        other.assert_problem(412, "precondition_failed");
        let none = client.with("if-match", "*").with("if-none-match", "*");
        send(&world, row, &none).await.assert_problem(412, "precondition_failed");
        assert_eq!(world.app.contents(), before, "{} was done", row.0);
        if method == "PUT" && !WITHOUT_IF_MATCH.iter().any(|(exempt, _)| *exempt == row.0) {
            assert_eq!(told, Some(true), "{}", row.0);
            send(&world, row, client).await.assert_problem(428, "precondition_required");
        }
        tried += 1;
    }
    assert!(tried > 30);
}

#[tokio::test]
async fn every_read_has_a_tag_by_which_it_is_not_sent_again() {
    let document = document().await;
    let world = World::new().await;
    let mut tried = 0;
    for (_, path, row, column) in done_rows().filter(|row| row.0 == "GET") {
        let operation = &document["paths"][path]["get"];
        let is_of_the_api = !["/health", "/livez", "/readyz", "/dev/mailbox"].contains(&path);
        let is_json = operation["responses"]["200"]["content"].get("application/json").is_some();
        assert_eq!(
            parameter(operation, "If-None-Match"),
            (is_of_the_api && is_json).then_some(false)
        );
        if !is_of_the_api || !is_json {
            continue;
        }
        let client = &world.callers[column];
        let first = send(&world, row, client).await.assert_status(200);
        let tag = first.header("etag").unwrap_or_else(|| panic!("{path} has no tag: {first}"));
        assert!(tag.starts_with('"') && tag.len() > 2, "{path}: {tag}");
        let other = send(&world, row, &client.with("if-match", "\"other\"")).await;
        other.assert_problem(412, "precondition_failed");
        if ALWAYS_ANOTHER.iter().any(|(exempt, _)| *exempt == row.0) {
            continue;
        }
        let known = send(&world, row, &client.with("if-none-match", tag)).await.assert_status(304);
        assert_eq!((known.text.as_str(), known.header("etag")), ("", Some(tag)), "{path}");
        let other = send(&world, row, &client.with("if-none-match", "\"other\"")).await;
        assert_eq!((other.status.as_u16(), &other.text), (200, &first.text), "{path}");
        let meant = send(&world, row, &client.with("if-match", tag)).await.assert_status(200);
        assert_eq!(meant.text, first.text, "{path}");
        tried += 1;
    }
    assert!(tried > 15);
}

#[tokio::test]
async fn a_list_has_another_tag_when_it_has_changed() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let first = admin.get("/api/v1/users").await.assert_status(200);
    let known = admin.with("if-none-match", first.header("etag").unwrap());
    known.get("/api/v1/users").await.assert_status(304);
    app.user("alice").await;
    known.get("/api/v1/users").await.assert_status(200);
}

#[tokio::test]
async fn an_answer_that_carries_a_resource_has_its_tag() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let user = json!({"email": "alice@example.com", "name": "Alice", "password": PASSWORD});
    let role = json!({"name": "support", "permissions": ["users:read"]});
    let key = json!({"name": "key", "permissions": ["users:read"]});
    for (path, body) in [("users", user), ("roles", role), ("api-keys", key)] {
        let made = admin.post(format!("/api/v1/{path}"), body).await.assert_status(201);
        let read = admin.get(made.header("location").unwrap()).await.assert_status(200);
        assert_eq!(made.header("etag"), read.header("etag"), "{path}");
        assert!(made.header("etag").is_some(), "{path}");
    }
}

#[tokio::test]
async fn an_api_key_is_revoked_as_it_was_seen() {
    let app = TestApp::new().await;
    let (admin, key) = (app.admin().await, app.api_key(&["users:read"]).await);
    let path = format!("/api/v1/api-keys/{}", key.id);
    let seen = admin.get(&path).await.assert_status(200);
    let tag = seen.header("etag").unwrap();
    app.clock.advance(std::time::Duration::from_secs(120));
    key.get("/api/v1/permissions").await.assert_status(200);
    app.background.run().await;
    let admin = app.refresh(&admin).await;
    // Somebody uses it after all.
    admin.with("if-match", tag).delete(&path).await.assert_problem(412, "precondition_failed");
    let seen = admin.get(&path).await.assert_status(200);
    admin.with("if-match", seen.header("etag").unwrap()).delete(&path).await.assert_status(204);
}

#[tokio::test]
async fn no_change_overlooks_what_its_query_says() {
    let world = World::new().await;
    for (method, path, row, column) in done_rows().filter(|row| row.0 != "GET") {
        if path == "/api/v1/users/import" {
            continue;
        }
        let (client, before) = (&world.callers[column], world.app.contents());
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let path = world.path(path, row.1) + "?version=7";
        let answer = client.json(method, path, row.2(&world)).await.assert_status(422);
        assert_eq!(answer.field_errors(), [("version", "unknown_field")], "{}", row.0);
        assert_eq!(world.app.contents(), before, "{} was done", row.0);
    }
}

#[tokio::test]
async fn what_is_no_tag_is_refused_on_every_change() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (header, tags) in [
        ("if-match", "no tag"),
        ("if-match", ""),
        ("if-match", ","),
        ("if-none-match", "no tag"),
        ("if-none-match", "\"1\" \"2\""),
    ] {
        let admin = admin.with(header, tags);
        let user = json!({"email": "alice@example.com", "name": "Alice"});
        admin.post("/api/v1/users", user).await.assert_problem(400, "malformed_request");
        admin.patch("/api/v1/me", json!({})).await.assert_problem(400, "malformed_request");
    }
}

#[tokio::test]
async fn a_change_that_must_not_meet_any_of_no_versions_is_done() {
    let app = TestApp::new().await;
    let admin = app.admin().await.with("if-none-match", "");
    let user = json!({"email": "alice@example.com", "name": "Alice"});
    admin.post("/api/v1/users", user).await.assert_status(201);
    admin.patch("/api/v1/me", json!({"name": "Ada"})).await.assert_status(200);
}
