//! `/api/v1/audit-events`: what happened, and the chain over it.

use std::time::Duration;

use futures_util::future::{join, join_all};
use insta::assert_snapshot;
use rollcall::domain::audit::{Filter, Term};
use rollcall::domain::page::{Limit, PageRequest};
use rollcall::domain::time::Timestamp;
use rollcall::store::audit;
use rollcall::store::database::{Database, Row, Statement};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::client::Client;

const EVENTS: &str = "/api/v1/audit-events";
const VERIFY: &str = "/api/v1/audit-events/verify";

/// A member of every event of a list.
async fn told(client: &Client, path: &str, member: &str) -> Vec<String> {
    let answer = client.get(path).await.assert_status(200);
    let items = answer.body["items"].as_array().unwrap();
    items.iter().map(|event| event[member].as_str().unwrap_or("null").to_owned()).collect()
}

/// Every event, the newest first, over as many pages as it takes.
async fn all(client: &Client, limit: u32) -> Vec<Value> {
    let mut events = Vec::new();
    let mut path = format!("{EVENTS}?limit={limit}");
    loop {
        let page = client.get(&path).await.assert_status(200);
        events.extend(page.body["items"].as_array().unwrap().iter().cloned());
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("{EVENTS}?limit={limit}&cursor={cursor}"),
            None => return events,
        }
    }
}

/// A chain of eight events: 1 and 2 of the bootstrap, 3 of the first signing key, 4
/// of the admin's sign-in, 5 to 8 of two users who were created and signed in.
async fn eight(app: &TestApp) -> Client {
    let admin = app.admin().await;
    app.user("alice").await;
    app.user("bob").await;
    let verified = admin.get(VERIFY).await.assert_status(200);
    assert_eq!((&verified.body["end"], &verified.body["intact"]), (&json!(8), &json!(true)));
    admin
}

#[tokio::test]
async fn what_happened_is_listed_the_newest_first() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let listed = admin.with("x-request-id", "r").get(EVENTS).await;
    assert_snapshot!(listed, @r#"
    200 OK
    content-type: application/json

    {
      "items": [
        {
          "actor": "user:[id 1]",
          "at": "2026-01-01T00:00:00.000000Z",
          "hash": "[opaque 1]",
          "id": "[id 2]",
          "kind": "session.created",
          "position": 4,
          "previous_hash": "[opaque 2]",
          "request_id": "[id 3]",
          "subject": "[id 1]"
        },
        {
          "actor": "service",
          "at": "2026-01-01T00:00:00.000000Z",
          "hash": "[opaque 2]",
          "id": "[id 4]",
          "kind": "signing_key.created",
          "position": 3,
          "previous_hash": "[opaque 3]",
          "request_id": "[id 3]",
          "subject": "signing_key:[opaque 4]"
        },
        {
          "actor": "operator",
          "at": "2026-01-01T00:00:00.000000Z",
          "hash": "[opaque 3]",
          "id": "[id 5]",
          "kind": "user.created",
          "position": 2,
          "previous_hash": "[opaque 5]",
          "request_id": "[id 6]",
          "subject": "[id 1]"
        },
        {
          "actor": "operator",
          "at": "2026-01-01T00:00:00.000000Z",
          "hash": "[opaque 5]",
          "id": "[id 7]",
          "kind": "service.bootstrapped",
          "position": 1,
          "previous_hash": "[opaque 6]",
          "request_id": "[id 6]",
          "subject": "[id 1]"
        }
      ],
      "next_cursor": null
    }
    "#);
    assert_eq!(admin.get(EVENTS).await.body, listed.body);
}

#[tokio::test]
async fn a_list_that_is_sealed_costs_one_statement() {
    let app = TestApp::new().await;
    let admin = eight(&app).await;
    let before = app.database.calls();
    admin.get(EVENTS).await.assert_status(200);
    assert_eq!(app.database.calls() - before, 1);
}

