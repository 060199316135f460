//! `/api/v1/sessions/current/reauthenticate`.

use std::time::Duration;

use insta::assert_snapshot;
use rollcall::store::database::Statement;
use serde_json::json;

use crate::support::authenticator::claims;
use crate::support::{PASSWORD, TestApp};

const REAUTHENTICATE: &str = "/api/v1/sessions/current/reauthenticate";
const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_password_makes_the_session_fresh_and_gives_new_tokens() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.clock.advance(HOUR);
    let alice = app.refresh(&alice).await;
    let before = claims(&alice.access_token);
    let answer = alice.post(REAUTHENTICATE, json!({"password": PASSWORD})).await;
    assert_snapshot!(answer, @r#"
    200 OK
    content-type: application/json
    ratelimit: "password";r=10;t=0
    ratelimit-policy: "password";q=10;w=1800

    {
      "access_token": "[access token 1]",
      "expires_in": 600,
      "refresh_token": "rcr_[1]",
      "session": {
        "address": "203.0.113.7",
        "created_at": "2026-01-01T00:00:00.000000Z",
        "current": true,
        "device": null,
        "expires_at": "2026-01-31T01:00:00.000000Z",
        "id": "[id 1]",
        "last_used_at": "2026-01-01T01:00:00.000000Z"
      },
      "token_type": "Bearer",
      "user": {
        "created_at": "2026-01-01T00:00:00.000000Z",
        "email": "alice@example.com",
        "email_verified_at": null,
        "external_id": null,
        "id": "[id 2]",
        "metadata": {},
        "name": "alice",
        "own_metadata": {},
        "roles": [
          "user"
        ],
        "suspended_at": null,
        "updated_at": "2026-01-01T00:00:00.000000Z",
        "version": 1
      }
    }
    "#);
    let fresh = alice.clone().signed_in(&answer);
    let after = claims(&fresh.access_token);
    assert_eq!(after["sid"], before["sid"]);
    let later = before["auth_time"].as_i64().unwrap() + 3_600;
    assert_eq!((&after["auth_time"], &after["amr"]), (&json!(later), &json!(["pwd"])));
    fresh.get("/api/v1/me").await.assert_status(200);
    app.refresh(&fresh).await;
}

#[tokio::test]
async fn a_wrong_password_changes_nothing() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let before = app.contents();
    let refused = alice.post(REAUTHENTICATE, json!({"password": "not the password"})).await;
    refused.assert_problem(401, "invalid_credentials");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_as_well() {
    let app = TestApp::new().await;
    let alice = app.protect(app.user("alice").await).await;
    app.clock.advance(HOUR);
    let client = app.refresh(&alice.client).await;
    let missing = client.post(REAUTHENTICATE, json!({"password": PASSWORD})).await;
    assert_eq!(missing.assert_status(422).field_errors(), [("code", "required")]);
    for code in [alice.authenticator.wrong_code(), "aaaa-aaaa-aaaa-aaaa".to_owned()] {
        let wrong = json!({"password": PASSWORD, "code": code});
        client.post(REAUTHENTICATE, wrong).await.assert_problem(401, "invalid_credentials");
    }
    let both = json!({"password": PASSWORD, "code": alice.authenticator.code()});
    let answer = client.post(REAUTHENTICATE, both.clone()).await.assert_status(200);
    let fresh = claims(&answer.text_at("/access_token"));
    assert_eq!(fresh["amr"], json!(["pwd", "otp", "mfa"]));
    let used = app.anon().signed_in(&answer).post(REAUTHENTICATE, both).await;
    used.assert_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_good_proof_is_taken_also_where_a_refresh_comes_first_and_not_where_the_end_does() {
    let refreshed = "UPDATE sessions SET generation = generation + 1 WHERE user_id = $1";
    let ended = "UPDATE sessions SET ended_at = 1 WHERE user_id = $1";
    for (first, status) in [(refreshed, 200), (ended, 401)] {
        let app = TestApp::new().await;
        let alice = app.user("alice").await;
        app.database.before_commit(vec![Statement::new(first, vec![alice.id.as_str().into()])]);
        let answer = alice.post(REAUTHENTICATE, json!({"password": PASSWORD})).await;
        let answer = answer.assert_status(status);
        if status == 200 {
            app.refresh(&alice.clone().signed_in(&answer)).await;
        }
    }
}

#[tokio::test]
async fn of_many_good_proofs_at_the_same_time_none_is_refused() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let prove = |_| alice.post(REAUTHENTICATE, json!({"password": PASSWORD}));
    assert_eq!(TestApp::race(4, prove).await, 4);
}

#[tokio::test]
async fn who_has_no_password_signs_in_anew_instead() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let id = alice.id.as_str().into();
    let sql = "UPDATE users SET password_hash = NULL WHERE id = $1 RETURNING id";
    app.sql(sql, vec![id]).await;
    let refused = alice.post(REAUTHENTICATE, json!({"password": PASSWORD})).await;
    refused.assert_problem(409, "no_password");
}

#[tokio::test]
async fn a_token_from_before_does_not_become_fresh_with_its_session() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.clock.advance(HOUR);
    let copied = app.refresh(&alice).await;
    let answer = copied.post(REAUTHENTICATE, json!({"password": PASSWORD})).await;
    let fresh = copied.clone().signed_in(&answer.assert_status(200));
    let stale = copied.delete("/api/v1/me").await;
    stale.assert_problem(401, "insufficient_user_authentication");
    fresh.delete("/api/v1/me").await.assert_status(204);
}

#[tokio::test]
async fn a_refresh_token_from_before_does_not_become_fresh_with_its_session() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.clock.advance(HOUR);
    let copied = app.refresh(&alice).await;
    let answer = copied.post(REAUTHENTICATE, json!({"password": PASSWORD})).await;
    let fresh = copied.clone().signed_in(&answer.assert_status(200));
    app.clock.advance(Duration::from_secs(10));
    let token = json!({"refresh_token": copied.refresh_token});
    let before = app.contents();
    let refused = app.anon().post("/api/v1/sessions/refresh", token.clone()).await;
    refused.assert_problem(409, "refresh_token_replaced");
    assert_eq!(app.contents(), before);
    // What is refreshed after the proof is repeated as ever.
    let later = app.refresh(&fresh).await;
    assert_eq!(app.refresh(&fresh).await.refresh_token, later.refresh_token);
    let refused = app.anon().post("/api/v1/sessions/refresh", token).await;
    refused.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_takes_a_fresh_session_by_me_takes_it_by_users() {
    let app = TestApp::new().await;
    app.admin().await;
    let other = app.user_with_roles("other", &["admin"]).await;
    let alice = app.user("alice").await;
    app.clock.advance(HOUR);
    let stale = app.refresh(&other).await;
    let own = format!("/api/v1/users/{}", other.id);
    let before = app.contents();
    let moved = json!({"email": "mine@example.org"});
    let answer = stale.patch(&own, moved.clone()).await;
    answer.assert_problem(401, "insufficient_user_authentication");
    stale.delete(&own).await.assert_problem(401, "insufficient_user_authentication");
    assert_eq!(app.contents(), before);
    stale.patch(&own, json!({"name": "Other"})).await.assert_status(200);
    stale.patch(format!("/api/v1/users/{}", alice.id), moved).await.assert_status(200);
    app.sign_in(&other.email).await.delete(&own).await.assert_status(204);
}
