//! `/api/v1/me/factors` and `/api/v1/users/{id}/factors`.

use std::time::Duration;

use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER};
use futures_util::future::join_all;
use http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, TestApp};

const FACTORS: &str = "/api/v1/me/factors";
const TOTP: &str = "/api/v1/me/factors/totp";
const CONFIRM: &str = "/api/v1/me/factors/totp/confirm";
const RECOVERY_CODES: &str = "/api/v1/me/factors/recovery-codes";
const STEP: Duration = Duration::from_secs(30);

async fn enroll(client: &Client) -> Response {
    client.send(Method::POST, TOTP, "", "").await
}

async fn remove(client: &Client, code: &str) -> Response {
    client.json(Method::DELETE, TOTP, json!({"code": code})).await
}

#[tokio::test]
async fn an_authenticator_app_is_told_its_secret_once() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let answer = enroll(&alice).await.assert_status(201);
    let secret = answer.text_at("/secret");
    assert_eq!(BASE32_NOPAD.decode(secret.as_bytes()).unwrap().len(), 20);
    let expected =
        format!("otpauth://totp/Rollcall:alice%40example.com?secret={secret}&issuer=Rollcall");
    assert_eq!(answer.text_at("/otpauth_uri"), expected);
    assert_eq!(answer.body.as_object().unwrap().len(), 2);
    assert_snapshot!(alice.get(FACTORS).await, @r#"
    200 OK
    content-type: application/json

    {
      "items": [
        {
          "confirmed_at": null,
          "created_at": "2026-01-01T00:00:00.000000Z",
          "kind": "totp"
        }
      ],
      "next_cursor": null,
      "recovery_codes_left": 0
    }
    "#);
}

#[tokio::test]
async fn an_app_is_not_asked_for_before_it_was_confirmed() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let first = app.enroll(&alice).await;
    let second = app.enroll(&alice).await;
    app.sign_in(&alice.email).await;
    alice.post(CONFIRM, json!({"code": first.code()})).await.assert_status(401);
    let confirmed = alice.post(CONFIRM, json!({"code": second.code()})).await.assert_status(200);
    let codes: Vec<String> =
        serde_json::from_value(confirmed.body["recovery_codes"].clone()).unwrap();
    assert_eq!(codes.len(), 10);
    let unique: std::collections::BTreeSet<_> = codes.iter().collect();
    assert_eq!(unique.len(), 10);
    assert!(codes.iter().all(|code| code.len() == 19), "16 letters of 5 bits, 3 hyphens");
    app.half_sign_in(&alice.email).await;
    assert_snapshot!(alice.get(FACTORS).await, @r#"
    200 OK
    content-type: application/json

    {
      "items": [
        {
          "confirmed_at": "2026-01-01T00:00:00.000000Z",
          "created_at": "2026-01-01T00:00:00.000000Z",
          "kind": "totp"
        }
      ],
      "next_cursor": null,
      "recovery_codes_left": 10
    }
    "#);
    enroll(&alice).await.assert_problem(409, "factor_active");
    let again = alice.post(CONFIRM, json!({"code": second.code_at(1)})).await;
    again.assert_problem(409, "factor_active");
}

#[tokio::test]
async fn confirming_ends_the_other_sessions() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let elsewhere = app.sign_in(&alice.email).await;
    let alice = app.protect(alice).await;
    alice.client.get("/api/v1/me").await.assert_status(200);
    elsewhere.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn there_is_nothing_to_confirm_or_to_remove_before_there_is_an_app() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let code = json!({"code": "123456"});
    let before = app.contents();
    alice.post(CONFIRM, code.clone()).await.assert_problem(404, "not_found");
    alice.post(RECOVERY_CODES, code).await.assert_problem(404, "not_found");
    remove(&alice, "123456").await.assert_problem(404, "not_found");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn adding_an_app_needs_a_session_that_is_fresh() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.clock.advance(Duration::from_secs(601));
    let alice = app.refresh(&alice).await;
    let before = app.contents();
    let refused = enroll(&alice).await;
    assert_snapshot!(refused, @r#"
    401 Unauthorized
    content-type: application/problem+json
    www-authenticate: Bearer error="insufficient_user_authentication", max_age="600"

    {
      "code": "insufficient_user_authentication",
      "detail": "Reauthenticate by /api/v1/sessions/current/reauthenticate, then try again.",
      "request_id": "[id 1]",
      "status": 401,
      "title": "Prove again who you are",
      "type": "urn:rollcall:problem:insufficient_user_authentication"
    }
    "#);
    assert_eq!(app.contents(), before);
    let again = json!({"password": PASSWORD});
    let answer = alice.post("/api/v1/sessions/current/reauthenticate", again).await;
    let alice = alice.signed_in(&answer.assert_status(200));
    enroll(&alice).await.assert_status(201);
}

#[tokio::test]
async fn removing_an_app_needs_a_code_of_it_or_a_recovery_code() {
    let app = TestApp::new().await;
    let alice = app.protect(app.user("alice").await).await;
    let used = alice.authenticator.code();
    for code in [used, alice.authenticator.wrong_code(), "aaaa-aaaa-aaaa-aaaa".to_owned()] {
        remove(&alice.client, &code).await.assert_problem(401, "invalid_credentials");
    }
    remove(&alice.client, &alice.authenticator.code_at(1)).await.assert_status(204);
    app.sign_in(&alice.client.email).await;
    let factors = alice.client.get(FACTORS).await;
    let none = json!({"items": [], "next_cursor": null, "recovery_codes_left": 0});
    assert_eq!(factors.body, none);

    let alice = app.protect(alice.client).await;
    remove(&alice.client, &alice.recovery_codes[9]).await.assert_status(204);
    app.sign_in(&alice.client.email).await;
}