#[tokio::test]
async fn events_are_filtered_by_kind_actor_subject_and_time() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    app.clock.advance(Duration::from_secs(60));
    let alice = app.user("alice").await;
    app.clock.advance(Duration::from_secs(60));
    alice.delete("/api/v1/sessions/current").await.assert_status(204);
    let (id, by_alice) = (&alice.id, format!("actor=user:{}", alice.id));
    let by_admin = format!("actor=user:{}", admin.id);
    for (query, kinds) in [
        ("kind=user.created".to_owned(), &["user.created", "user.created"][..]),
        ("kind=no.such.kind".to_owned(), &[]),
        ("actor=operator".to_owned(), &["user.created", "service.bootstrapped"]),
        (by_admin, &["user.created", "session.created"]),
        (by_alice.clone(), &["session.ended", "session.created"]),
        (format!("subject={id}"), &["session.ended", "session.created", "user.created"]),
        (format!("subject={id}&kind=session.ended"), &["session.ended"]),
        ("since=2026-01-01T00:02:00Z".to_owned(), &["session.ended"]),
        ("since=2026-01-01T00:02:00.000001Z".to_owned(), &[]),
        (format!("{by_alice}&until=2026-01-01T01:02:00%2B01:00"), &["session.created"]),
        (format!("{by_alice}&until=2026-01-01T00:01:00Z"), &[]),
        (
            "since=2026-01-01T00:01:00Z&until=2026-01-01T00:01:00.000001Z".to_owned(),
            &["session.created", "user.created"],
        ),
    ] {
        assert_eq!(told(&admin, &format!("{EVENTS}?{query}"), "kind").await, kinds, "{query}");
    }
}

#[tokio::test]
async fn a_filter_that_cannot_be_meant_is_told_so() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let query = "kind=a%20b&actor=%27&subject=&since=yesterday&until=1&limit=0&cursor=x&color=red";
    let refused =
        admin.get(format!("{EVENTS}?{query}")).await.assert_problem(422, "validation_failed");
    assert_eq!(
        refused.field_errors(),
        [
            ("kind", "invalid_term"),
            ("actor", "invalid_term"),
            ("subject", "invalid_term"),
            ("since", "invalid_time"),
            ("until", "invalid_time"),
            ("limit", "out_of_range"),
            ("cursor", "invalid_cursor"),
            ("color", "unknown_field"),
        ]
    );
}

#[tokio::test]
async fn pages_follow_one_another_and_a_cursor_is_good_for_its_filters_only() {
    let app = TestApp::new().await;
    let admin = eight(&app).await;
    let whole = all(&admin, 200).await;
    for limit in [1, 2, 3, 8] {
        assert_eq!(all(&admin, limit).await, whole, "{limit}");
    }
    let positions: Vec<_> = whole.iter().map(|event| event["position"].as_i64()).collect();
    assert_eq!(positions, (1..=8).rev().map(Some).collect::<Vec<_>>());

    let page = admin.get(format!("{EVENTS}?limit=1&kind=session.created")).await;
    let cursor = page.text_at("/next_cursor");
    let next = format!("/api/v1/audit-events?kind=session.created&limit=1&cursor={cursor}");
    assert_eq!(page.header("link"), Some(&*format!("<{next}>; rel=\"next\"")));
    admin.get(&next).await.assert_status(200);
    for other in ["", "&kind=user.created", "&kind=session.created&since=2026-01-01T00:00:00Z"] {
        let refused = admin.get(format!("{EVENTS}?cursor={cursor}{other}")).await;
        assert_eq!(refused.assert_status(422).field_errors(), [("cursor", "invalid_cursor")]);
    }
}

#[tokio::test]
async fn an_event_that_comes_between_two_pages_is_on_none_of_them() {
    let app = TestApp::new().await;
    let admin = eight(&app).await;
    let first = admin.get(format!("{EVENTS}?limit=3")).await;
    app.user("carol").await;
    let cursor = first.text_at("/next_cursor");
    let second = admin.get(format!("{EVENTS}?limit=200&cursor={cursor}")).await.assert_status(200);
    let positions = second.body["items"].as_array().unwrap().iter().map(|e| e["position"].as_i64());
    assert_eq!(positions.collect::<Vec<_>>(), [5, 4, 3, 2, 1].map(Some));
}

