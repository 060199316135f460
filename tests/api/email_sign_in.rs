//! `/api/v1/magic-links` and `/api/v1/email-codes`.

use std::time::Duration;

use rollcall::store::database::Statement;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, TestApp};

const LINKS: &str = "/api/v1/magic-links";
const CONFIRM_LINK: &str = "/api/v1/magic-links/confirm";
const CODES: &str = "/api/v1/email-codes";
const CONFIRM_CODE: &str = "/api/v1/email-codes/confirm";

/// Asks for a link: what is needed to sign in with it.
async fn link(app: &TestApp, email: &str) -> Value {
    let asked = app.anon().post(LINKS, json!({"email": email})).await.assert_status(202);
    let token = app.token_to(email, "magic_link").await;
    json!({"token": token, "request": asked.text_at("/request")})
}

/// Asks for a code: what is needed to sign in with it.
async fn code(app: &TestApp, email: &str) -> Value {
    let asked = app.anon().post(CODES, json!({"email": email})).await.assert_status(202);
    let mail = app.mail_to(email, "email_code").await;
    let (_, code) = mail["subject"].as_str().unwrap().split_once(": ").unwrap();
    json!({"request": asked.text_at("/request"), "code": code})
}

/// Another code than the right one.
fn wrong(right: &Value) -> Value {
    let code = if right["code"] == "0000 0000" { "00000001" } else { "00000000" };
    json!({"request": right["request"], "code": code})
}

async fn works(app: &TestApp, answer: &Response) -> Client {
    let client = app.anon().signed_in(answer);
    client.get("/api/v1/me").await.assert_status(200);
    client
}

#[tokio::test]
async fn a_link_signs_in_once_and_proves_the_address() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let mut link = link(&app, &alice.email).await;
    link["device"] = json!("Alice's telephone");
    let answer = app.anon().post(CONFIRM_LINK, link.clone()).await.assert_status(201);
    assert_eq!(answer.text_at("/session/device"), "Alice's telephone");
    assert_eq!(answer.text_at("/user/email_verified_at"), "2026-01-01T00:00:01.000000Z");
    let signed_in = works(&app, &answer).await;
    assert_eq!(signed_in.get("/api/v1/me").await.body, answer.body["user"]);
    let again = app.anon().post(CONFIRM_LINK, link).await.assert_status(422);
    assert_eq!(again.field_errors(), [("token", "invalid_token")]);
    // The password that the admin gave stays good.
    app.sign_in(&alice.email).await;
}

#[tokio::test]
async fn a_link_works_only_where_it_was_asked_for() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let right = link(&app, &alice.email).await;
    let elsewhere = app.anon().post(LINKS, json!({"email": "mallory@example.com"})).await;
    let mut stolen = right.clone();
    stolen["request"] = json!(elsewhere.text_at("/request"));
    app.anon().post(CONFIRM_LINK, stolen).await.assert_status(422);
    app.anon().post(CONFIRM_LINK, right).await.assert_status(201);
}

#[tokio::test]
async fn a_code_signs_in_once_however_it_is_typed() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let mut code = code(&app, &alice.email).await;
    code["code"] = json!(code["code"].as_str().unwrap().replace(' ', "-"));
    let answer = app.anon().post(CONFIRM_CODE, code.clone()).await.assert_status(201);
    works(&app, &answer).await;
    let again = app.anon().post(CONFIRM_CODE, code).await.assert_status(422);
    assert_eq!(again.field_errors(), [("code", "invalid_code")]);
}

#[tokio::test]
async fn a_code_may_be_tried_five_times() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let right = code(&app, &alice.email).await;
    for _ in 0..4 {
        app.anon().post(CONFIRM_CODE, wrong(&right)).await.assert_status(422);
    }
    app.anon().post(CONFIRM_CODE, right).await.assert_status(201);

    let right = code(&app, &alice.email).await;
    for _ in 0..5 {
        app.anon().post(CONFIRM_CODE, wrong(&right)).await.assert_status(422);
    }
    app.anon().post(CONFIRM_CODE, right).await.assert_status(422);
}

#[tokio::test]
async fn a_code_is_good_for_its_request_only() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    let (of_alice, of_bob) = (code(&app, &alice.email).await, code(&app, &bob.email).await);
    let mixed = json!({"request": of_alice["request"], "code": of_bob["code"]});
    app.anon().post(CONFIRM_CODE, mixed).await.assert_status(422);
}

#[tokio::test]
async fn asking_tells_nothing_of_the_address() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    for path in [LINKS, CODES] {
        let mut seen = Vec::new();
        for (place, email) in [("192.0.2.1", &*alice.email), ("192.0.2.2", "nobody@example.com")] {
            let before = app.database.calls();
            let answer = app
                .anon()
                .calling_from(place)
                .post(path, json!({"email": email}))
                .await
                .assert_status(202);
            seen.push((answer.to_string(), app.database.calls() - before));
        }
        assert_eq!(seen[0], seen[1]);
    }
    assert_eq!(app.mails_to(&alice.email).await.len(), 2);
    assert_eq!(app.mails_to("nobody@example.com").await.len(), 0);
}

