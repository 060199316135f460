//! `/api/v1/me/email-change`.

use std::time::Duration;

use rollcall::store::database::Statement;
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp};

const ASK: &str = "/api/v1/me/email-change";
const CONFIRM: &str = "/api/v1/me/email-change/confirm";
const VERIFY: &str = "/api/v1/email-verifications";
const PROVE: &str = "/api/v1/email-verifications/confirm";
const NEW: &str = "alice@example.org";

fn change(new_email: &str) -> Value {
    json!({"new_email": new_email, "current_password": PASSWORD})
}

#[tokio::test]
async fn the_new_address_is_proven_and_the_old_one_told() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    alice.post(ASK, change(NEW)).await.assert_status(202);
    let warning = app.mail_to(&alice.email, "email_change_requested").await;
    assert!(warning["text"].as_str().unwrap().contains(NEW), "{warning:#}");
    assert_eq!(alice.get("/api/v1/me").await.text_at("/email"), alice.email);

    let token = app.token_to(NEW, "confirm_new_email").await;
    app.anon().post(CONFIRM, json!({"token": token})).await.assert_status(204);
    let me = alice.get("/api/v1/me").await.assert_status(200);
    assert_eq!((me.text_at("/email").as_str(), &me.body["version"]), (NEW, &json!(2)));
    assert_eq!(me.text_at("/email_verified_at"), "2026-01-01T00:00:02.000000Z");
    app.sign_in(NEW).await;
    let old = json!({"email": alice.email, "password": PASSWORD});
    app.anon().post("/api/v1/sessions", old).await.assert_problem(401, "invalid_credentials");
    app.mail_to(&alice.email, "email_changed").await;
    app.anon().post(CONFIRM, json!({"token": token})).await.assert_status(422);
    let events = app.events().await;
    for expected in [
        format!("user.email_change_requested by user:{0}, of {0}", alice.id),
        format!("user.email_changed by anonymous, of {}", alice.id),
    ] {
        assert!(events.contains(&expected), "{events:?}");
    }
}

#[tokio::test]
async fn who_has_no_password_signs_in_just_before() {
    let app = TestApp::with(&[("access_token_ttl", "1h")]).await;
    let alice = app.user("alice").await;
    let refused = alice.post(ASK, json!({"new_email": NEW})).await.assert_status(422);
    assert_eq!(refused.field_errors(), [("current_password", "required")]);
    app.sql("UPDATE users SET password_hash = NULL", Vec::new()).await;
    alice.post(ASK, change(NEW)).await.assert_problem(409, "no_password");
    alice.post(ASK, json!({"new_email": NEW})).await.assert_status(202);
    let token = app.token_to(NEW, "confirm_new_email").await;
    app.anon().post(CONFIRM, json!({"token": token})).await.assert_status(204);
    assert_eq!(alice.get("/api/v1/me").await.text_at("/email"), NEW);
    let passwords = json!({"current_password": PASSWORD, "new_password": "another long password"});
    alice.put("/api/v1/me/password", passwords).await.assert_problem(409, "no_password");

    app.clock.advance(Duration::from_secs(601));
    let late = alice.post(ASK, json!({"new_email": alice.email})).await;
    late.assert_problem(401, "insufficient_user_authentication");
}

#[tokio::test]
async fn who_sets_a_password_meanwhile_must_show_it() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.sql("UPDATE users SET password_hash = NULL", Vec::new()).await;
    let set = Statement::new("UPDATE users SET password_hash = 'x'", Vec::new());
    app.database.before_commit(vec![set]);
    let refused = alice.post(ASK, json!({"new_email": NEW})).await.assert_status(422);
    assert_eq!(refused.field_errors(), [("current_password", "required")]);
    assert!(app.mails_to(NEW).await.is_empty());
}

#[tokio::test]
async fn whose_address_is_changed_by_somebody_else_is_told_if_it_was_proven() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let path = format!("/api/v1/users/{}", alice.id);
    admin.patch(&path, json!({"email": "alicia@example.com"})).await.assert_status(200);
    assert!(app.mails_to(&alice.email).await.is_empty(), "it was never proven");

    app.anon().post(VERIFY, json!({"email": "alicia@example.com"})).await.assert_status(202);
    let token = app.token_to("alicia@example.com", "verify_email").await;
    app.anon().post(PROVE, json!({"token": token})).await.assert_status(204);
    admin.patch(&path, json!({"name": "Alicia"})).await.assert_status(200);
    assert_eq!(app.mails_to("alicia@example.com").await.len(), 1);
    admin.patch(&path, json!({"email": NEW})).await.assert_status(200);
    let notice = app.mail_to("alicia@example.com", "email_changed").await;
    assert!(notice["text"].as_str().unwrap().contains(NEW), "{notice:#}");
    assert!(app.mails_to(NEW).await.is_empty());
}

