//! `/api/v1/me/export` and the erasure of `/api/v1/me`.

use std::collections::BTreeSet;
use std::time::Duration;

use insta::assert_snapshot;
use rollcall::store::database::{Database, Dialect};
use rollcall::store::own_data::TABLES;
use serde_json::json;

use crate::support::{PASSWORD, TestApp};

const ME: &str = "/api/v1/me";
const EXPORT: &str = "/api/v1/me/export";

#[tokio::test]
async fn everybody_may_take_along_what_the_service_holds_on_them() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    app.clock.advance(Duration::from_secs(1));
    alice.patch(ME, json!({"name": "Alice"})).await.assert_status(200);
    app.clock.advance(Duration::from_secs(1));
    let export = alice.with("x-request-id", "r-1").get(EXPORT).await;
    assert!(!export.text.contains(&bob.id));
    assert_snapshot!(redact_request_ids(export), @r#"
    200 OK
    content-type: application/json

    {
      "exported_at": "2026-01-01T00:00:02.000000Z",
      "profile": {
        "created_at": "2026-01-01T00:00:00.000000Z",
        "email": "alice@example.com",
        "email_verified_at": null,
        "external_id": null,
        "id": "[id 1]",
        "metadata": {},
        "name": "Alice",
        "own_metadata": {},
        "roles": [
          "user"
        ],
        "suspended_at": null,
        "updated_at": "2026-01-01T00:00:01.000000Z",
        "version": 2
      },
      "records": {
        "events": [
          {
            "actor": "user:[id 2]",
            "at": "2026-01-01T00:00:00.000000Z",
            "id": "[id 3]",
            "kind": "user.created",
            "request_id": "…",
            "subject": "[id 1]"
          },
          {
            "actor": "user:[id 1]",
            "at": "2026-01-01T00:00:00.000000Z",
            "id": "[id 4]",
            "kind": "session.created",
            "request_id": "…",
            "subject": "[id 1]"
          },
          {
            "actor": "user:[id 1]",
            "at": "2026-01-01T00:00:01.000000Z",
            "id": "[id 5]",
            "kind": "user.updated",
            "request_id": "…",
            "subject": "[id 1]"
          },
          {
            "actor": "user:[id 1]",
            "at": "2026-01-01T00:00:02.000000Z",
            "id": "[id 6]",
            "kind": "user.data_exported",
            "request_id": "…",
            "subject": "[id 1]"
          }
        ],
        "invitations": [],
        "mails": [],
        "one_time_tokens": [],
        "recovery_codes": [],
        "registrations": [],
        "sessions": [
          {
            "address": "203.0.113.7",
            "authenticated_at": "2026-01-01T00:00:00.000000Z",
            "created_at": "2026-01-01T00:00:00.000000Z",
            "device": null,
            "ended_at": null,
            "expires_at": "2026-01-31T00:00:00.000000Z",
            "id": "[id 7]",
            "last_used_at": "2026-01-01T00:00:00.000000Z",
            "methods": "pwd"
          }
        ],
        "sign_in_challenges": [],
        "sign_in_tokens": [],
        "totp_factors": [],
        "user_roles": [
          {
            "role": "user"
          }
        ]
      }
    }
    "#);
}

#[tokio::test]
async fn who_has_done_much_gets_all_of_it_in_pieces() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    // Of every third, she is the subject as well; bob's stand between hers.
    let done = "INSERT INTO events (id, kind, actor, subject, at, request_id) \
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
                SELECT 'event-' || CAST(10000 + i AS TEXT), 'user.updated', \
                'user:' || CASE WHEN i % 2 = 0 THEN CAST($1 AS TEXT) ELSE CAST($2 AS TEXT) END, \
                CASE WHEN i % 3 = 0 THEN CAST($1 AS TEXT) END, i, 'r' FROM n";
    app.sql(done, vec![alice.id.as_str().into(), bob.id.as_str().into()]).await;
    let calls = app.database.calls();
    let export = alice.get(EXPORT).await.assert_status(200);
    // Who calls, the event, ten tables of one piece, and five of events.
    assert_eq!(app.database.calls() - calls, 2 + 10 + 5);
    let events = export.body["records"]["events"].as_array().unwrap();
    let hers = |i: &u32| i.is_multiple_of(2) || i.is_multiple_of(3);
    let expected: Vec<_> =
        (1..=3_000).filter(hers).map(|i| format!("event-{}", 10_000 + i)).collect();
    let told: Vec<_> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(told.len(), expected.len() + 3);
    assert_eq!(told[3..], expected);
}

#[tokio::test]
async fn every_table_that_belongs_to_a_user_has_its_place_in_the_export() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let belong = match app.database.dialect() {
        Dialect::Sqlite => {
            "SELECT DISTINCT m.name FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f \
             WHERE m.type = 'table' AND f.\"table\" = 'users'"
        }
        Dialect::Postgres => {
            "SELECT DISTINCT conrelid::regclass::text FROM pg_constraint \
             WHERE contype = 'f' AND confrelid = to_regclass('users')"
        }
    };
    let belong = app.sql(belong, Vec::new()).await.into_iter();
    let mut expected: BTreeSet<_> = belong.map(|row| row.read().text().unwrap()).collect();
    expected.insert("events".to_owned());
    let told = TABLES.iter().map(|table| table.name.to_owned()).collect::<BTreeSet<_>>();
    assert!(told.is_superset(&expected), "missing {:?}", expected.difference(&told));
    let export = alice.get(EXPORT).await.assert_status(200);
    for table in told {
        assert!(export.body["records"][&table].is_array(), "{table}");
    }
}

