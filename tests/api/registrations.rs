//! `/api/v1/registrations` and `/api/v1/email-verifications`.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, TestApp};

const REGISTER: &str = "/api/v1/registrations";
const VERIFY: &str = "/api/v1/email-verifications";
const CONFIRM: &str = "/api/v1/email-verifications/confirm";
const ADA: &str = "ada@example.com";

fn registration(password: &str) -> Value {
    json!({"email": ADA, "name": "Ada Lovelace", "password": password})
}

async fn sign_in(anon: &Client, password: &str) -> Response {
    anon.post("/api/v1/sessions", json!({"email": ADA, "password": password})).await
}

async fn users(app: &TestApp) -> usize {
    let users = app.admin().await.get("/api/v1/users").await;
    users.body["items"].as_array().unwrap().iter().filter(|user| user["email"] == ADA).count()
}

#[tokio::test]
async fn whoever_registers_is_a_user_once_the_address_is_proven() {
    let app = TestApp::new().await;
    let anon = app.anon();
    assert_snapshot!(anon.post(REGISTER, registration(PASSWORD)).await, @r#"
    202 Accepted
    content-type: application/json
    ratelimit: "registration";r=9;t=360, "registration-address";r=299;t=12
    ratelimit-policy: "registration";q=10;w=3600, "registration-address";q=300;w=3600

    {
      "status": "accepted"
    }
    "#);
    sign_in(&anon, PASSWORD).await.assert_problem(401, "invalid_credentials");
    assert_eq!(users(&app).await, 0);

    let token = app.token_to(ADA, "verify_email").await;
    anon.post(CONFIRM, json!({"token": token})).await.assert_status(204);
    let ada = sign_in(&anon, PASSWORD).await.assert_status(201);
    assert_eq!(ada.text_at("/user/name"), "Ada Lovelace");
    assert_eq!(ada.text_at("/user/email_verified_at"), "2026-01-01T00:00:01.000000Z");
    assert_eq!(ada.body["user"]["roles"], json!(["user"]));

    let again = anon.post(CONFIRM, json!({"token": token})).await;
    assert_eq!(again.assert_status(422).field_errors(), [("token", "invalid_token")]);
    let id = ada.text_at("/user/id");
    let events = app.events().await;
    let expected = [
        "registration.requested by anonymous, of ".to_owned(),
        format!("user.created by anonymous, of {id}"),
        format!("user.email_verified by anonymous, of {id}"),
        format!("session.created by user:{id}, of {id}"),
    ];
    assert!(events.ends_with(&expected[1..]) && events.contains(&expected[0]), "{events:?}");
}

#[tokio::test]
async fn a_known_address_gets_the_same_answer_for_the_same_work_and_a_mail_that_says_so() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let register = async |email: &str, place: &str| {
        let before = app.database.calls();
        let body = json!({"email": email, "name": "Ada", "password": "another password"});
        let answer = app.anon().calling_from(place).post(REGISTER, body).await;
        (answer.to_string(), app.database.calls() - before)
    };
    let known = register("alice@example.com", "192.0.2.1").await;
    assert_eq!(known, register("nobody@example.com", "192.0.2.2").await);
    // Nor does it help to sign in with the password that one has just chosen.
    let sign_in = async |email: &str, place: &str| {
        let before = app.database.calls();
        let body = json!({"email": email, "password": "another password"});
        let anon = app.anon().calling_from(place).with("x-request-id", "same");
        let answer = anon.post("/api/v1/sessions", body).await;
        (answer.to_string(), app.database.calls() - before)
    };
    let known = sign_in("alice@example.com", "192.0.2.1").await;
    assert_eq!(known, sign_in("nobody@example.com", "192.0.2.2").await);

    let mail = app.mail_to(&alice.email, "account_exists").await;
    assert_eq!(mail["subject"], "You already have an account at Rollcall");
    assert_eq!(app.mails_to(&alice.email).await.len(), 1);
    let other = json!({"email": alice.email, "password": "another password"});
    app.anon().post("/api/v1/sessions", other).await.assert_problem(401, "invalid_credentials");
    app.sign_in(&alice.email).await;
    // Nothing is left by which the address could be registered after all.
    app.anon().post(VERIFY, json!({"email": alice.email})).await.assert_status(202);
    assert_eq!(app.mails_to(&alice.email).await.len(), 2, "the user's own address is unproven");
}