#[tokio::test]
async fn every_filter_is_answered_from_an_index() {
    let app = TestApp::on_sqlite().await;
    app.admin().await;
    let term = |text| Some(Term::parse(text).unwrap());
    let (since, until) = (Some(Timestamp::from_seconds(1)), Some(Timestamp::from_seconds(2)));
    for filter in [
        Filter::default(),
        Filter { kind: term("k"), ..Filter::default() },
        Filter { actor: term("a"), since, ..Filter::default() },
        Filter { subject: term("s"), until, ..Filter::default() },
        Filter { since, until, ..Filter::default() },
    ] {
        for after in [None, Some("019b76da-a800-7000-8000-000000000000".to_owned())] {
            let page = PageRequest { limit: Limit::default(), after };
            let plan = plan(&app, audit::list(&filter, &page)).await;
            assert!(plan.iter().all(|step| step.contains(" USING INDEX ")), "{plan:?}");
        }
    }
    for statement in [audit::unsealed(1), audit::range(1, 2)] {
        let plan = plan(&app, statement).await;
        let reads: Vec<_> = plan.iter().filter(|step| step.contains(" e ")).collect();
        assert!(reads.len() == 1 && reads[0].contains(" USING INDEX "), "{plan:?}");
    }
}

/// How SQLite would go about it.
async fn plan(app: &TestApp, statement: Statement) -> Vec<String> {
    let sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
    let rows = app.database.query(Statement::new(sql, statement.params)).await.unwrap();
    let step = |row: Row| {
        let mut columns = row.read();
        (0..3).for_each(|_| assert!(columns.integer().is_ok()));
        columns.text().unwrap()
    };
    rows.into_iter().map(step).collect()
}

#[tokio::test]
async fn events_are_sealed_in_order_by_however_many_at_once() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let others = [app.another_instance(&[]).await, app.another_instance(&[]).await];
    for round in 0..20 {
        let make = (0..3).map(|number| {
            let user = json!({"email": format!("{round}-{number}@example.com"), "name": "N"});
            let admin = admin.clone();
            async move { admin.post("/api/v1/users", user).await.assert_status(201) }
        });
        let clients = [&admin, &admin.at(&others[0]), &admin.at(&others[1])].map(Clone::clone);
        let read = clients.iter().map(|client| client.get(VERIFY));
        join(join_all(make), join_all(read)).await;
    }
    let verified = admin.get(VERIFY).await.assert_status(200);
    // Two of the bootstrap, one of the admin's sign-in, sixty users.
    assert_eq!((&verified.body["intact"], &verified.body["end"]), (&json!(true), &json!(64)));
    let positions = app.sql("SELECT position FROM events ORDER BY position", Vec::new()).await;
    let positions: Vec<_> =
        positions.into_iter().map(|row| row.read().integer().unwrap()).collect();
    assert_eq!(positions, (1..=64).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_thousand_events_are_verified_at_a_time() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    app.sql(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500) \
         INSERT INTO events (id, kind, actor, subject, at, request_id) \
         SELECT '019b76da-a801-7000-8000-' || substr(CAST(1000000000000 + n AS TEXT), 2), \
                'k', 'service', NULL, n, 'r' FROM n",
        Vec::new(),
    )
    .await;
    let mut after = 0;
    let mut hash = String::new();
    for expected in [1_000, 2_000, 2_504] {
        let path = match after {
            0 => VERIFY.to_owned(),
            _ => format!("{VERIFY}?after={after}&hash={hash}"),
        };
        // The first call seals two thousand of them and the second the rest.
        let verified = admin.get(path).await.assert_status(200);
        assert_eq!(verified.body["position"], expected, "{verified}");
        assert_eq!(verified.body["intact"], true);
        (after, hash) = (expected, verified.text_at("/hash"));
    }
    let hash = hash.to_uppercase();
    let end = admin.get(format!("{VERIFY}?after={after}&hash={hash}")).await;
    assert_snapshot!(end, @r#"
    200 OK
    content-type: application/json

    {
      "end": 2504,
      "first_bad": null,
      "hash": "[opaque 1]",
      "intact": true,
      "next_after": null,
      "position": 2504
    }
    "#);
    admin.get(format!("{VERIFY}?after=2505")).await.assert_problem(404, "not_found");
    for after in ["-1", "x", "9223372036854775808"] {
        admin.get(format!("{VERIFY}?after={after}")).await.assert_problem(422, "validation_failed");
    }
}

