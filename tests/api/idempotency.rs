//! `Idempotency-Key`: what is sent again is not done again.

use std::time::Duration;

use http::Method;
use rollcall::store::database::DatabaseError;
use rollcall::transport::http::idempotency::{WITHOUT_KEY, takes_key};
use serde_json::{Value, json};

use crate::authorization::{self, World};
use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{BOOTSTRAP_TOKEN, PASSWORD, TestApp};

pub(crate) const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

/// The same client, whose requests have this key.
pub(crate) fn keyed(client: &Client, key: &str) -> Client {
    client.with("idempotency-key", key)
}

pub(crate) fn new_user(name: &str) -> Value {
    json!({"email": format!("{name}@example.com"), "name": name, "password": PASSWORD})
}

/// What a client gets to see of an answer, and whether it was given before.
pub(crate) fn seen(answer: &Response) -> (u16, &str, [Option<&str>; 3], bool) {
    let headers = ["content-type", "location", "etag"].map(|name| answer.header(name));
    let is_replayed = answer.header("idempotent-replayed") == Some("true");
    (answer.status.as_u16(), &answer.text, headers, is_replayed)
}

/// A service, and a request to it that succeeds once.
struct Case {
    app: TestApp,
    client: Client,
    path: String,
    body: Value,
}

impl Case {
    async fn send(&self) -> Response {
        match &self.body {
            Value::Null => self.client.act(&self.path).await,
            body => self.client.post(&self.path, body.clone()).await,
        }
    }

    /// A case of an operation by the first of the callers who may do it.
    async fn of(path: &str) -> Self {
        match path {
            "/api/v1/bootstrap" => {
                let app = TestApp::new().await;
                let client = app.anon().showing(BOOTSTRAP_TOKEN);
                Self { client, path: path.to_owned(), body: new_user("admin"), app }
            }
            _ if path.ends_with("/confirm") && !path.contains("totp") => Self::mailed(path).await,
            _ => Self::of_table(path).await,
        }
    }

    async fn of_table(path: &str) -> Self {
        let operation = format!("POST {path}");
        let is_done = |status: &u16| (200..300).contains(status);
        let row = authorization::TABLE
            .iter()
            .filter(|row| row.0 == operation)
            .find_map(|row| Some((row, row.3.iter().position(is_done)?)));
        let (row, column) = row.unwrap_or_else(|| panic!("nobody may {operation}"));
        let world = World::new().await;
        let (path, body) = (world.path(path, row.1), row.2(&world));
        let client = world.callers[column].clone();
        Self { client, path, body, app: world.app }
    }

    /// A case of an operation that takes what was mailed.
    async fn mailed(path: &str) -> Self {
        let app = TestApp::new().await;
        let alice = app.user("alice").await;
        let asked = path.trim_end_matches("/confirm").to_owned();
        let (address, kind) = ("alice@example.com", path.split('/').nth(3).unwrap());
        let (client, body) = match kind {
            "me" => {
                let ask = json!({"new_email": "new@example.com", "current_password": PASSWORD});
                alice.post(asked, ask).await.assert_status(202);
                let token = app.token_to("new@example.com", "confirm_new_email").await;
                (app.anon(), json!({"token": token}))
            }
            _ => {
                let answer = app.anon().post(asked, json!({"email": address})).await;
                let request = answer.assert_status(202).body["request"].clone();
                let body = match kind {
                    "magic-links" => {
                        let token = app.token_to(address, "magic_link").await;
                        json!({"token": token, "request": request})
                    }
                    "email-codes" => {
                        let mail = app.mail_to(address, "email_code").await;
                        let subject = mail["subject"].as_str().unwrap();
                        let (_, code) = subject.split_once(": ").unwrap();
                        json!({"code": code, "request": request})
                    }
                    "password-resets" => {
                        let token = app.token_to(address, "reset_password").await;
                        json!({"token": token, "new_password": "wrong pony battery staple"})
                    }
                    _ => {
                        let token = app.token_to(address, "verify_email").await;
                        json!({"token": token})
                    }
                };
                (app.anon(), body)
            }
        };
        Self { app, client, path: path.to_owned(), body }
    }
}

#[tokio::test]
async fn every_post_with_a_key_is_done_once_and_answered_every_time() {
    let document = TestApp::new().await.anon().get("/openapi.json").await.body;
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(post) = item.get("post") else { continue };
        let parameters = post["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_told = parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key");
        let is_exempt = WITHOUT_KEY.iter().any(|(exempt, _)| exempt == path);
        assert_eq!(is_told, !is_exempt, "{path}");
        if is_exempt {
            continue;
        }
        let mut case = Case::of(path).await;
        case.client = keyed(&case.client, KEY);
        let first = case.send().await;
        assert!(first.status.is_success(), "{path}: {first}");
        case.app.background.run().await;
        let before = case.app.contents();
        case.app.clock.advance(Duration::from_secs(60));
        let second = case.send().await;
        let (status, text, headers, _) = seen(&first);
        assert_eq!(seen(&second), (status, text, headers, true), "{path}");
        case.app.background.run().await;
        assert_eq!(case.app.contents(), before, "{path} did something again");
        tried += 1;
    }
    assert!(tried > 20);
}

