//! `/api/v1/sessions` and `/api/v1/users/{id}/sessions`: seeing and ending them.

use std::time::Duration;

use insta::assert_snapshot;
use rollcall::store::database::Statement;
use serde_json::json;

use crate::support::client::Client;
use crate::support::{PASSWORD, TestApp};

const REFRESH: &str = "/api/v1/sessions/refresh";
const SESSIONS: &str = "/api/v1/sessions";

#[tokio::test]
async fn everybody_sees_where_they_are_signed_in_for_one_statement() {
    let app = TestApp::new().await;
    app.user("other").await;
    let alice = app.user("alice").await;
    app.clock.advance(Duration::from_secs(60));
    let telephone = json!({"email": alice.email, "password": PASSWORD, "device": "telephone"});
    app.anon().post(SESSIONS, telephone).await.assert_status(201);
    let before = app.database.calls();
    assert_snapshot!(alice.get(SESSIONS).await, @r#"
    200 OK
    content-type: application/json

    {
      "items": [
        {
          "address": "203.0.113.7",
          "created_at": "2026-01-01T00:00:00.000000Z",
          "current": true,
          "device": null,
          "expires_at": "2026-01-31T00:00:00.000000Z",
          "id": "[id 1]",
          "last_used_at": "2026-01-01T00:00:00.000000Z"
        },
        {
          "address": "203.0.113.7",
          "created_at": "2026-01-01T00:01:00.000000Z",
          "current": false,
          "device": "telephone",
          "expires_at": "2026-01-31T00:01:00.000000Z",
          "id": "[id 2]",
          "last_used_at": "2026-01-01T00:01:00.000000Z"
        }
      ],
      "next_cursor": null
    }
    "#);
    assert_eq!(app.database.calls() - before, 1);
}

#[tokio::test]
async fn the_list_comes_in_pages_of_sessions_that_go_on() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.clock.advance(Duration::from_secs(29 * 86_400));
    let mut later = Vec::new();
    for _ in 0..4 {
        app.clock.advance(Duration::from_secs(1));
        later.push(app.sign_in(&alice.email).await);
    }
    later[1].delete(format!("{SESSIONS}/current")).await.assert_status(204);
    // The first one has not been refreshed for 30 days.
    app.clock.advance(Duration::from_secs(86_400));
    let current = app.sign_in(&alice.email).await;

    let mut seen = Vec::new();
    let mut next = Some(format!("{SESSIONS}?limit=2"));
    while let Some(path) = next {
        let page = current.get(path).await.assert_status(200);
        let items = page.body["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let cursor = page.body["next_cursor"].as_str();
        next = cursor.map(|cursor| format!("{SESSIONS}?limit=2&cursor={cursor}"));
    }
    let expected = [&later[0], &later[2], &later[3], &current].map(|client| client.session.clone());
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_session_ends_however_often_it_is_refreshed() {
    let settings = [("session_max_age", "1h"), ("refresh_token_ttl", "25m")];
    let app = TestApp::with(&settings).await;
    let mut alice = app.user("alice").await;
    for minutes in [20, 20, 15] {
        app.clock.advance(Duration::from_secs(minutes * 60));
        alice = app.refresh(&alice).await;
    }
    // Five minutes are left to it, and to its last tokens.
    app.clock.advance(Duration::from_secs(30));
    let token = json!({"refresh_token": alice.refresh_token});
    let last = app.anon().post(REFRESH, token).await.assert_status(200);
    assert_eq!(last.body["expires_in"], 270);
    let alice = alice.signed_in(&last);
    assert_eq!(last.text_at("/session/expires_at"), "2026-01-01T01:00:00.000000Z");
    app.clock.advance(Duration::from_secs(269));
    alice.get("/api/v1/me").await.assert_status(200);
    app.clock.advance(Duration::from_secs(1));
    alice.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    let token = json!({"refresh_token": alice.refresh_token});
    app.anon().post(REFRESH, token).await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_session_that_is_ended_is_over_at_once() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    let stolen = app.sign_in(&alice.email).await;
    let path = format!("{SESSIONS}/{}", stolen.session);
    bob.delete(&path).await.assert_problem(404, "not_found");
    stolen.get("/api/v1/me").await.assert_status(200);
    alice.delete(&path).await.assert_status(204);
    stolen.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    let token = json!({"refresh_token": stolen.refresh_token});
    app.anon().post(REFRESH, token).await.assert_problem(401, "unauthenticated");
    alice.delete(&path).await.assert_problem(404, "not_found");
    alice.delete(format!("{SESSIONS}/no-id")).await.assert_problem(404, "not_found");
    alice.get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn ending_the_others_keeps_the_session_that_asks() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    let others = [app.sign_in(&alice.email).await, app.sign_in(&alice.email).await];
    alice.delete(SESSIONS).await.assert_status(204);
    for other in others {
        other.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    }
    for kept in [&alice, &bob] {
        kept.get("/api/v1/me").await.assert_status(200);
    }
    alice.delete(SESSIONS).await.assert_status(204);
}

#[tokio::test]
async fn what_was_begun_in_another_session_ends_with_it() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let thief = app.sign_in(&alice.email).await;
    let change = json!({"new_email": "thief@example.com", "current_password": PASSWORD});
    thief.post("/api/v1/me/email-change", change).await.assert_status(202);
    let token = json!({"token": app.token_to("thief@example.com", "confirm_new_email").await});
    alice.delete(SESSIONS).await.assert_status(204);
    let late = app.anon().post("/api/v1/me/email-change/confirm", token).await;
    late.assert_status(422);
}

#[tokio::test]
async fn another_address_is_of_the_session_in_which_it_was_asked_for() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let change = json!({"new_email": "other@example.com", "current_password": PASSWORD});
    let confirm = "/api/v1/me/email-change/confirm";
    // A session that is ended, or copied, takes it along; another one does not.
    for (is_copied, expected) in [(true, 422), (false, 422)] {
        let thief = app.sign_in(&alice.email).await;
        thief.post("/api/v1/me/email-change", change.clone()).await.assert_status(202);
        let token = json!({"token": app.token_to("other@example.com", "confirm_new_email").await});
        if is_copied {
            app.refresh(&thief).await;
            app.clock.advance(Duration::from_secs(60));
            let old = json!({"refresh_token": thief.refresh_token});
            app.anon().post("/api/v1/sessions/refresh", old).await.assert_status(401);
        } else {
            let session = format!("{SESSIONS}/{}", session_of(&thief).await);
            alice.delete(session).await.assert_status(204);
        }
        app.anon().post(confirm, token).await.assert_status(expected);
    }
    let other = app.sign_in(&alice.email).await;
    alice.post("/api/v1/me/email-change", change).await.assert_status(202);
    let token = json!({"token": app.token_to("other@example.com", "confirm_new_email").await});
    alice.delete(format!("{SESSIONS}/{}", session_of(&other).await)).await.assert_status(204);
    app.anon().post(confirm, token).await.assert_status(204);
}