#[tokio::test]
async fn new_recovery_codes_take_the_place_of_the_old_ones() {
    let app = TestApp::new().await;
    let alice = app.protect(app.user("alice").await).await;
    let wrong = json!({"code": alice.authenticator.wrong_code()});
    let refused = alice.client.post(RECOVERY_CODES, wrong).await;
    refused.assert_problem(401, "invalid_credentials");
    app.clock.advance(STEP);
    let code = json!({"code": alice.authenticator.code()});
    let answer = alice.client.post(RECOVERY_CODES, code).await.assert_status(200);
    let codes: Vec<String> = serde_json::from_value(answer.body["recovery_codes"].clone()).unwrap();
    assert_eq!(codes.len(), 10);
    let email = &alice.client.email;
    for (code, status) in [(&alice.recovery_codes[0], 401), (&codes[0], 201)] {
        let answer = json!({"token": app.half_sign_in(email).await, "code": code});
        app.anon().post("/api/v1/sessions/second-factor", answer).await.assert_status(status);
    }
}

#[tokio::test]
async fn of_many_who_remove_with_the_same_code_at_once_one_does() {
    let app = TestApp::new().await;
    let alice = app.protect(app.user("alice").await).await;
    app.clock.advance(STEP);
    let code = json!({"code": alice.authenticator.code()});
    let replace = join_all((0..32).map(|_| alice.client.post(RECOVERY_CODES, code.clone()))).await;
    assert_eq!(replace.iter().filter(|answer| answer.status == 200).count(), 1);
    let left = alice.client.get(FACTORS).await.body["recovery_codes_left"].clone();
    assert_eq!(left, 10);
}

#[tokio::test]
async fn who_administers_removes_the_factor_of_somebody_who_has_lost_it() {
    let app = TestApp::new().await;
    let alice = app.protect(app.user("alice").await).await;
    let admin = app.admin().await;
    let path = format!("/api/v1/users/{}/factors", alice.client.id);
    admin.delete(&path).await.assert_status(204);
    alice.client.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    let alice = app.sign_in(&alice.client.email).await;
    // Once is enough, and who has none keeps the session.
    let before = app.contents();
    admin.delete(&path).await.assert_status(204);
    assert_eq!(app.contents(), before);
    alice.get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn nobody_removes_their_own_factor_as_if_it_were_somebody_elses() {
    let app = TestApp::new().await;
    let admin = app.protect(app.admin().await).await.client;
    let before = app.contents();
    let own = admin.delete(format!("/api/v1/users/{}/factors", admin.id)).await;
    own.assert_problem(403, "forbidden");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn what_happens_to_factors_is_written_down() {
    let app = TestApp::new().await;
    let alice = app.protect(app.user("alice").await).await;
    app.clock.advance(STEP);
    let code = json!({"code": alice.authenticator.code()});
    alice.client.post(RECOVERY_CODES, code).await.assert_status(200);
    remove(&alice.client, &alice.authenticator.code_at(1)).await.assert_status(204);
    let alice = app.protect(alice.client).await;
    let path = format!("/api/v1/users/{}/factors", alice.client.id);
    app.admin().await.delete(path).await.assert_status(204);
    let kinds = "SELECT kind FROM events WHERE kind LIKE 'factor.%' ORDER BY id";
    let kinds = app.sql(kinds, Vec::new()).await;
    let kinds: Vec<_> = kinds.into_iter().map(|row| row.read().text().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "factor.enrolled",
            "factor.confirmed",
            "factor.recovery_codes_replaced",
            "factor.removed",
            "factor.enrolled",
            "factor.confirmed",
            "factor.reset",
        ]
    );
}

#[tokio::test]
async fn no_secret_is_stored_or_logged_as_it_is() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let secret = enroll(&alice).await.text_at("/secret");
    let bytes = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let (log, contents) = (Value::from(app.log.take()).to_string(), app.contents());
    for form in [secret, HEXLOWER.encode(&bytes), BASE64.encode(&bytes)] {
        assert!(!log.contains(&form) && !contents.contains(&form), "{form}");
    }
}

#[tokio::test]
async fn whoever_has_a_second_factor_is_told_what_becomes_of_it() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let alice = app.user("alice").await;
    let email = alice.email.clone();
    let subjects = async || {
        let mails = app.mails_to(&email).await.into_iter().rev();
        mails.map(|mail| mail["subject"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let alice = app.protect(alice).await;
    app.clock.advance(Duration::from_secs(1));
    let fresh = json!({"password": PASSWORD, "code": alice.recovery_codes[0]});
    let answer = alice.client.post("/api/v1/sessions/current/reauthenticate", fresh).await;
    answer.assert_status(200);
    app.clock.advance(Duration::from_secs(1));
    let path = format!("/api/v1/users/{}/factors", alice.client.id);
    admin.delete(path).await.assert_status(204);
    let expected = [
        "A second factor was added at Rollcall",
        "A recovery code was used at Rollcall",
        "Your second factor at Rollcall was removed",
    ];
    assert_eq!(subjects().await, expected);
}