#[tokio::test]
async fn a_password_that_a_stranger_registered_with_dies_when_the_owner_proves_the_address() {
    for stranger_comes_first in [true, false] {
        let app = TestApp::new().await;
        let anon = app.anon();
        let mut passwords = ["the stranger's password", PASSWORD];
        if !stranger_comes_first {
            passwords.reverse();
        }
        let mut tokens = Vec::new();
        for password in passwords {
            anon.post(REGISTER, registration(password)).await.assert_status(202);
            tokens.push(app.token_to(ADA, "verify_email").await);
        }
        if !stranger_comes_first {
            tokens.reverse();
        }
        anon.post(CONFIRM, json!({"token": tokens[1]})).await.assert_status(204);
        let late = anon.post(CONFIRM, json!({"token": tokens[0]})).await.assert_status(422);
        assert_eq!(late.field_errors(), [("token", "invalid_token")]);
        let stranger = sign_in(&anon, "the stranger's password").await;
        stranger.assert_problem(401, "invalid_credentials");
        sign_in(&anon, PASSWORD).await.assert_status(201);
    }
}

#[tokio::test]
async fn a_stranger_gains_nothing_when_the_owner_opens_their_mail_and_shows_a_password() {
    let app = TestApp::new().await;
    let anon = app.anon();
    anon.post(REGISTER, registration(PASSWORD)).await.assert_status(202);
    let own = app.token_to(ADA, "verify_email").await;
    anon.post(REGISTER, registration("the stranger's password")).await.assert_status(202);
    let other = app.token_to(ADA, "verify_email").await;

    let before = app.contents();
    let shown = json!({"token": other, "password": PASSWORD});
    let answer = anon.post(CONFIRM, shown).await.assert_problem(422, "validation_failed");
    assert_eq!(answer.field_errors(), [("password", "wrong_password")]);
    assert_eq!(app.contents(), before);
    let shown = json!({"token": own, "password": PASSWORD});
    anon.post(CONFIRM, shown).await.assert_status(204);
    sign_in(&anon, PASSWORD).await.assert_status(201);
}

#[tokio::test]
async fn what_a_stranger_typed_is_not_mailed() {
    let app = TestApp::new().await;
    let body = json!({"email": ADA, "name": "Win at evil.example", "password": PASSWORD});
    app.anon().post(REGISTER, body).await.assert_status(202);
    let mail = app.mail_to(ADA, "verify_email").await;
    assert!(!mail.to_string().contains("evil.example"), "{mail:#}");
}