#[tokio::test]
async fn a_key_is_kept_for_a_day_and_then_purged() {
    let app = TestApp::new().await;
    let jobs = app.api_key(&["jobs:run", "users:write"]).await;
    let client = keyed(&jobs, KEY);
    let count = async || app.sql("SELECT id FROM answers", Vec::new()).await.len();
    let made = client.post("/api/v1/users", new_user("alice")).await.assert_status(201);
    app.clock.advance(Duration::from_secs(24 * 3_600 - 1));
    jobs.act("/internal/jobs/run").await.assert_status(200);
    let again = client.post("/api/v1/users", new_user("alice")).await;
    assert_eq!((again.text, count().await), (made.text, 1));
    app.clock.advance(Duration::from_secs(1));
    // The same key may name another request from now on, purged or not.
    client.post("/api/v1/users", new_user("bob")).await.assert_status(201);
    app.clock.advance(Duration::from_secs(24 * 3_600));
    jobs.act("/internal/jobs/run").await.assert_status(200);
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn a_key_is_of_one_request_only() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    let admin = keyed(&app.admin().await, KEY);
    admin.post("/api/v1/users", new_user("carol")).await.assert_status(201);
    let before = app.contents();
    let other_body = admin.post("/api/v1/users", new_user("dave")).await;
    other_body.assert_problem(422, "idempotency_key_reused");
    let other_target = admin.post("/api/v1/users?x=1", new_user("carol")).await;
    other_target.assert_problem(422, "idempotency_key_reused");
    assert_eq!(app.contents(), before);
    // Another route and another caller have keys of their own.
    admin.act(format!("/api/v1/users/{}/suspend", alice.id)).await.assert_status(200);
    let other_user = admin.act(format!("/api/v1/users/{}/suspend", bob.id)).await;
    other_user.assert_problem(422, "idempotency_key_reused");
    let key = keyed(&app.api_key(&["users:write"]).await, KEY);
    key.post("/api/v1/users", new_user("carol")).await.assert_problem(409, "email_taken");
    key.post("/api/v1/users", new_user("dave")).await.assert_status(201);
}

#[tokio::test]
async fn the_key_of_a_sign_in_tells_nobody_whether_a_password_is_right() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let key = "0190b5f0-7a1c-7cc0-8000-5d1c6f1f3c2a";
    let nobody = keyed(&app.anon(), key);
    let sign_in = async |password: &str| {
        let credentials = json!({"email": alice.email, "password": password});
        nobody.post("/api/v1/sessions", credentials).await
    };
    let first = sign_in(PASSWORD).await.assert_status(201);
    // It is a sign-in like another, under the limits of those.
    for _ in 0..10 {
        sign_in("a guess at it").await.assert_problem(401, "invalid_credentials");
    }
    sign_in("a guess at it").await.assert_problem(429, "too_many_requests");
    assert_eq!(sign_in(PASSWORD).await.text, first.text);
}

#[tokio::test]
async fn the_answer_is_the_callers_whichever_token_they_show_and_nobody_elses() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let first = keyed(&admin, KEY).post("/api/v1/users", new_user("alice")).await;
    app.clock.advance(Duration::from_secs(1));
    let refreshed = app.refresh(&admin).await;
    let again = keyed(&refreshed, KEY).post("/api/v1/users", new_user("alice")).await;
    assert_eq!(again.text, first.text);
    // A token that only names the admin gets what it would get without a key.
    let (head, claims) = admin.access_token.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", claims.chars().rev().collect::<String>());
    let forger = keyed(&app.anon().showing(forged), KEY);
    let refused = forger.post("/api/v1/users", new_user("alice")).await;
    refused.assert_problem(401, "unauthenticated");
    // Nor does one whose session has ended.
    refreshed.delete("/api/v1/sessions/current").await.assert_status(204);
    let late = keyed(&refreshed, KEY).post("/api/v1/users", new_user("alice")).await;
    late.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused_and_nothing_is_done() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let before = app.contents();
    let long = "a".repeat(256);
    for key in ["", "\"\"", "a b", "\"a", "\u{e9}", &long] {
        let answer = keyed(&admin, key).post("/api/v1/users", new_user("alice")).await;
        answer.assert_problem(400, "malformed_request");
    }
    let twice = keyed(&keyed(&admin, KEY), KEY).post("/api/v1/users", new_user("alice")).await;
    twice.assert_problem(400, "malformed_request");
    // Who shows no credential could guess short ones of others.
    let credentials = json!({"email": "admin@example.com", "password": PASSWORD});
    let short = keyed(&app.anon(), "123456789012345").post("/api/v1/sessions", credentials).await;
    short.assert_problem(400, "malformed_request");
    assert_eq!(app.contents(), before);
    // The longest one, and a short one of somebody who is known.
    let longest = keyed(&admin, &"a".repeat(255)).post("/api/v1/users", new_user("alice")).await;
    longest.assert_status(201);
    keyed(&admin, "1").post("/api/v1/users", new_user("bob")).await.assert_status(201);
}