#[tokio::test]
async fn who_is_erased_leaves_nothing_but_ids() {
    let app = TestApp::new().await;
    let sign_in =
        json!({"email": "ida@example.org", "password": PASSWORD, "device": "Ida's phone"});
    let ida = json!({"email": "ida@example.org", "password": PASSWORD, "name": "Ida Rhodes",
        "metadata": {"town": "Nemyriv"}});
    app.admin().await.post("/api/v1/users", ida).await.assert_status(201);
    let nowhere = ["ida@", "Rhodes", "Nemyriv", "phone"];
    let answer = app.anon().post("/api/v1/sessions", sign_in.clone()).await.assert_status(201);
    let ida = app.anon().signed_in(&answer);
    assert!(nowhere.iter().all(|text| app.contents().contains(text)));
    ida.delete(ME).await.assert_status(204);
    let contents = app.contents();
    assert!(nowhere.iter().all(|text| !contents.contains(text)), "{contents}");
    let event = "SELECT actor FROM events WHERE subject = $1 AND kind = 'user.deleted'";
    let rows = app.sql(event, vec![ida.id.as_str().into()]).await;
    let actors: Vec<_> = rows.into_iter().map(|row| row.read().text().unwrap()).collect();
    assert_eq!(actors, [format!("user:{}", ida.id)]);

    ida.get(ME).await.assert_problem(401, "unauthenticated");
    let token = json!({"refresh_token": ida.refresh_token});
    let refresh = app.anon().post("/api/v1/sessions/refresh", token).await;
    refresh.assert_problem(401, "unauthenticated");
    let again = app.anon().post("/api/v1/sessions", sign_in).await;
    again.assert_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn what_is_known_of_the_address_alone_is_taken_along_and_erased() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let email = json!({"email": "ida@example.org"});
    let register = json!({"email": "ida@example.org", "name": "Ida", "password": PASSWORD});
    app.anon().post("/api/v1/registrations", register.clone()).await.assert_status(202);
    admin.post("/api/v1/invitations", email.clone()).await.assert_status(201);
    app.anon().post("/api/v1/magic-links", email.clone()).await.assert_status(202);
    admin.post("/api/v1/users", register).await.assert_status(201);
    app.anon().post("/api/v1/password-resets", email).await.assert_status(202);
    let ida = app.sign_in("ida@example.org").await;

    let records = ida.get(EXPORT).await.assert_status(200).body["records"].clone();
    let kinds = records["mails"].as_array().unwrap().iter().map(|mail| mail["kind"].clone());
    let kinds = kinds.collect::<Vec<_>>();
    assert_eq!(kinds, ["invitation", "magic_link", "reset_password", "verify_email"]);
    assert_eq!(records["registrations"][0]["name"], "Ida");
    assert_eq!(records["invitations"][0]["roles"], "user");

    ida.delete(ME).await.assert_status(204);
    let left = "SELECT id FROM mails UNION ALL SELECT id FROM registrations \
                UNION ALL SELECT id FROM invitations \
                UNION ALL SELECT hash FROM one_time_tokens WHERE purpose <> 'registration'";
    assert_eq!(app.sql(left, Vec::new()).await.len(), 0);
    assert!(!app.contents().contains("ida@"));
}

#[tokio::test]
async fn what_went_to_another_address_of_somebody_is_theirs_too() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let change = async |email: &str| {
        let body = json!({"new_email": email, "current_password": PASSWORD});
        alice.post("/api/v1/me/email-change", body).await.assert_status(202);
    };
    change("alicia@example.org").await;
    let token = app.token_to("alicia@example.org", "confirm_new_email").await;
    let confirm = json!({"token": token});
    app.anon().post("/api/v1/me/email-change/confirm", confirm).await.assert_status(204);
    // Asked for, and never proven.
    change("lisa@example.org").await;

    let records = alice.get(EXPORT).await.assert_status(200).body["records"].clone();
    assert_eq!(records["mails"].as_array().unwrap().len(), 5);
    alice.delete(ME).await.assert_status(204);
    assert_eq!(app.sql("SELECT id FROM mails", Vec::new()).await.len(), 0);
}

#[tokio::test]
async fn only_who_has_just_proven_who_they_are_is_erased() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.clock.advance(Duration::from_secs(599));
    let token = json!({"refresh_token": alice.refresh_token});
    let answer = app.anon().post("/api/v1/sessions/refresh", token).await.assert_status(200);
    let alice = alice.signed_in(&answer);
    app.clock.advance(Duration::from_secs(2));
    let before = app.contents();
    let late = alice.delete(ME).await.assert_problem(401, "insufficient_user_authentication");
    let challenge = "Bearer error=\"insufficient_user_authentication\", max_age=\"600\"";
    assert_eq!(late.header("www-authenticate"), Some(challenge));
    let fresh = app.sign_in(&alice.email).await;
    assert_ne!(app.contents(), before);
    fresh.with("if-match", "\"7\"").delete(ME).await.assert_problem(412, "precondition_failed");
    fresh.delete(ME).await.assert_status(204);
}

/// Requests have names of their own in every run.
fn redact_request_ids(mut export: crate::support::response::Response) -> String {
    for event in export.body["records"]["events"].as_array_mut().unwrap() {
        event["request_id"] = json!("…");
    }
    export.to_string()
}