#[tokio::test]
async fn only_whoever_knows_the_password_may_ask_for_another_address() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let before = app.contents();
    let wrong = json!({"new_email": NEW, "current_password": "another password"});
    let answer = alice.post(ASK, wrong).await.assert_status(422);
    assert_eq!(answer.field_errors(), [("current_password", "wrong_password")]);
    let answer = alice.post(ASK, change("ALICE@example.com")).await.assert_status(422);
    assert_eq!(answer.field_errors(), [("new_email", "unchanged")]);
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_to_whoever_can_read_its_mails_only() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    let carol = app.user("carol").await;
    let free = carol.post(ASK, change("free@example.com")).await.assert_status(202);
    let taken = alice.post(ASK, change(&bob.email)).await.assert_status(202);
    assert_eq!(free.to_string(), taken.to_string());
    let token = app.token_to(&bob.email, "confirm_new_email").await;
    let before = app.contents();
    let answer = app.anon().post(CONFIRM, json!({"token": token})).await;
    answer.assert_problem(409, "email_taken");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn what_was_mailed_to_the_old_address_opens_nothing_any_more() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let email = json!({"email": alice.email});
    app.anon().post("/api/v1/password-resets", email).await.assert_status(202);
    let reset = app.token_to(&alice.email, "reset_password").await;
    alice.post(ASK, change(NEW)).await.assert_status(202);
    let token = app.token_to(NEW, "confirm_new_email").await;
    app.anon().post(CONFIRM, json!({"token": token})).await.assert_status(204);
    let late = json!({"token": reset, "new_password": "a thief's password"});
    app.anon().post("/api/v1/password-resets/confirm", late).await.assert_status(422);
}

#[tokio::test]
async fn only_the_newest_token_is_good_and_only_for_an_hour() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let ask = async |email: &str| {
        alice.post(ASK, change(email)).await.assert_status(202);
        app.token_to(email, "confirm_new_email").await
    };
    let first = ask("first@example.com").await;
    let second = ask("second@example.com").await;
    app.anon().post(CONFIRM, json!({"token": first})).await.assert_status(422);
    app.clock.advance(Duration::from_secs(3_600));
    app.anon().post(CONFIRM, json!({"token": second})).await.assert_status(422);
}

#[tokio::test]
async fn of_many_proofs_at_the_same_time_one_succeeds() {
    let app = TestApp::new().await;
    let (alice, anon) = (app.user("alice").await, app.anon());
    alice.post(ASK, change(NEW)).await.assert_status(202);
    let token = app.token_to(NEW, "confirm_new_email").await;
    assert_eq!(TestApp::race(32, |_| anon.post(CONFIRM, json!({"token": token}))).await, 1);
    assert_eq!(alice.get("/api/v1/me").await.body["version"], 2);
}

#[tokio::test]
async fn of_two_users_who_want_one_address_one_gets_it() {
    let app = TestApp::new().await;
    let mut tokens = Vec::new();
    for name in ["alice", "bob"] {
        app.user(name).await.post(ASK, change(NEW)).await.assert_status(202);
        tokens.push(app.token_to(NEW, "confirm_new_email").await);
    }
    let anon = app.anon();
    let confirm = |number: usize| anon.post(CONFIRM, json!({"token": tokens[number]}));
    assert_eq!(TestApp::race(2, confirm).await, 1);
}

#[tokio::test]
async fn a_password_that_is_changed_meanwhile_asks_for_nothing() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let changed = "UPDATE users SET password_hash = 'another' WHERE email = $1";
    let changed = Statement::new(changed, vec![alice.email.as_str().into()]);
    app.database.before_commit(vec![changed]);
    let answer = alice.post(ASK, change(NEW)).await.assert_problem(422, "validation_failed");
    assert_eq!(answer.field_errors(), [("current_password", "wrong_password")]);
    assert_eq!(app.mails_to(NEW).await.len(), 0);
    let tokens = app.sql("SELECT purpose FROM one_time_tokens", Vec::new()).await;
    assert!(tokens.is_empty(), "{tokens:?}");
}

#[tokio::test]
async fn nobody_mails_to_everybody() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    for number in 0..10 {
        let new = format!("{number}@example.com");
        alice.post(ASK, change(&new)).await.assert_status(202);
    }
    let answer = alice.post(ASK, change("10@example.com")).await;
    answer.assert_problem(429, "too_many_requests");
    assert_eq!(app.mails_to("10@example.com").await.len(), 0);
}
