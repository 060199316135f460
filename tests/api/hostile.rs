//! Requests that mean harm or make no sense: each gets its problem, and nothing
//! changes.

use axum::body::Bytes;
use http::Method;
use serde_json::json;

use crate::support::{PASSWORD, TestApp};

const USERS: &str = "/api/v1/users";

/// What is wrong with the body, the body, and what it is answered with.
fn bodies() -> Vec<(&'static str, Bytes, u16, &'static str)> {
    let user = |rest: &str| format!("{{\"email\": \"a@example.com\", \"name\": \"A\"{rest}}}");
    let text = |text: String| Bytes::from(text);
    let malformed = |what, body: Bytes| (what, body, 400, "malformed_request");
    let invalid = |what, body: Bytes| (what, body, 422, "validation_failed");
    vec![
        malformed("nothing", Bytes::new()),
        malformed("no JSON", text("email=a@example.com&name=A".to_owned())),
        malformed("cut off", text(user("")[..20].to_owned())),
        malformed("JSON and more", text(user("") + "{}")),
        malformed("a trailing comma", text(user(","))),
        malformed("a member twice", text(user(", \"name\": \"B\""))),
        malformed("a comment", text(user(" /* */"))),
        malformed("a byte order mark", text(format!("\u{feff}{}", user("")))),
        malformed("another encoding", user("").encode_utf16().flat_map(u16::to_le_bytes).collect()),
        malformed(
            "invalid UTF-8",
            Bytes::from_static(b"{\"email\": \"a@example.com\", \"name\": \"\xff\"}"),
        ),
        malformed("half a surrogate pair", text(user(", \"metadata\": {\"a\": \"\\ud800\"}"))),
        malformed("a raw NUL", text(user(", \"metadata\": {\"a\": \"\u{0}\"}"))),
        malformed("a number beyond all", text(user(", \"metadata\": {\"a\": 1e999}"))),
        malformed("arrays 100,000 deep", text("[".repeat(100_000))),
        malformed("closed arrays 100,000 deep", text("[".repeat(100_000) + &"]".repeat(100_000))),
        malformed("objects 100,000 deep", text("{\"a\":".repeat(100_000))),
        malformed(
            "metadata 100,000 deep",
            text(user(&format!(", \"metadata\": {{\"a\": {}", "[".repeat(100_000)))),
        ),
        (
            "2 MiB",
            text(user(&format!(", \"metadata\": {{\"a\": \"{}\"}}", "x".repeat(2 << 20)))),
            413,
            "payload_too_large",
        ),
        ("2 MiB of nothing", text(" ".repeat(2 << 20)), 413, "payload_too_large"),
        invalid("an array", text(format!("[{}]", user("")))),
        invalid("a text", text("\"user\"".to_owned())),
        invalid("null", text("null".to_owned())),
        invalid("wrong types", text("{\"email\": 1, \"name\": [\"A\"]}".to_owned())),
        invalid("missing fields", text("{}".to_owned())),
        invalid("an unknown field", text(user(", \"admin\": true"))),
        invalid("a field of the service", text(user(", \"version\": 7"))),
        invalid("a field that poses as a prototype", text(user(", \"__proto__\": {}"))),
        invalid(
            "a NUL in the name",
            text("{\"email\": \"a@example.com\", \"name\": \"A\\u0000\"}".to_owned()),
        ),
        invalid(
            "an address with two @",
            text("{\"email\": \"a@b@example.com\", \"name\": \"A\"}".to_owned()),
        ),
        invalid(
            "a name of a megabyte",
            text(json!({"email": "a@example.com", "name": "A".repeat(1_000_000)}).to_string()),
        ),
        invalid(
            "50,000 unknown fields",
            text(user(&(0..50_000).map(|n| format!(", \"{n}\": 1")).collect::<String>())),
        ),
    ]
}

#[tokio::test]
async fn a_body_that_cannot_be_meant_changes_nothing() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let admin = admin.with("if-match", "*");
    let one = format!("{USERS}/{}", alice.id);
    let before = app.contents();
    let users = admin.get(USERS).await;
    for (what, body, status, code) in bodies() {
        for (method, path) in [(Method::POST, USERS), (Method::PUT, &one)] {
            let answer = admin.send(method, path, "application/json", body.clone()).await;
            assert_eq!(answer.status, status, "{what}: {:.300}", answer.text);
            answer.assert_problem(status, code);
        }
        if status != 422 {
            for (method, path) in [(Method::PATCH, &*one), (Method::PATCH, "/api/v1/me")] {
                let answer = admin.send(method, path, "application/json", body.clone()).await;
                answer.assert_problem(status, code);
            }
            for path in ["/api/v1/sessions", "/api/v1/sessions/refresh"] {
                let answer =
                    app.anon().send(Method::POST, path, "application/json", body.clone()).await;
                answer.assert_problem(status, code);
            }
        }
    }
    assert_eq!(admin.get(USERS).await.body, users.body);
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_query_that_is_no_text_is_malformed() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for query in ["filter=name%20co%20%22%ff%22", "%ff=1", "q=%ED%A0%80", "cursor=%C0%AF"] {
        let answer = admin.get(format!("{USERS}?{query}")).await;
        answer.assert_problem(400, "malformed_request");
    }
}

#[tokio::test]
async fn an_answer_stays_small_whatever_was_sent() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (what, body, ..) in bodies() {
        let answer = admin.send(Method::POST, USERS, "application/json", body).await;
        assert!(answer.text.len() < 16 * 1024, "{what}: {} bytes", answer.text.len());
    }
    let query = format!("{USERS}?{}", (0..1_000).map(|n| format!("p{n}=1&")).collect::<String>());
    let answer = admin.get(query).await.assert_status(422);
    assert!(answer.text.len() < 16 * 1024, "{} bytes", answer.text.len());
}

#[tokio::test]
async fn text_that_is_sql_or_markup_is_text() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (number, name) in [
        "Robert'); DROP TABLE users;--",
        "$1 || ?1 || :a",
        "<script>alert(1)</script>",
        "%s%n${jndi:ldap://x}",
        "\\\" OR 1=1",
    ]
    .into_iter()
    .enumerate()
    {
        let user = json!({"email": format!("{number}'or'1@example.com"), "name": name,
            "metadata": {name: name}});
        let created = admin.post(USERS, user).await.assert_status(201);
        let found = admin.get(created.header("location").unwrap()).await;
        assert_eq!(
            (&found.body["name"], &found.body["metadata"][name]),
            (&json!(name), &json!(name))
        );
    }
    assert_eq!(admin.get(USERS).await.body["items"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn a_password_may_be_anything_that_can_be_typed() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (number, password) in [
        "        ",
        "\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}",
        "pass\u{0}word",
        "line\nbreak!",
        "'; DROP TABLE users; --",
        "é".repeat(256).as_str(),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("{number}@example.com");
        let user = json!({"email": email, "name": "A", "password": password});
        admin.post(USERS, user).await.assert_status(201);
        let sign_in = async |password: &str| {
            let credentials = json!({"email": email, "password": password});
            app.anon().post("/api/v1/sessions", credentials).await
        };
        sign_in(password).await.assert_status(201);
        sign_in(PASSWORD).await.assert_problem(401, "invalid_credentials");
    }
}