#[tokio::test]
async fn each_is_good_for_ten_minutes_whoever_asks_for_another_one() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    for is_link in [true, false] {
        let path = if is_link { CONFIRM_LINK } else { CONFIRM_CODE };
        let ask = async || {
            if is_link { link(&app, &alice.email).await } else { code(&app, &alice.email).await }
        };
        let (late, first, second) = (ask().await, ask().await, ask().await);
        // Nor does one that is used end another one.
        app.anon().post(path, second).await.assert_status(201);
        app.clock.advance(Duration::from_secs(595));
        app.anon().post(path, first).await.assert_status(201);
        app.clock.advance(Duration::from_secs(5));
        app.anon().post(path, late).await.assert_status(422);
    }
}

#[tokio::test]
async fn none_is_good_any_more_after_another_password() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let (link, code) = (link(&app, &alice.email).await, code(&app, &alice.email).await);
    let change = json!({"current_password": PASSWORD, "new_password": "an altogether new one"});
    alice.put("/api/v1/me/password", change).await.assert_status(204);
    app.anon().post(CONFIRM_LINK, link).await.assert_status(422);
    app.anon().post(CONFIRM_CODE, code).await.assert_status(422);
}

#[tokio::test]
async fn what_was_asked_for_before_there_was_a_user_ends_with_what_is_the_users() {
    let app = TestApp::new().await;
    let (email, anon) = ("ada@example.com", app.anon());
    let registration = json!({"email": email, "name": "Ada", "password": PASSWORD});
    anon.post("/api/v1/registrations", registration).await.assert_status(202);
    let proof = json!({"token": app.token_to(email, "verify_email").await});
    let (first, second) = (link(&app, email).await, code(&app, email).await);
    anon.post("/api/v1/email-verifications/confirm", proof).await.assert_status(204);
    let ada = works(&app, &anon.post(CONFIRM_LINK, first).await.assert_status(201)).await;
    let change = json!({"current_password": PASSWORD, "new_password": "another long password"});
    ada.put("/api/v1/me/password", change).await.assert_status(204);
    anon.post(CONFIRM_CODE, second).await.assert_status(422);
}

#[tokio::test]
async fn whoever_is_deleted_while_they_ask_gets_no_mail() {
    for path in [LINKS, CODES, "/api/v1/password-resets", "/api/v1/email-verifications"] {
        let app = TestApp::new().await;
        let alice = app.user("alice").await;
        let gone = Statement::new("DELETE FROM users", Vec::new());
        app.database.before_commit(vec![gone]);
        app.anon().post(path, json!({"email": alice.email})).await.assert_status(202);
        assert!(app.mails_to(&alice.email).await.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn of_many_who_use_one_at_the_same_time_one_is_signed_in() {
    let app = TestApp::new().await;
    let (alice, anon) = (app.user("alice").await, app.anon());
    let link = link(&app, &alice.email).await;
    assert_eq!(TestApp::race(32, |_| anon.post(CONFIRM_LINK, link.clone())).await, 1);
    let right = code(&app, &alice.email).await;
    assert_eq!(TestApp::race(32, |_| anon.post(CONFIRM_CODE, right.clone())).await, 1);

    let right = code(&app, &alice.email).await;
    assert_eq!(TestApp::race(32, |_| anon.post(CONFIRM_CODE, wrong(&right))).await, 0);
    let tries = "SELECT tries FROM sign_in_tokens WHERE purpose = 'email_code'";
    let rows = app.sql(tries, Vec::new()).await;
    assert_eq!(rows[0].clone().read().integer(), Ok(5));
    anon.post(CONFIRM_CODE, right).await.assert_status(422);
}

#[tokio::test]
async fn a_suspended_user_gets_no_mail_and_no_session() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let link = link(&app, &alice.email).await;
    let suspend = "UPDATE users SET suspended_at = 1 WHERE id = $1";
    app.sql(suspend, vec![alice.id.as_str().into()]).await;
    app.anon().post(CONFIRM_LINK, link).await.assert_problem(403, "forbidden");
    let mails = app.mails_to(&alice.email).await.len();
    app.anon().post(LINKS, json!({"email": alice.email})).await.assert_status(202);
    app.anon().post(CODES, json!({"email": alice.email})).await.assert_status(202);
    assert_eq!(app.mails_to(&alice.email).await.len(), mails);
}

#[tokio::test]
async fn whoever_signs_in_to_a_registered_address_gets_the_account_without_the_strangers_password()
{
    for is_link in [true, false] {
        let app = TestApp::new().await;
        let anon = app.anon();
        let email = "victim@example.com";
        let stranger = json!({"email": email, "name": "Mallory", "password": PASSWORD});
        anon.post("/api/v1/registrations", stranger).await.assert_status(202);
        let strangers_token = app.token_to(email, "verify_email").await;
        let answer = if is_link {
            anon.post(CONFIRM_LINK, link(&app, email).await).await
        } else {
            anon.post(CONFIRM_CODE, code(&app, email).await).await
        };
        works(&app, &answer.assert_status(201)).await;
        let password = json!({"email": email, "password": PASSWORD});
        let stranger = anon.post("/api/v1/sessions", password).await;
        stranger.assert_problem(401, "invalid_credentials");
        let late = json!({"token": strangers_token});
        anon.post("/api/v1/email-verifications/confirm", late).await.assert_status(422);
    }
}