#[tokio::test]
async fn registration_can_be_closed() {
    let app = TestApp::with(&[("registration", "closed")]).await;
    let before = app.contents();
    let answer = app.anon().post(REGISTER, registration(PASSWORD)).await;
    answer.assert_problem(403, "registration_closed");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn nobody_who_registered_before_is_a_user_after_registration_was_closed() {
    for (mode, code) in [("closed", "registration_closed"), ("invite", "invitation_required")] {
        let app = TestApp::new().await;
        app.anon().post(REGISTER, registration(PASSWORD)).await.assert_status(202);
        let token = app.token_to(ADA, "verify_email").await;
        let email = json!({"email": ADA});
        let link = app.anon().post("/api/v1/magic-links", email.clone()).await.assert_status(202);
        let link = json!({"token": app.token_to(ADA, "magic_link").await, "request": link.body["request"]});
        app.anon().post("/api/v1/password-resets", email.clone()).await.assert_status(202);
        let reset = app.token_to(ADA, "reset_password").await;
        let reset = json!({"token": reset, "new_password": "another password"});

        let closed = app.another_instance(&[("registration", mode)]).await;
        let anon = closed.anon();
        for token in [json!({"token": token}), json!({"token": token, "password": PASSWORD})] {
            anon.post(CONFIRM, token).await.assert_problem(403, code);
        }
        for (path, body) in [("magic-links", link), ("password-resets", reset)] {
            let answer = anon.post(format!("/api/v1/{path}/confirm"), body).await;
            assert_eq!(answer.assert_status(422).field_errors(), [("token", "invalid_token")]);
        }
        let mails = app.mails_to(ADA).await.len();
        for path in ["email-verifications", "magic-links", "email-codes", "password-resets"] {
            anon.post(format!("/api/v1/{path}"), email.clone()).await.assert_status(202);
        }
        assert_eq!((closed.mails_to(ADA).await.len(), users(&app).await), (mails, 0), "{mode}");
    }
}

#[tokio::test]
async fn every_bad_field_of_a_registration_is_told() {
    let app = TestApp::new().await;
    let body = json!({"email": "ada", "password": "short", "invitation": "x", "roles": ["admin"]});
    let answer = app.anon().post(REGISTER, body).await.assert_problem(422, "validation_failed");
    let expected = [
        ("email", "invalid_email"),
        ("password", "too_short"),
        ("name", "required"),
        ("invitation", "invalid_token"),
        ("roles", "read_only"),
    ];
    assert_eq!(answer.field_errors(), expected);
}

#[tokio::test]
async fn a_lost_mail_is_sent_again_with_another_token_that_ends_the_first() {
    let app = TestApp::new().await;
    let anon = app.anon();
    anon.post(REGISTER, registration(PASSWORD)).await.assert_status(202);
    let first = app.token_to(ADA, "verify_email").await;
    anon.post(VERIFY, json!({"email": "ADA@example.com"})).await.assert_status(202);
    let second = app.token_to(ADA, "verify_email").await;
    anon.post(CONFIRM, json!({"token": first})).await.assert_status(422);
    anon.post(CONFIRM, json!({"token": second})).await.assert_status(204);
    sign_in(&anon, PASSWORD).await.assert_status(201);
}

/// What is mailed again when the owner of the address and then a stranger registered.
async fn mailed_again_after_a_stranger(app: &TestApp) -> String {
    for password in [PASSWORD, "the stranger's password"] {
        app.anon().post(REGISTER, registration(password)).await.assert_status(202);
        app.token_to(ADA, "verify_email").await;
    }
    app.anon().post(VERIFY, json!({"email": ADA})).await.assert_status(202);
    app.token_to(ADA, "verify_email").await
}

#[tokio::test]
async fn what_is_mailed_again_gives_nobody_the_password_of_a_stranger() {
    let app = TestApp::new().await;
    let anon = app.anon();
    let token = mailed_again_after_a_stranger(&app).await;
    anon.post(CONFIRM, json!({"token": token})).await.assert_status(204);
    for password in [PASSWORD, "the stranger's password"] {
        sign_in(&anon, password).await.assert_problem(401, "invalid_credentials");
    }
    assert_eq!(users(&app).await, 1);
    // The owner chooses one now.
    anon.post("/api/v1/password-resets", json!({"email": ADA})).await.assert_status(202);
    let reset = app.token_to(ADA, "reset_password").await;
    let chosen = json!({"token": reset, "new_password": PASSWORD});
    anon.post("/api/v1/password-resets/confirm", chosen).await.assert_status(204);
    sign_in(&anon, PASSWORD).await.assert_status(201);
    let again = anon.post(CONFIRM, json!({"token": token})).await;
    assert_eq!(again.assert_status(422).field_errors(), [("token", "invalid_token")]);
}

#[tokio::test]
async fn the_password_that_is_shown_with_what_is_mailed_again_says_whose_registration_it_is() {
    let app = TestApp::new().await;
    let anon = app.anon();
    let token = mailed_again_after_a_stranger(&app).await;
    let before = app.contents();
    let shown = json!({"token": token, "password": "nobody's password"});
    let answer = anon.post(CONFIRM, shown).await.assert_problem(422, "validation_failed");
    assert_eq!(answer.field_errors(), [("password", "wrong_password")]);
    assert_eq!(app.contents(), before);
    let shown = json!({"token": token, "password": PASSWORD});
    anon.post(CONFIRM, shown).await.assert_status(204);
    sign_in(&anon, "the stranger's password").await.assert_problem(401, "invalid_credentials");
    sign_in(&anon, PASSWORD).await.assert_status(201);
}

#[tokio::test]
async fn what_was_mailed_again_proves_no_address_that_a_user_got_meanwhile() {
    let app = TestApp::new().await;
    let token = mailed_again_after_a_stranger(&app).await;
    let ada = app.user("ada").await;
    let late = app.anon().post(CONFIRM, json!({"token": token})).await;
    late.assert_problem(409, "email_taken");
    assert_eq!(ada.get("/api/v1/me").await.body["email_verified_at"], Value::Null);
}

#[tokio::test]
async fn asking_for_a_proof_tells_nothing_of_the_address() {
    let app = TestApp::new().await;
    let anon = app.anon();
    let alice = app.user("alice").await;
    anon.post(REGISTER, registration(PASSWORD)).await.assert_status(202);
    app.mail_to(ADA, "verify_email").await;
    let proven = app.admin().await.email;
    let twice = "twice@example.com";
    for password in [PASSWORD, "the stranger's password"] {
        let body = json!({"email": twice, "name": "Twice", "password": password});
        anon.post(REGISTER, body).await.assert_status(202);
    }
    let mut seen = Vec::new();
    let emails = [&*alice.email, ADA, &*proven, "nobody@example.com", twice];
    for (place, email) in (1..).zip(emails) {
        let before = app.database.calls();
        let anon = anon.calling_from(&format!("192.0.2.{place}"));
        let answer = anon.post(VERIFY, json!({"email": email})).await.assert_status(202);
        seen.push((answer.to_string(), app.database.calls() - before));
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
    assert_eq!(app.mails_to(&alice.email).await.len(), 1);
    assert_eq!(app.mails_to(ADA).await.len(), 2);
    assert_eq!(app.mails_to(&proven).await.len(), 0);
    assert_eq!(app.mails_to("nobody@example.com").await.len(), 0);
    assert_eq!(app.mails_to(twice).await.len(), 3);
}

#[tokio::test]
async fn a_user_whom_an_admin_made_signs_in_at_once_and_may_prove_the_address() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.anon().post(VERIFY, json!({"email": alice.email})).await.assert_status(202);
    let token = app.token_to(&alice.email, "verify_email").await;
    app.anon().post(CONFIRM, json!({"token": token})).await.assert_status(204);
    let me = alice.get("/api/v1/me").await;
    assert_eq!(me.text_at("/email_verified_at"), "2026-01-01T00:00:01.000000Z");
    assert_eq!(me.body["version"], 2);
    app.anon().post(CONFIRM, json!({"token": token})).await.assert_status(422);
}

#[tokio::test]
async fn a_proof_of_an_address_that_a_user_got_meanwhile_is_a_conflict() {
    let app = TestApp::new().await;
    app.anon().post(REGISTER, registration(PASSWORD)).await.assert_status(202);
    let token = app.token_to(ADA, "verify_email").await;
    app.user("ada").await;
    let before = app.contents();
    let late = app.anon().post(CONFIRM, json!({"token": token})).await;
    late.assert_problem(409, "email_taken");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_token_ends_after_a_day_and_a_registration_after_a_week() {
    let app = TestApp::new().await;
    let anon = app.anon();
    anon.post(REGISTER, registration(PASSWORD)).await.assert_status(202);
    let token = app.token_to(ADA, "verify_email").await;
    app.clock.advance(Duration::from_secs(24 * 3_600));
    anon.post(CONFIRM, json!({"token": token})).await.assert_status(422);
    anon.post(VERIFY, json!({"email": ADA})).await.assert_status(202);
    assert_eq!(app.mails_to(ADA).await.len(), 2);
    app.clock.advance(Duration::from_secs(6 * 86_400));
    anon.post(VERIFY, json!({"email": ADA})).await.assert_status(202);
    assert_eq!(app.mails_to(ADA).await.len(), 2);
    sign_in(&anon, PASSWORD).await.assert_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn of_many_who_show_one_token_at_the_same_time_one_succeeds() {
    let app = TestApp::new().await;
    let anon = app.anon();
    anon.post(REGISTER, registration(PASSWORD)).await.assert_status(202);
    let token = app.token_to(ADA, "verify_email").await;
    let confirmed = TestApp::race(32, |_| anon.post(CONFIRM, json!({"token": token}))).await;
    assert_eq!((confirmed, users(&app).await), (1, 1));
}

#[tokio::test]
async fn of_many_who_register_one_address_at_the_same_time_one_gets_it() {
    let app = TestApp::with(&[("rate_limit_scale", "10")]).await;
    let anon = app.anon();
    let register = |_| anon.post(REGISTER, registration(PASSWORD));
    assert_eq!(TestApp::race(16, register).await, 16);
    let mut tokens = Vec::new();
    for mail in app.mails_to(ADA).await {
        let (_, token) = mail["text"].as_str().unwrap().split_once("?token=").unwrap();
        tokens.push(token.split_whitespace().next().unwrap().to_owned());
    }
    assert_eq!(tokens.len(), 16);
    let confirm = |number: usize| anon.post(CONFIRM, json!({"token": tokens[number]}));
    assert_eq!((TestApp::race(16, confirm).await, users(&app).await), (1, 1));
}
