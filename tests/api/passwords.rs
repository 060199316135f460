//! `/api/v1/me/password`: changing one's own.

use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{BOOTSTRAP_TOKEN, PASSWORD, TestApp};

const PATH: &str = "/api/v1/me/password";
const NEW: &str = "wrong pony battery staple";

fn change(current: &str, new: &str) -> Value {
    json!({"current_password": current, "new_password": new})
}

async fn sign_in(app: &TestApp, who: &Client, password: &str) -> Response {
    let credentials = json!({"email": who.email, "password": password});
    app.anon().post("/api/v1/sessions", credentials).await
}

#[tokio::test]
async fn a_new_password_takes_the_place_of_the_old_one_and_ends_the_other_sessions() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let elsewhere = app.sign_in(&alice.email).await;
    alice.put(PATH, change(PASSWORD, NEW)).await.assert_status(204);
    alice.get("/api/v1/me").await.assert_status(200);
    elsewhere.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    sign_in(&app, &alice, PASSWORD).await.assert_problem(401, "invalid_credentials");
    sign_in(&app, &alice, NEW).await.assert_status(201);
    let id = &alice.id;
    let event = format!("user.password_changed by user:{id}, of {id}");
    assert!(app.events().await.contains(&event));
    let notice = app.mail_to(&alice.email, "password_changed").await;
    assert_eq!(notice["subject"], "Your password for Rollcall was changed");
}

#[tokio::test]
async fn a_password_is_changed_at_the_version_that_is_meant() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let other = alice.with("if-match", "\"7\"").put(PATH, change(PASSWORD, NEW)).await;
    other.assert_problem(412, "precondition_failed");
    let me = alice.get("/api/v1/me").await.assert_status(200);
    let meant = alice.with("if-match", me.header("etag").unwrap());
    meant.put(PATH, change(PASSWORD, NEW)).await.assert_status(204);
    meant.put(PATH, change(NEW, PASSWORD)).await.assert_problem(412, "precondition_failed");
}

#[tokio::test]
async fn who_does_not_know_the_password_cannot_change_it() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let before = app.contents();
    let answer = alice.put(PATH, change("a guess", NEW)).await;
    let answer = answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.field_errors(), [("current_password", "wrong_password")]);
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_stolen_session_does_not_give_the_password_away() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    for _ in 0..5 {
        alice.put(PATH, change("a guess", NEW)).await.assert_status(422);
        let guess = json!({"password": "a guess"});
        let answer = alice.post("/api/v1/sessions/current/reauthenticate", guess).await;
        answer.assert_problem(401, "invalid_credentials");
    }
    let answer = alice.put(PATH, change(PASSWORD, NEW)).await;
    assert_eq!(answer.header("retry-after"), Some("360"));
    answer.assert_problem(429, "too_many_requests");
    // Signing in is another matter.
    sign_in(&app, &alice, PASSWORD).await.assert_status(201);
}

#[tokio::test]
async fn of_two_changes_at_once_one_happens() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let passwords = [NEW, "another pony battery staple"];
    let put = |number: usize| alice.put(PATH, change(PASSWORD, passwords[number]));
    assert_eq!(TestApp::race(2, put).await, 1);
}

/// Each way to set a password, with the field that it stands in.
async fn answers_to(app: &TestApp, chosen: &str) -> Vec<(Response, &'static str)> {
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    app.anon().post("/api/v1/password-resets", json!({"email": alice.email})).await;
    let token = app.token_to(&alice.email, "reset_password").await;
    let ada = json!({"email": "ada.l@analytical.example", "name": "Ada Lovelace",
        "password": chosen});
    let reset = json!({"token": token, "new_password": chosen});
    let operator = app.anon().showing(BOOTSTRAP_TOKEN);
    vec![
        (operator.post("/api/v1/bootstrap", ada.clone()).await, "password"),
        (admin.post("/api/v1/users", ada.clone()).await, "password"),
        (app.anon().post("/api/v1/registrations", ada).await, "password"),
        (alice.put(PATH, change(PASSWORD, chosen)).await, "new_password"),
        (app.anon().post("/api/v1/password-resets/confirm", reset).await, "new_password"),
    ]
}

#[tokio::test]
async fn a_password_that_is_guessed_first_is_refused_wherever_one_is_set() {
    let app = TestApp::new().await;
    for (answer, field) in answers_to(&app, "Password123").await {
        let answer = answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.field_errors(), [(field, "too_common")]);
    }
}

#[tokio::test]
async fn a_password_of_words_that_anybody_knows_is_refused_wherever_one_is_set() {
    let app = TestApp::new().await;
    // The name of the service and of both users in one: each says little more.
    for (answer, field) in answers_to(&app, "rollcall 2026").await {
        let answer = answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.field_errors(), [(field, "too_personal")]);
    }
    let body = |password: &str| {
        json!({"email": "ada.l@analytical.example",
        "name": "Ada Lovelace", "password": password})
    };
    let admin = app.admin().await;
    for password in ["lovelace1815", "ada.l@analytical.example", "AdaLovelace!", "analytical-1"] {
        let answer = admin.post("/api/v1/users", body(password)).await.assert_status(422);
        assert_eq!(answer.field_errors(), [("password", "too_personal")], "{password}");
    }
    let fine = "ada takes a long walk by the river";
    admin.post("/api/v1/users", body(fine)).await.assert_status(201);
}
