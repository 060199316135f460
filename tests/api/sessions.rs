//! `/api/v1/sessions`: signing in, staying signed in, signing out.

use std::time::Duration;

use futures_util::future::join_all;
use insta::assert_snapshot;
use serde_json::json;

use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, TestApp};

const SESSIONS: &str = "/api/v1/sessions";
const REFRESH: &str = "/api/v1/sessions/refresh";
const GRACE: Duration = Duration::from_secs(10);

async fn refresh(app: &TestApp, token: &str) -> Response {
    app.anon().post(REFRESH, json!({"refresh_token": token})).await
}

#[tokio::test]
async fn signing_in_gives_tokens_and_tells_of_the_session() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let before = app.database.calls();
    let credentials = json!({"email": "ALICE@example.com", "password": PASSWORD});
    let client = app.anon().with("user-agent", "Firefox on Linux");
    assert_snapshot!(client.post(SESSIONS, credentials).await, @r#"
    201 Created
    content-type: application/json
    ratelimit: "sign-in";r=10;t=0, "sign-in-address";r=200;t=0
    ratelimit-policy: "sign-in";q=10;w=1800, "sign-in-address";q=200;w=1800

    {
      "access_token": "[access token 1]",
      "expires_in": 600,
      "refresh_token": "rcr_[1]",
      "session": {
        "address": "203.0.113.7",
        "created_at": "2026-01-01T00:00:00.000000Z",
        "current": true,
        "device": "Firefox on Linux",
        "expires_at": "2026-01-31T00:00:00.000000Z",
        "id": "[id 1]",
        "last_used_at": "2026-01-01T00:00:00.000000Z"
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
    assert_eq!(app.database.calls() - before, 2);
    let event = format!("session.created by user:{0}, of {0}", alice.id);
    assert_eq!(app.events().await.last(), Some(&event));
}

#[tokio::test]
async fn a_device_is_called_as_the_client_calls_it() {
    let app = TestApp::new().await;
    app.user("alice").await;
    let long = "x".repeat(300);
    for (device, user_agent, expected) in [
        (json!("Alice's telephone"), "curl/8", json!("Alice's telephone")),
        (json!(null), "curl/8", json!("curl/8")),
        (json!(null), "", json!(null)),
        (json!(null), long.as_str(), json!("x".repeat(200))),
    ] {
        let mut body = json!({"email": "alice@example.com", "password": PASSWORD});
        if !device.is_null() {
            body["device"] = device;
        }
        let answer = app.anon().with("user-agent", user_agent).post(SESSIONS, body).await;
        assert_eq!(answer.assert_status(201).body["session"]["device"], expected);
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_answered_alike() {
    let app = TestApp::new().await;
    app.user("alice").await;
    let before = app.contents();
    let sign_in = async |place: &str, email: &str, password: &str| {
        let client = app.anon().with("x-request-id", "same").calling_from(place);
        client.post(SESSIONS, json!({"email": email, "password": password})).await
    };
    let wrong = sign_in("192.0.2.1", "alice@example.com", "wrong horse battery staple").await;
    assert_snapshot!(wrong, @r#"
    401 Unauthorized
    content-type: application/problem+json
    ratelimit: "sign-in";r=9;t=180, "sign-in-address";r=199;t=9
    ratelimit-policy: "sign-in";q=10;w=1800, "sign-in-address";q=200;w=1800
    www-authenticate: Bearer

    {
      "code": "invalid_credentials",
      "detail": "The email address or the password is wrong, or the address was not proven yet.",
      "request_id": "same",
      "status": 401,
      "title": "Invalid credentials",
      "type": "urn:rollcall:problem:invalid_credentials"
    }
    "#);
    for (place, email, password) in [
        ("192.0.2.2", "nobody@example.com", PASSWORD),
        ("192.0.2.3", "alice@example.com", " correct horse battery staple"),
        ("192.0.2.4", "alice@example.com", "Correct horse battery staple"),
    ] {
        assert_eq!(sign_in(place, email, password).await, wrong);
    }
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_refresh_continues_the_session_with_new_tokens() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.clock.advance(Duration::from_secs(300));
    let answer = refresh(&app, &alice.refresh_token).await;
    assert_snapshot!(answer, @r#"
    200 OK
    content-type: application/json
    ratelimit: "refresh";r=600;t=0
    ratelimit-policy: "refresh";q=600;w=1800

    {
      "access_token": "[access token 1]",
      "expires_in": 600,
      "refresh_token": "rcr_[1]",
      "session": {
        "address": "203.0.113.7",
        "created_at": "2026-01-01T00:00:00.000000Z",
        "current": true,
        "device": null,
        "expires_at": "2026-01-31T00:05:00.000000Z",
        "id": "[id 1]",
        "last_used_at": "2026-01-01T00:05:00.000000Z"
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
    let later = alice.clone().signed_in(&answer);
    assert_ne!(later.refresh_token, alice.refresh_token);
    assert_ne!(later.access_token, alice.access_token);
    later.get("/api/v1/me").await.assert_status(200);
    // The older access token is good until it expires: by its signature.
    alice.get("/api/v1/me").await.assert_status(200);
    app.clock.advance(Duration::from_secs(300));
    alice.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    later.get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn a_repeated_refresh_inside_the_grace_gets_the_same_successor() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let first = refresh(&app, &alice.refresh_token).await.assert_status(200);
    app.clock.advance(GRACE);
    let again = refresh(&app, &alice.refresh_token).await.assert_status(200);
    assert_eq!(again.text_at("/refresh_token"), first.text_at("/refresh_token"));
    for answer in [first, again] {
        alice.clone().signed_in(&answer).get("/api/v1/me").await.assert_status(200);
    }
}

#[tokio::test]
async fn a_refresh_token_that_was_used_long_ago_ends_its_session_and_no_other() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let elsewhere = app.sign_in(&alice.email).await;
    let thief = alice.clone().signed_in(&refresh(&app, &alice.refresh_token).await);
    app.clock.advance(GRACE + Duration::from_micros(1));
    assert_snapshot!(refresh(&app, &alice.refresh_token).await, @r#"
    401 Unauthorized
    content-type: application/problem+json
    ratelimit: "refresh";r=599;t=3
    ratelimit-policy: "refresh";q=600;w=1800
    www-authenticate: Bearer

    {
      "code": "unauthenticated",
      "detail": "This needs a valid credential.",
      "request_id": "[id 1]",
      "status": 401,
      "title": "Sign in to continue",
      "type": "urn:rollcall:problem:unauthenticated"
    }
    "#);
    for token in [&alice.refresh_token, &thief.refresh_token] {
        refresh(&app, token).await.assert_problem(401, "unauthenticated");
    }
    for client in [&alice, &thief] {
        client.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    }
    elsewhere.get("/api/v1/me").await.assert_status(200);
    refresh(&app, &elsewhere.refresh_token).await.assert_status(200);
    let event = format!("session.refresh_token_replayed by anonymous, of {}", alice.id);
    assert_eq!(app.events().await.iter().filter(|told| **told == event).count(), 1);
}

#[tokio::test]
async fn an_older_ancestor_ends_the_session_even_inside_the_grace() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let second = refresh(&app, &alice.refresh_token).await.text_at("/refresh_token");
    let third = refresh(&app, &second).await.text_at("/refresh_token");
    refresh(&app, &alice.refresh_token).await.assert_problem(401, "unauthenticated");
    refresh(&app, &third).await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn parallel_refreshes_make_one_branch() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let answers = join_all((0..16).map(|_| refresh(&app, &alice.refresh_token))).await;
    let tokens: Vec<_> = answers.iter().map(|answer| answer.text_at("/refresh_token")).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
    for answer in answers {
        let client = alice.clone().signed_in(&answer.assert_status(200));
        client.get("/api/v1/me").await.assert_status(200);
    }
    refresh(&app, &tokens[0]).await.assert_status(200);
}

#[tokio::test]
async fn a_session_ends_by_itself_unless_it_is_refreshed() {
    let day = Duration::from_secs(86_400);
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.clock.advance(29 * day);
    let token = refresh(&app, &alice.refresh_token).await.text_at("/refresh_token");
    app.clock.advance(29 * day);
    let token = refresh(&app, &token).await.text_at("/refresh_token");
    app.clock.advance(30 * day);
    refresh(&app, &token).await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_is_no_refresh_token_of_a_session_is_refused() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    let before = app.contents();
    let (half, rest) = alice.refresh_token.split_at(40);
    for token in [
        "",
        "rcr_",
        half,
        &format!("{}{rest}", &bob.refresh_token[..40]),
        &format!("{}A", alice.refresh_token),
        &alice.refresh_token.to_uppercase(),
        &alice.access_token,
    ] {
        refresh(&app, token).await.assert_problem(401, "unauthenticated");
    }
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_refresh_token_is_worth_nothing_under_another_secret_key() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let key = ("secret_key", "//////////////////////////////////////////8=");
    let other = app.another_instance(&[key]).await;
    let before = app.contents();
    refresh(&other, &alice.refresh_token).await.assert_problem(401, "unauthenticated");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn whoever_is_suspended_is_out_at_the_next_request() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let suspend = "UPDATE users SET suspended_at = 1 WHERE id = $1";
    app.sql(suspend, vec![alice.id.as_str().into()]).await;
    let before = app.contents();
    alice.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    alice.patch("/api/v1/me", json!({"name": "A"})).await.assert_problem(401, "unauthenticated");
    refresh(&app, &alice.refresh_token).await.assert_problem(401, "unauthenticated");
    let sign_in = async |password: &str| {
        app.anon().post(SESSIONS, json!({"email": alice.email, "password": password})).await
    };
    // Only who knows the password learns of it.
    assert_snapshot!(sign_in(PASSWORD).await, @r#"
    403 Forbidden
    content-type: application/problem+json
    ratelimit: "sign-in";r=10;t=0, "sign-in-address";r=200;t=0
    ratelimit-policy: "sign-in";q=10;w=1800, "sign-in-address";q=200;w=1800

    {
      "code": "forbidden",
      "detail": "This account is suspended.",
      "request_id": "[id 1]",
      "status": 403,
      "title": "Forbidden",
      "type": "urn:rollcall:problem:forbidden"
    }
    "#);
    sign_in("wrong password").await.assert_problem(401, "invalid_credentials");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_no_other() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let elsewhere = app.sign_in(&alice.email).await;
    assert_snapshot!(alice.delete("/api/v1/sessions/current").await, @"204 No Content");
    let event = format!("session.ended by user:{0}, of {0}", alice.id);
    assert_eq!(app.events().await.last(), Some(&event));
    alice.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    refresh(&app, &alice.refresh_token).await.assert_problem(401, "unauthenticated");
    alice.delete("/api/v1/sessions/current").await.assert_problem(401, "unauthenticated");
    elsewhere.get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn signing_out_of_a_session_many_times_at_once_ends_it_once() {
    let app = TestApp::new().await;
    let alice: Client = app.user("alice").await;
    let answers = join_all((0..8).map(|_| alice.delete("/api/v1/sessions/current"))).await;
    assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 204 | 401)));
    let events = app.events().await;
    assert_eq!(events.iter().filter(|event| event.starts_with("session.ended")).count(), 1);
}
