//! What happens to every request, whatever it asks for: its name, its time, its
//! size, its line in the log.

use axum::body::Body;
use http::{Method, Request};
use insta::assert_snapshot;
use rollcall::app::{SystemClock, SystemRng};
use rollcall::domain::time::Clock;
use rollcall::store::database::DatabaseError;
use rollcall::transport::misconfigured;
use serde_json::{Value, json};

use crate::support::response::Response;
use crate::support::{BOOTSTRAP_TOKEN, PASSWORD, TestApp};

#[tokio::test]
async fn a_request_keeps_its_name_if_it_is_well_formed_and_gets_one_if_not() {
    let app = TestApp::new().await;
    let named = async |names: &[&str]| {
        let client =
            names.iter().fold(app.anon(), |client, name| client.with("x-request-id", name));
        let answer = client.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
        let logged = app.log.take()[0]["request_id"].clone();
        let name = answer.header("x-request-id").unwrap().to_owned();
        assert_eq!(logged, name.as_str());
        name
    };
    let (longest, too_long) = ("x".repeat(128), "x".repeat(129));
    for name in ["a", "7f9c24e8-3b12-4fef-91e0-2f6a8a3f2c11", "svc:1_2-3.4", longest.as_str()] {
        assert_eq!(named(&[name]).await, name);
    }
    for names in [
        &[][..],
        &[""],
        &["a b"],
        &["<script>"],
        &["a\"b"],
        &["é"],
        &["{\"a\":1}"],
        &[too_long.as_str()],
        &["one", "two"],
    ] {
        let name = named(names).await;
        assert_eq!(name.as_bytes()[14], b'7', "{name} should be a UUIDv7");
        assert_eq!(name.len(), 36);
    }
}

#[tokio::test]
async fn the_address_of_a_client_is_no_further_away_than_the_proxies_that_are_trusted() {
    for (proxies, forwarded, expected) in [
        ("0", &["198.51.100.1"][..], "203.0.113.7"),
        ("1", &[], "203.0.113.7"),
        ("1", &["198.51.100.1"], "198.51.100.1"),
        ("1", &["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
        ("2", &["192.0.2.66, 198.51.100.1", "198.51.100.2"], "198.51.100.1"),
        ("2", &["2001:db8::1, 198.51.100.2:4711"], "2001:db8::1"),
        ("2", &["unknown, 198.51.100.2"], "198.51.100.2"),
        ("1", &["'; DROP TABLE users"], "203.0.113.7"),
    ] {
        let app = TestApp::with(&[("trusted_proxies", proxies)]).await;
        app.admin().await;
        let with = |client: crate::support::client::Client, value: &&str| {
            client.with("x-forwarded-for", value)
        };
        let client = forwarded.iter().fold(app.anon(), with);
        let credentials = json!({"email": "admin@example.com", "password": PASSWORD});
        let answer = client.post("/api/v1/sessions", credentials).await.assert_status(201);
        assert_eq!(answer.body["session"]["address"], expected, "{proxies} {forwarded:?}");
    }
}

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
    // What needs no database is answered in time.
    app.anon().get("/livez").await.assert_status(200);
}

#[tokio::test]
async fn a_body_may_have_so_many_bytes_and_no_more() {
    let app = TestApp::with(&[("body_limit", "1000")]).await;
    let admin = app.admin().await;
    let before = app.contents();
    let of_size = |size: usize| {
        let empty =
            json!({"email": "a@example.com", "name": "A", "metadata": {"m": ""}}).to_string();
        let metadata = json!({"m": "x".repeat(size - empty.len())});
        json!({"email": "a@example.com", "name": "A", "metadata": metadata}).to_string()
    };
    let post = async |client: &crate::support::client::Client, size| {
        client.send(Method::POST, "/api/v1/users", "application/json", of_size(size)).await
    };
    assert_snapshot!(post(&admin, 1001).await, @r#"
    413 Payload Too Large
    content-type: application/problem+json

    {
      "code": "payload_too_large",
      "detail": "The body must have at most 1000 bytes.",
      "request_id": "[id 1]",
      "status": 413,
      "title": "Payload too large",
      "type": "urn:rollcall:problem:payload_too_large"
    }
    "#);
    // Who says so beforehand is not read at all.
    let honest = admin.with("content-length", "1001");
    post(&honest, 100).await.assert_problem(413, "payload_too_large");
    assert_eq!(app.contents(), before);
    post(&admin, 1000).await.assert_status(201);
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_told_as_such_and_by_no_word_more() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.log.take();
    for (error, status, code) in [
        (
            DatabaseError::Unavailable("unable to open /secret/path.db".to_owned()),
            503,
            "unavailable",
        ),
        (DatabaseError::Busy("database is locked".to_owned()), 503, "unavailable"),
        (DatabaseError::InDoubt("connection closed".to_owned()), 503, "in_doubt"),
        (DatabaseError::Other("no such column: u.secret".to_owned()), 500, "internal"),
        (DatabaseError::ForeignKey, 500, "internal"),
    ] {
        app.database.fail(error.clone());
        let answer = alice.get("/api/v1/me").await.assert_problem(status, code);
        assert!(!answer.text.contains("secret") && !answer.text.contains("database"));
        assert_eq!(answer.header("retry-after"), (status == 503).then_some("1"));
        let line = &app.log.take()[0];
        assert_eq!(line["cause"], error.to_string());
        assert_eq!(line["level"], "warn");
    }
    app.database.repair();
    alice.get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn the_log_has_one_line_for_each_request() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.log.take();
    let path = format!("/api/v1/users/{}?secret=1", alice.id);
    alice.with("x-request-id", "r-1").get(path).await.assert_problem(403, "forbidden");
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let traced = app.anon().with("x-request-id", "r-2").with("traceparent", trace);
    traced.get("/secret").await.assert_problem(404, "not_found");
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
      },
      {
        "cause": null,
        "code": "not_found",
        "duration_us": 0,
        "level": "info",
        "message": "request",
        "method": "GET",
        "request_id": "r-2",
        "route": null,
        "status": 404,
        "time": "2026-01-01T00:00:00.000000Z",
        "trace_id": "0af7651916cd43dd8448eb211c80319c"
      }
    ]
    "#);
}

