//! Users who bring the hashes of their passwords along from another service.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::response::Response;

const USERS: &str = "/api/v1/users";
/// Of "correct horse".
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
const DJANGO: &str = "pbkdf2_sha256$2000$seasalt2$mvpAPYfriIlxNHX9NoZhXCwz+xuxNOls5p8p58FQA9Y=";

fn ada(password_hash: &str) -> Value {
    json!({"email": "ada@example.com", "name": "Ada Lovelace", "password_hash": password_hash})
}

async fn sign_in(app: &TestApp, password: &str) -> Response {
    let credentials = json!({"email": "ada@example.com", "password": password});
    app.anon().post("/api/v1/sessions", credentials).await
}

async fn stored(app: &TestApp) -> String {
    let sql = "SELECT password_hash FROM users WHERE email_normalized = 'ada@example.com'";
    app.sql(sql, Vec::new()).await.remove(0).read().text().unwrap()
}

#[tokio::test]
async fn whoever_brings_a_hash_signs_in_with_the_password_and_gets_a_hash_of_ours() {
    for hash in [BCRYPT, DJANGO] {
        let app = TestApp::new().await;
        let made = app.admin().await.post(USERS, ada(hash)).await.assert_status(201);
        assert!(!made.to_string().contains("hash"), "{made}");
        assert_eq!(stored(&app).await, hash);

        sign_in(&app, "correct house").await.assert_problem(401, "invalid_credentials");
        assert_eq!(stored(&app).await, hash);

        sign_in(&app, "correct horse").await.assert_status(201);
        let ours = stored(&app).await;
        assert!(ours.starts_with("$argon2id$"), "{ours}");
        sign_in(&app, "correct horse").await.assert_status(201);
        assert_eq!(stored(&app).await, ours);
    }
}

#[tokio::test]
async fn many_first_sign_ins_at_once_all_succeed() {
    let app = TestApp::new().await;
    app.admin().await.post(USERS, ada(BCRYPT)).await.assert_status(201);
    assert_eq!(TestApp::race(4, |_| sign_in(&app, "correct horse")).await, 4);
}

#[tokio::test]
async fn a_hash_that_is_unknown_or_out_of_bounds_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let long = format!("pbkdf2_sha256$1${}$AAAA", "a".repeat(600));
    for (hash, code) in [
        ("5f4dcc3b5aa765d61d8327deb882cf99", "unknown_hash"),
        ("$2b$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", "hash_out_of_bounds"),
        (&long, "too_long"),
    ] {
        let answer = admin.post(USERS, ada(hash)).await;
        let answer = answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.field_errors(), [("password_hash", code)]);
    }
    let mut both = ada(BCRYPT);
    both["password"] = "a long walk by the river".into();
    let answer = admin.post(USERS, both).await.assert_status(422);
    assert_eq!(answer.field_errors(), [("password_hash", "not_with_password")]);
}