#[tokio::test]
async fn who_is_not_known_is_told_so_before_the_key_is_judged() {
    let app = TestApp::with(&[("rate_limit_scale", "1000")]).await;
    let alice = app.user("alice").await;
    let (garbage, ended) = (app.anon().showing("garbage"), app.sign_in(&alice.email).await);
    ended.delete("/api/v1/sessions/current").await.assert_status(204);
    let document = app.anon().get("/openapi.json").await.body;
    let before = app.contents();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(operation) = item.get("post").filter(|_| takes_key(path)) else { continue };
        // Where anybody may ask, there is only the key to be told of.
        let is_public = operation["security"] == json!([{}]);
        let (status, code) =
            if is_public { (400, "malformed_request") } else { (401, "unauthenticated") };
        for key in ["1", "123456789012345", "a b", "\"", &"a".repeat(256)] {
            for stranger in [&app.anon(), &garbage] {
                let answer = keyed(stranger, key).post(path, json!({"email": 1})).await;
                assert_eq!(answer.status, status, "{path} with {key:.20}: {answer}");
                answer.assert_problem(status, code);
            }
        }
    }
    // Who was known, and is not any more, is a stranger with a short key.
    let answer = keyed(&ended, "1").post("/api/v1/users", new_user("bob")).await;
    answer.assert_problem(401, "unauthenticated");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_key_means_nothing_where_nothing_is_posted() {
    let app = TestApp::new().await;
    let admin = keyed(&app.admin().await, "a b");
    admin.get("/api/v1/me").await.assert_status(200);
    admin.patch("/api/v1/me", json!({"name": "A"})).await.assert_status(200);
    admin.act("/internal/jobs/run").await.assert_status(200);
}

#[tokio::test]
async fn what_failed_is_tried_again() {
    let app = TestApp::new().await;
    let admin = keyed(&app.admin().await, KEY);
    admin.post("/api/v1/users", json!({"name": "A"})).await.assert_status(422);
    app.database.fail(DatabaseError::Unavailable("down".to_owned()));
    admin.post("/api/v1/users", new_user("alice")).await.assert_status(503);
    app.database.repair();
    admin.post("/api/v1/users", new_user("alice")).await.assert_status(201);
}

#[tokio::test]
async fn a_mailed_token_that_is_shown_by_many_at_once_signs_in_once() {
    let app = TestApp::new().await;
    let case = Case::mailed("/api/v1/magic-links/confirm").await;
    let mut instances = Vec::new();
    for _ in 0..4 {
        instances.push(case.app.another_instance(&[]).await);
    }
    let client = keyed(&app.anon(), KEY);
    let send = async |instance| client.at(instance).post(&case.path, case.body.clone()).await;
    let answers = futures_util::future::join_all(instances.iter().map(send)).await;
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.text), (201, &answers[0].text));
    }
}

#[tokio::test]
async fn a_commit_in_doubt_is_answered_when_it_happened() {
    let app = TestApp::new().await;
    let admin = keyed(&app.admin().await, KEY);
    app.database.commit_and_break_off();
    admin.post("/api/v1/users", new_user("alice")).await.assert_status(201);
}

#[tokio::test]
async fn a_key_costs_one_statement_to_read_and_one_to_write() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let cost = async |client: &Client, name: &str| {
        let before = (app.database.calls(), app.database.statements());
        client.post("/api/v1/users", new_user(name)).await.assert_status(201);
        (app.database.calls() - before.0, app.database.statements() - before.1)
    };
    let (calls, statements) = cost(&admin, "alice").await;
    let admin = keyed(&admin, KEY);
    assert_eq!(cost(&admin, "bob").await, (calls + 1, statements + 2));
    assert_eq!(cost(&admin, "bob").await, (1, 1));
}

#[tokio::test]
async fn nothing_of_an_answer_is_stored_in_the_clear() {
    let app = TestApp::new().await;
    let key = json!({"name": "secret-name", "permissions": ["users:read"]});
    let made = keyed(&app.admin().await, KEY).post("/api/v1/api-keys", key).await;
    let rows = app.sql("SELECT id, fingerprint, answer FROM answers", Vec::new()).await;
    let stored = format!("{rows:?}");
    for text in [made.text_at("/key"), made.text_at("/id"), KEY.to_owned()] {
        assert!(!stored.contains(&text), "{text} in {stored}");
    }
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_with_a_key_too() {
    let app = TestApp::with(&[("body_limit", "1024")]).await;
    let admin = keyed(&app.admin().await, KEY);
    let body = " ".repeat(1025);
    let answer = admin.send(Method::POST, "/api/v1/users", "application/json", body).await;
    answer.assert_problem(413, "payload_too_large");
}
