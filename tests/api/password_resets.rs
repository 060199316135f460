//! `/api/v1/password-resets`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp};

const ASK: &str = "/api/v1/password-resets";
const CONFIRM: &str = "/api/v1/password-resets/confirm";
const NEW: &str = "an entirely new password";

fn reset(token: &str) -> Value {
    json!({"token": token, "new_password": NEW})
}

async fn ask(app: &TestApp, email: &str) -> String {
    app.anon().post(ASK, json!({"email": email})).await.assert_status(202);
    app.token_to(email, "reset_password").await
}

#[tokio::test]
async fn a_reset_sets_the_password_ends_every_session_and_tells_the_user() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let elsewhere = app.sign_in(&alice.email).await;
    let token = ask(&app, &alice.email).await;
    alice.get("/api/v1/me").await.assert_status(200);

    let answer = app.anon().post(CONFIRM, reset(&token)).await.assert_status(204);
    assert_eq!(answer.text, "", "it gives no session");
    for client in [&alice, &elsewhere] {
        client.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
        let refresh = json!({"refresh_token": client.refresh_token});
        let answer = app.anon().post("/api/v1/sessions/refresh", refresh).await;
        answer.assert_problem(401, "unauthenticated");
    }
    let sign_in = async |password: &str| {
        let body = json!({"email": alice.email, "password": password});
        app.anon().post("/api/v1/sessions", body).await
    };
    sign_in(PASSWORD).await.assert_problem(401, "invalid_credentials");
    let signed_in = sign_in(NEW).await.assert_status(201);
    assert_eq!(signed_in.text_at("/user/email_verified_at"), "2026-01-01T00:00:01.000000Z");
    let notice = app.mail_to(&alice.email, "password_changed").await;
    assert_eq!(notice["subject"], "Your password for Rollcall was changed");
    let events = app.events().await;
    let expected = format!("user.password_reset by anonymous, of {}", alice.id);
    assert!(events.contains(&expected), "{events:?}");

    let again = app.anon().post(CONFIRM, reset(&token)).await.assert_status(422);
    assert_eq!(again.field_errors(), [("token", "invalid_token")]);
}

#[tokio::test]
async fn asking_tells_nothing_of_the_address() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let suspended = app.user("suspended").await;
    let suspend = "UPDATE users SET suspended_at = 1 WHERE id = $1";
    app.sql(suspend, vec![suspended.id.as_str().into()]).await;
    let mut seen = Vec::new();
    let emails = [&*alice.email, &*suspended.email, "nobody@example.com"];
    for (place, email) in ["192.0.2.1", "192.0.2.2", "192.0.2.3"].iter().zip(emails) {
        let before = app.database.calls();
        let answer = app
            .anon()
            .calling_from(place)
            .post(ASK, json!({"email": email}))
            .await
            .assert_status(202);
        seen.push((answer.to_string(), app.database.calls() - before));
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
    assert_eq!(app.mails_to(&alice.email).await.len(), 1);
    assert_eq!(app.mails_to(&suspended.email).await.len(), 0);
    assert_eq!(app.mails_to("nobody@example.com").await.len(), 0);
}

#[tokio::test]
async fn only_the_newest_token_is_good_and_only_for_half_an_hour() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let first = ask(&app, &alice.email).await;
    let second = ask(&app, &alice.email).await;
    app.anon().post(CONFIRM, reset(&first)).await.assert_status(422);
    app.clock.advance(Duration::from_secs(30 * 60));
    app.anon().post(CONFIRM, reset(&second)).await.assert_status(422);
    let third = ask(&app, &alice.email).await;
    app.clock.advance(Duration::from_secs(30 * 60 - 2));
    app.anon().post(CONFIRM, reset(&third)).await.assert_status(204);
}

#[tokio::test]
async fn a_password_that_is_refused_leaves_the_token_good() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let token = ask(&app, &alice.email).await;
    let body = json!({"token": token, "new_password": "short"});
    let answer = app.anon().post(CONFIRM, body).await.assert_status(422);
    assert_eq!(answer.field_errors(), [("new_password", "too_short")]);
    app.anon().post(CONFIRM, reset(&token)).await.assert_status(204);
}

#[tokio::test]
async fn of_many_resets_with_one_token_at_the_same_time_one_succeeds() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let token = ask(&app, &alice.email).await;
    let anon = app.anon();
    assert_eq!(TestApp::race(32, |_| anon.post(CONFIRM, reset(&token))).await, 1);
    assert_eq!(app.mails_to(&alice.email).await.len(), 2, "the link, and one notice");
}

#[tokio::test]
async fn whoever_resets_the_password_of_a_registered_address_gets_the_account_alone() {
    let app = TestApp::new().await;
    let anon = app.anon();
    let email = "victim@example.com";
    let stranger = json!({"email": email, "name": "Mallory", "password": PASSWORD});
    anon.post("/api/v1/registrations", stranger).await.assert_status(202);
    let strangers_token = app.token_to(email, "verify_email").await;
    let token = ask(&app, email).await;
    anon.post(CONFIRM, reset(&token)).await.assert_status(204);
    let sign_in = async |password: &str| {
        anon.post("/api/v1/sessions", json!({"email": email, "password": password})).await
    };
    sign_in(PASSWORD).await.assert_problem(401, "invalid_credentials");
    sign_in(NEW).await.assert_status(201);
    let late = json!({"token": strangers_token});
    anon.post("/api/v1/email-verifications/confirm", late).await.assert_status(422);
}

#[tokio::test]
async fn a_reset_ends_whatever_else_was_mailed_to_the_user() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    // A thief of the session wants the account for another address.
    let change = json!({"new_email": "thief@example.com", "current_password": PASSWORD});
    alice.post("/api/v1/me/email-change", change).await.assert_status(202);
    let thief = app.token_to("thief@example.com", "confirm_new_email").await;
    let link = json!({"email": alice.email});
    let link = app.anon().post("/api/v1/magic-links", link).await.assert_status(202);
    let magic = app.token_to(&alice.email, "magic_link").await;

    let token = ask(&app, &alice.email).await;
    app.anon().post(CONFIRM, reset(&token)).await.assert_status(204);
    let late = app.anon().post("/api/v1/me/email-change/confirm", json!({"token": thief})).await;
    late.assert_status(422);
    let late = json!({"token": magic, "request": link.text_at("/request")});
    app.anon().post("/api/v1/magic-links/confirm", late).await.assert_status(422);
}

#[tokio::test]
async fn a_token_ends_when_an_admin_changes_the_address() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let token = ask(&app, &alice.email).await;
    let path = format!("/api/v1/users/{}", alice.id);
    let admin = app.admin().await;
    admin.patch(&path, json!({"name": "Alice"})).await.assert_status(200);
    admin.patch(&path, json!({"email": "alice@example.org"})).await.assert_status(200);
    app.anon().post(CONFIRM, reset(&token)).await.assert_status(422);
}
