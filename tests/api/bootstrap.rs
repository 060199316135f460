//! `/api/v1/bootstrap`: the first admin.

use futures_util::future::join_all;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{BOOTSTRAP_TOKEN, PASSWORD, TestApp};

const BOOTSTRAP: &str = "/api/v1/bootstrap";

fn ada() -> Value {
    json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada Lovelace"})
}

#[tokio::test]
async fn the_holder_of_the_bootstrap_token_makes_the_first_admin_once() {
    let app = TestApp::new().await;
    let holder = app.anon().showing(BOOTSTRAP_TOKEN);
    let created = holder.post(BOOTSTRAP, ada()).await;
    assert_snapshot!(created, @r#"
    201 Created
    content-type: application/json
    etag: "1"
    location: /api/v1/users/[id 1]
    ratelimit: "bootstrap";r=10;t=0
    ratelimit-policy: "bootstrap";q=10;w=1800

    {
      "created_at": "2026-01-01T00:00:00.000000Z",
      "email": "ada@example.com",
      "email_verified_at": "2026-01-01T00:00:00.000000Z",
      "external_id": null,
      "id": "[id 1]",
      "metadata": {},
      "name": "Ada Lovelace",
      "own_metadata": {},
      "private_metadata": {},
      "roles": [
        "admin"
      ],
      "suspended_at": null,
      "updated_at": "2026-01-01T00:00:00.000000Z",
      "version": 1
    }
    "#);
    let admin = app.sign_in("ada@example.com").await;
    let found = admin.get(created.header("location").unwrap()).await;
    assert_eq!(found.body, created.body);
    let id = admin.id.as_str();
    let events = app.events().await;
    let is_key = |event: &&String| event.starts_with("signing_key.created by service, of ");
    let key = events.iter().find(is_key).unwrap();
    let expected = [
        format!("service.bootstrapped by operator, of {id}"),
        format!("user.created by operator, of {id}"),
        key.clone(),
        format!("session.created by user:{id}, of {id}"),
    ];
    assert_eq!(events, expected);

    let before = app.contents();
    assert_snapshot!(holder.post(BOOTSTRAP, ada()).await, @r#"
    409 Conflict
    content-type: application/problem+json
    ratelimit: "bootstrap";r=10;t=0
    ratelimit-policy: "bootstrap";q=10;w=1800

    {
      "code": "already_bootstrapped",
      "detail": "There is an admin already.",
      "request_id": "[id 1]",
      "status": 409,
      "title": "Conflict",
      "type": "urn:rollcall:problem:already_bootstrapped"
    }
    "#);
    let other = json!({"email": "other@example.com", "password": PASSWORD, "name": "Other"});
    holder.post(BOOTSTRAP, other).await.assert_problem(409, "already_bootstrapped");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn of_many_who_bootstrap_at_once_one_becomes_the_admin() {
    let app = TestApp::new().await;
    let holder = app.anon().showing(BOOTSTRAP_TOKEN);
    let bodies = (0..8).map(|number| {
        json!({"email": format!("{number}@example.com"), "password": PASSWORD, "name": "Admin"})
    });
    let answers = join_all(bodies.map(|body| holder.post(BOOTSTRAP, body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for refused in answers.into_iter().filter(|answer| answer.status != 201) {
        refused.assert_problem(409, "already_bootstrapped");
    }
    assert_eq!(app.sql("SELECT id FROM users", Vec::new()).await.len(), 1);
}

#[tokio::test]
async fn nobody_else_does() {
    let app = TestApp::new().await;
    app.anon().get("/.well-known/jwks.json").await.assert_status(200);
    let before = app.contents();
    for token in ["", "wrong", &format!("{BOOTSTRAP_TOKEN}x"), &BOOTSTRAP_TOKEN[1..]] {
        let answer = app.anon().showing(token).post(BOOTSTRAP, ada()).await;
        answer.assert_problem(401, "unauthenticated");
    }
    let basic = format!("Basic {BOOTSTRAP_TOKEN}");
    let answer = app.anon().with("authorization", &basic).post(BOOTSTRAP, ada()).await;
    answer.assert_problem(401, "unauthenticated");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn without_a_bootstrap_token_the_door_is_closed() {
    let app = TestApp::with(&[("bootstrap_token", "")]).await;
    for authorization in ["Bearer ", "Bearer", "Bearer x"] {
        let client = app.anon().with("authorization", authorization);
        client.post(BOOTSTRAP, ada()).await.assert_problem(401, "unauthenticated");
    }
    app.anon().post(BOOTSTRAP, ada()).await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn an_admin_must_be_able_to_sign_in() {
    let app = TestApp::new().await;
    let holder = app.anon().showing(BOOTSTRAP_TOKEN);
    app.anon().get("/.well-known/jwks.json").await.assert_status(200);
    let before = app.contents();
    let answer = holder.post(BOOTSTRAP, json!({"password": "short"})).await.assert_status(422);
    let expected = [("email", "required"), ("password", "too_short"), ("name", "required")];
    assert_eq!(answer.field_errors(), expected);
    assert_eq!(app.contents(), before);
}