#[tokio::test]
async fn no_address_is_asked_for_in_a_session_that_ends_meanwhile() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let ended = Statement::new("UPDATE sessions SET ended_at = 1", Vec::new());
    app.database.before_commit(vec![ended]);
    let change = json!({"new_email": "other@example.com", "current_password": PASSWORD});
    let late = alice.post("/api/v1/me/email-change", change).await;
    late.assert_problem(409, "busy");
    assert!(app.mails_to("other@example.com").await.is_empty());
}

/// The id of the session that a client goes on with.
async fn session_of(client: &Client) -> String {
    let sessions = client.get(SESSIONS).await.assert_status(200);
    let items = sessions.body["items"].as_array().unwrap();
    let current = items.iter().find(|session| session["current"] == true).unwrap();
    current["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_may_sees_and_ends_the_sessions_of_those_who_may_not_do_more() {
    let app = TestApp::new().await;
    app.role("desk", &["sessions:read", "sessions:write"]).await;
    let (desk, alice) = (app.user_with_roles("desk", &["desk"]).await, app.user("alice").await);
    let admin = app.admin().await;
    let path = |id| format!("/api/v1/users/{id}/sessions");
    let list = desk.get(path(&alice.id)).await.assert_status(200);
    assert_eq!(list.body["items"][0]["id"], json!(alice.session));
    assert_eq!(list.body["items"][0]["current"], json!(false));
    let own = desk.get(path(&desk.id)).await.assert_status(200);
    assert_eq!(own.body["items"][0]["current"], json!(true));
    desk.get(path(&admin.id)).await.assert_problem(403, "forbidden");
    desk.delete(path(&admin.id)).await.assert_problem(403, "forbidden");
    desk.delete(path(&alice.id)).await.assert_status(204);
    alice.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    let list = desk.get(path(&alice.id)).await.assert_status(200);
    assert_eq!(list.body, json!({"items": [], "next_cursor": null}));
}

#[tokio::test]
async fn a_list_of_one_user_does_not_go_on_with_another() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    app.sign_in(&alice.email).await;
    let admin = app.admin().await;
    let path = |id| format!("/api/v1/users/{id}/sessions?limit=1");
    let cursor = admin.get(path(&alice.id)).await.assert_status(200).text_at("/next_cursor");
    let wrong = admin.get(format!("{}&cursor={cursor}", path(&bob.id))).await;
    assert_eq!(wrong.field_errors(), [("cursor", "invalid_cursor")]);
}