#[tokio::test]
async fn the_log_says_as_much_as_it_is_asked_to() {
    for (level, lines) in [("error", 0), ("warn", 1), ("info", 2), ("debug", 2)] {
        let app = TestApp::with(&[("log_level", level)]).await;
        app.anon().get("/livez").await.assert_status(200);
        app.database.fail(DatabaseError::Other("damaged".to_owned()));
        app.anon().get("/.well-known/jwks.json").await.assert_problem(500, "internal");
        assert_eq!(app.log.take().len(), lines, "{level}");
    }
}

#[tokio::test]
async fn the_log_holds_no_secrets_and_nothing_about_a_person() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let wrong = json!({"email": alice.email, "password": "a wrong password"});
    app.anon().post("/api/v1/sessions", wrong).await.assert_status(401);
    let refresh = json!({"refresh_token": alice.refresh_token});
    app.anon().post("/api/v1/sessions/refresh", refresh).await.assert_status(200);
    admin.get(format!("/api/v1/users/{}?q=alice@example.com", alice.id)).await;
    admin.get("/api/v1/users?cursor=alice@example.com").await.assert_status(422);
    alice.get("/alice@example.com").await.assert_status(404);
    admin.post("/api/v1/users", json!({"email": "alice@example.com", "name": "A"})).await;
    let log = Value::from(app.log.take()).to_string();
    for secret in [
        BOOTSTRAP_TOKEN,
        PASSWORD,
        "a wrong password",
        "alice",
        "example.com",
        "203.0.113.7",
        &alice.access_token,
        &alice.refresh_token,
    ] {
        assert!(!log.contains(secret), "the log holds {secret}: {log}");
    }
}

#[tokio::test]
async fn while_the_settings_are_wrong_readiness_says_so_and_everything_else_waits() {
    let get = async |_| None;
    let errors = rollcall::config::Config::read(get).await.err().unwrap();
    let ask = async |path: &str| {
        let request = Request::get(path).header("x-request-id", "r-1").body(Body::empty());
        let mut log = String::new();
        let write = |line: &str| log.push_str(line);
        let answer =
            misconfigured(&request.unwrap(), &errors, SystemClock.now(), &SystemRng, write);
        let line: Value = serde_json::from_str(log.strip_suffix('\n').unwrap()).unwrap();
        assert_eq!(
            (&line["request_id"], &line["cause"]),
            (&json!("r-1"), &json!("secret_key is not set"))
        );
        Response::read(answer).await
    };
    for path in ["/health", "/livez"] {
        assert_eq!(ask(path).await.assert_status(200).body, json!({"status": "ok"}));
    }
    let readiness = ask("/readyz").await.assert_status(503);
    let expected = json!({"status": "unavailable", "checks": [
        {"name": "settings", "status": "failed", "problem": "secret_key is not set"},
    ]});
    assert_eq!(readiness.body, expected);
    let answer = ask("/api/v1/me").await.assert_status(503);
    let (sniffing, cached) =
        (answer.header("x-content-type-options"), answer.header("cache-control"));
    assert_eq!((sniffing, cached), (Some("nosniff"), Some("no-store")));
    assert_eq!(
        (&answer.body["code"], answer.header("retry-after")),
        (&json!("unavailable"), Some("30"))
    );
    assert_eq!(
        (&answer.body["request_id"], answer.header("x-request-id")),
        (&json!("r-1"), Some("r-1"))
    );
    assert!(!answer.text.contains("secret_key"));
}