/// What somebody who can write to the database does to it, and the first position
/// that is bad then.
const TAMPERING: &[(&str, i64, &str)] = &[
    (
        "UPDATE events SET id = '019b76da-a800-7000-8000-000000000000' WHERE position = 3",
        3,
        "altered",
    ),
    ("UPDATE events SET kind = 'user.deleted' WHERE position = 5", 5, "altered"),
    ("UPDATE events SET actor = 'service' WHERE position = 1", 1, "altered"),
    ("UPDATE events SET subject = NULL WHERE position = 6", 6, "altered"),
    ("UPDATE events SET at = at + 1 WHERE position = 2", 2, "altered"),
    ("UPDATE events SET request_id = 'x' WHERE position = 8", 8, "altered"),
    ("UPDATE events SET hash = previous_hash WHERE position = 3", 3, "altered"),
    ("UPDATE events SET hash = NULL WHERE position = 8", 8, "altered"),
    ("UPDATE events SET previous_hash = hash WHERE position = 3", 3, "unlinked"),
    ("UPDATE events SET position = 70 WHERE position = 8", 8, "missing"),
    ("DELETE FROM events WHERE position = 1", 1, "missing"),
    ("DELETE FROM events WHERE position = 4", 4, "missing"),
    ("DELETE FROM events WHERE position = 8", 8, "missing"),
    ("DELETE FROM events", 1, "missing"),
    (
        "UPDATE events SET (id, kind, actor, subject, at, request_id) = (SELECT o.id || ' ', o.kind, \
         o.actor, o.subject, o.at, o.request_id FROM events o WHERE o.position = 6 + 7 - events.position) \
         WHERE position IN (6, 7)",
        6,
        "altered",
    ),
    ("UPDATE event_chain SET position = 7", 8, "beyond_end"),
    ("UPDATE event_chain SET hash = 'x'", 8, "altered"),
    ("DELETE FROM event_chain", 1, "beyond_end"),
];

#[tokio::test]
async fn whatever_is_done_to_the_trail_the_first_bad_position_is_named() {
    for (sql, position, problem) in TAMPERING {
        let app = TestApp::new().await;
        let admin = eight(&app).await;
        app.sql(sql, Vec::new()).await;
        let verified = admin.get(VERIFY).await.assert_status(200);
        let first_bad = json!({"position": position, "problem": problem});
        assert_eq!(verified.body["first_bad"], first_bad, "{sql}: {verified}");
        assert_eq!(verified.body["intact"], false);
        assert_eq!(verified.body["next_after"], Value::Null);
        assert_eq!(verified.body["position"], position - 1);
    }
}

#[tokio::test]
async fn who_remembers_a_hash_learns_that_the_trail_was_written_anew() {
    let app = TestApp::new().await;
    let admin = eight(&app).await;
    let seen = admin.get(VERIFY).await.text_at("/hash");
    // Somebody changes an event, and lets the service seal all of them again.
    for sql in [
        "UPDATE events SET kind = 'user.updated' WHERE position = 5",
        "UPDATE events SET position = NULL, previous_hash = NULL, hash = NULL",
        "UPDATE event_chain SET position = 0, \
         hash = '0000000000000000000000000000000000000000000000000000000000000000'",
    ] {
        app.sql(sql, Vec::new()).await;
    }
    assert_eq!(admin.get(VERIFY).await.body["intact"], true);
    let verified = admin.get(format!("{VERIFY}?after=8&hash={seen}")).await;
    assert_eq!(verified.body["first_bad"], json!({"position": 8, "problem": "altered"}));
}

#[tokio::test]
async fn an_event_tells_nothing_about_a_person() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let alice = app.protect(app.user("alice").await).await.client;
    app.half_sign_in(&alice.email).await;
    let listed = admin.get(format!("{EVENTS}?limit=200")).await.assert_status(200).text;
    for word in ["alice", "example.com", "203.0.113.7", "rcm_", "Admin"] {
        assert!(!listed.contains(word), "{word} in {listed}");
    }
}
