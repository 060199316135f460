//! Many operations in one request: each for itself, or all as one change.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use rollcall::store::database::DatabaseError;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, TestApp};

const BATCH: &str = "/api/v1/users/batch";

fn create(name: &str) -> Value {
    let user = json!({"email": format!("{name}@example.com"), "name": name});
    json!({"op": "create", "user": user})
}

async fn batch(client: &Client, mode: &str, operations: &[Value]) -> Response {
    client.post(BATCH, json!({"mode": mode, "operations": operations})).await
}

/// Of each result: its status, and the code of its problem.
fn results(answer: &Response) -> Vec<(u64, &str)> {
    let results = answer.body["results"].as_array().unwrap();
    assert!((0..).zip(results).all(|(index, result)| result["index"] == index));
    let problem = |result: &Value| result["problem"]["status"].clone();
    assert!(results.iter().all(|r| problem(r).is_null() || problem(r) == r["status"]));
    let code = |result| Value::as_str(result).unwrap_or_default();
    let told = results.iter().map(|r| (r["status"].as_u64().unwrap(), code(&r["problem"]["code"])));
    told.collect()
}

#[tokio::test]
async fn each_operation_stands_for_itself() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let (id, profile) = (&alice.id, json!({"email": "alice@example.com", "name": "Alice"}));
    let operations = [
        create("new"),
        create("new"),
        json!({"op": "patch", "id": id, "version": 1, "user": {"name": "Ada"}}),
        json!({"op": "patch", "id": id, "version": 1, "user": {"name": "Bob"}}),
        json!({"op": "replace", "id": id, "user": profile}),
        json!({"op": "replace", "id": id, "version": 2, "user": profile}),
        json!({"op": "replace_roles", "id": id, "roles": ["nobody"]}),
        json!({"op": "replace_roles", "id": id, "roles": []}),
        json!({"op": "suspend", "id": id}),
        json!({"op": "unsuspend", "id": id}),
        json!({"op": "rename", "id": id}),
        json!({"op": "patch", "id": id, "user": {"name": "", "nam": 1}}),
        json!({"op": "suspend", "id": admin.id}),
        json!({"op": "delete", "id": id, "version": 6}),
        json!({"op": "delete", "id": id}),
    ];
    let answer = batch(&admin, "each", &operations).await.assert_status(200);
    let expected = [
        (201, ""),
        (409, "email_taken"),
        (200, ""),
        (412, "precondition_failed"),
        (428, "precondition_required"),
        (200, ""),
        (422, "validation_failed"),
        (200, ""),
        (200, ""),
        (200, ""),
        (422, "validation_failed"),
        (422, "validation_failed"),
        (409, "last_admin"),
        (204, ""),
        (404, "not_found"),
    ];
    assert_eq!(results(&answer), expected);
    assert_eq!(answer.body["results"][9]["user"]["version"], 6);
    let errors = answer.body["results"][11]["problem"]["errors"].as_array().unwrap();
    let fields: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["user.name", "user.nam"]);
    let nothing = batch(&admin, "all", &[json!({"id": id})]).await.assert_status(422);
    let expected =
        json!([{"field": "operations.0.op", "code": "required", "message": "is required"}]);
    assert_eq!(nothing.body["errors"], expected);
}

#[tokio::test]
async fn many_at_once_are_done_whatever_their_order() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let users: Vec<_> = (0..100).map(|n| create(&format!("u{n}"))).collect();
    let created = batch(&admin, "all", &users).await.assert_status(200);
    let ids = created.body["results"].as_array().unwrap().iter();
    let ids: Vec<_> = ids.map(|result| result["user"]["id"].clone()).collect();
    let change = async |place: usize| {
        let mut ids = ids.clone();
        ids.rotate_left(place * 7);
        if place.is_multiple_of(2) {
            ids.reverse();
        }
        let patch = |id| json!({"op": "patch", "id": id, "user": {"name": format!("by {place}")}});
        let answer = batch(&admin, "all", &ids.into_iter().map(patch).collect::<Vec<_>>()).await;
        answer.status.as_u16()
    };
    let statuses = futures_util::future::join_all((0..12).map(change)).await;
    assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200), "{statuses:?}");
    let make = async |place: usize| {
        let mut new: Vec<_> = (0..100).map(|n| create(&format!("new{n}"))).collect();
        new.rotate_left(place * 12);
        batch(&admin, "all", &new).await.status.as_u16()
    };
    let mut statuses = futures_util::future::join_all((0..8).map(make)).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn all_operations_are_one_change() {
    let app = TestApp::new().await;
    let (admin, alice, bob) = (app.admin().await, app.user("alice").await, app.user("bob").await);
    let operations = [
        create("new"),
        json!({"op": "patch", "id": alice.id, "version": 1, "user": {"name": "Ada"}}),
        json!({"op": "delete", "id": bob.id}),
    ];
    let (calls, statements) = (app.database.calls(), app.database.statements());
    let answer = batch(&admin, "all", &operations).await.assert_status(200);
    assert_eq!(results(&answer), [(201, ""), (200, ""), (204, "")]);
    // Who calls, a look for each, and a commit of what each writes by itself.
    assert_eq!(app.database.calls() - calls, 1 + 3 + 1);
    assert_eq!(app.database.statements() - statements, 1 + 3 + (1 + 3 + 2 + 7 + 2));
    let user = &answer.body["results"][1]["user"];
    assert_eq!(admin.get(format!("/api/v1/users/{}", alice.id)).await.body, *user);
    admin.get(format!("/api/v1/users/{}", bob.id)).await.assert_problem(404, "not_found");
    let events = admin.get("/api/v1/audit-events?limit=3").await.assert_status(200);
    let kinds: Vec<_> =
        events.body["items"].as_array().unwrap().iter().map(|e| e["kind"].clone()).collect();
    assert_eq!(kinds, ["user.deleted", "user.updated", "user.created"].map(Value::from));
}

#[tokio::test]
async fn of_all_operations_one_that_fails_undoes_the_others_and_is_named() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    app.role("support", &["users:read", "users:write"]).await;
    let lower = app.user_with_roles("lower", &["support", "user"]).await;
    let before = app.contents();
    let patch = json!({"op": "patch", "id": alice.id, "user": {"name": "Ada"}});
    let taken = json!({"op": "patch", "id": lower.id, "user": {"email": "alice@example.com"}});
    let external = |name: &str| {
        json!({"op": "create",
            "user": {"email": format!("{name}@example.com"), "name": "X", "external_id": "1"}})
    };
    let unknown = "019b76da-a800-7000-8000-000000000000";
    for (client, last, status, code) in [
        (&admin, create("alice"), 409, "email_taken"),
        (&admin, create("new"), 409, "email_taken"),
        (&admin, taken, 409, "email_taken"),
        (&admin, json!({"op": "suspend", "id": admin.id}), 409, "last_admin"),
        (&admin, json!({"op": "delete", "id": admin.id}), 409, "last_admin"),
        (&admin, json!({"op": "delete", "id": unknown}), 404, "not_found"),
        (
            &admin,
            json!({"op": "suspend", "id": lower.id, "version": 7}),
            412,
            "precondition_failed",
        ),
        (&admin, json!({"op": "suspend", "id": alice.id}), 422, "validation_failed"),
        (&lower, json!({"op": "suspend", "id": admin.id}), 403, "forbidden"),
    ] {
        let operations = [create("new"), patch.clone(), last];
        let answer = batch(client, "all", &operations).await.assert_problem(status, code);
        assert_eq!(answer.body["index"], 2, "{answer}");
        assert_eq!(app.contents(), before, "{answer}");
    }
    let answer = batch(&admin, "all", &[external("a"), external("b")]).await;
    let answer = answer.assert_problem(409, "external_id_taken");
    assert_eq!(answer.body["index"], 1);
    let answer = batch(&admin, "all", &[create(" "), create("new"), json!({"op": "x"})]).await;
    let answer = answer.assert_problem(422, "validation_failed");
    let fields: Vec<_> = answer.field_errors().into_iter().map(|(field, _)| field).collect();
    let expected =
        ["operations.0.user.email", "operations.0.user.name", "operations.2.id", "operations.2.op"];
    assert_eq!(fields, expected);
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_batch_has_limits() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let creations = |count| (0..count).map(|n| create(&format!("u{n}"))).collect::<Vec<_>>();
    let password = |n: usize| {
        json!({"op": "create", "user": {"email": format!("p{n}@example.com"), "name": "P",
            "password": PASSWORD}})
    };
    let before = app.contents();
    let many = batch(&admin, "all", &creations(1_001)).await;
    let many = many.assert_problem(422, "validation_failed");
    assert_eq!(many.field_errors(), [("operations", "too_many")]);
    let passwords: Vec<_> = (0..51).map(password).collect();
    let many = batch(&admin, "each", &passwords).await.assert_problem(422, "validation_failed");
    assert_eq!(many.field_errors(), [("operations", "too_many_passwords")]);
    let none = admin.post(BATCH, json!({})).await.assert_problem(422, "validation_failed");
    assert_eq!(none.field_errors(), [("mode", "required"), ("operations", "required")]);
    assert_eq!(app.contents(), before);

    let calls = app.database.calls();
    let answer = batch(&admin, "all", &creations(1_000)).await.assert_status(200);
    assert!(results(&answer).iter().all(|result| *result == (201, "")));
    assert_eq!(app.database.calls() - calls, 1 + 1_000 + 1);
    batch(&admin, "all", &passwords[..50]).await.assert_status(200);
    app.sign_in("p49@example.com").await;
    assert_eq!(results(&batch(&admin, "each", &[]).await), []);
    assert_eq!(results(&batch(&admin, "all", &[]).await), []);
}

#[tokio::test]
async fn a_batch_that_is_sent_again_is_answered_as_before() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (mode, name) in [("all", "a"), ("each", "b")] {
        let keyed = admin.with("idempotency-key", mode);
        let operations = [create(name)];
        let first = batch(&keyed, mode, &operations).await.assert_status(200);
        assert_eq!(results(&first), [(201, "")]);
        let again = batch(&keyed, mode, &operations).await.assert_status(200);
        assert_eq!(
            (first.text, Some("true")),
            (again.text.clone(), again.header("idempotent-replayed"))
        );
    }
}

/// Three operations on users of their own, of which none can be done twice, and what
/// they come to.
async fn three(app: &TestApp, name: &str) -> ([Value; 3], [(u64, &'static str); 3]) {
    let alice = app.user(&format!("alice-{name}")).await.id;
    let bob = app.user(&format!("bob-{name}")).await.id;
    let patch = json!({"op": "patch", "id": alice, "version": 1, "user": {"name": "Ada"}});
    let operations = [create(&format!("new-{name}")), patch, json!({"op": "delete", "id": bob})];
    (operations, [(201, ""), (200, ""), (204, "")])
}

#[tokio::test]
async fn a_batch_that_broke_off_is_taken_up_where_it_stopped() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for calls in 1.. {
        let (operations, expected) = three(&app, &calls.to_string()).await;
        let keyed = admin.with("idempotency-key", &format!("key-{calls}"));
        let end = app.database.calls() + calls;
        let broken_off = async {
            while app.database.calls() < end {
                tokio::task::yield_now().await;
            }
        };
        let is_whole = tokio::select! {
            biased;
            () = broken_off => false,
            _ = batch(&keyed, "each", &operations) => true,
        };
        let again = batch(&keyed, "each", &operations).await.assert_status(200);
        assert_eq!(results(&again), expected, "after {calls} calls");
        let same = batch(&keyed, "each", &operations).await;
        let is_replayed = same.header("idempotent-replayed") == Some("true");
        assert_eq!((&same.text, is_replayed), (&again.text, true));
        if is_whole {
            break;
        }
    }
}

#[tokio::test]
async fn a_batch_that_broke_off_is_not_taken_up_by_another_one_with_its_key() {
    let app = TestApp::new().await;
    let keyed = app.admin().await.with("idempotency-key", "broken");
    let (operations, expected) = three(&app, "first").await;
    begin_only(&app, &keyed, &operations).await;
    let (others, _) = three(&app, "second").await;
    batch(&keyed, "each", &others).await.assert_problem(422, "idempotency_key_reused");
    assert_eq!(results(&batch(&keyed, "each", &operations).await), expected);
}

#[tokio::test]
async fn what_a_batch_did_is_told_as_it_was_when_it_is_sent_again() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let keyed = admin.with("idempotency-key", "told");
    let (operations, expected) = three(&app, "told").await;
    begin_only(&app, &keyed, &operations).await;
    let new = admin.get("/api/v1/users?email=new-told@example.com").await;
    let path = format!("/api/v1/users/{}", new.text_at("/items/0/id"));
    admin.send(Method::DELETE, &path, "", "").await.assert_status(204);
    let again = batch(&keyed, "each", &operations).await;
    assert_eq!(results(&again), expected);
    assert_eq!(again.body["results"][0]["user"], new.body["items"][0]);
}

#[tokio::test]
async fn what_a_batch_met_that_passes_is_tried_again_when_it_is_sent_again() {
    let app = TestApp::new().await;
    let keyed = app.admin().await.with("idempotency-key", "down");
    let (operations, expected) = three(&app, "down").await;
    let database = Arc::clone(&app.database);
    app.database.after_commit(move || {
        database.fail(DatabaseError::Unavailable("down".to_owned()));
    });
    let answer = batch(&keyed, "each", &operations).await;
    app.database.repair();
    let failed = (503, "unavailable");
    assert_eq!(results(&answer.assert_status(200)), [expected[0], failed, failed]);
    let again = batch(&keyed, "each", &operations).await.assert_status(200);
    assert_eq!(results(&again), expected);
}

/// Begins a batch of [`three`], and breaks it off once the first one is done.
async fn begin_only(app: &TestApp, client: &Client, operations: &[Value]) {
    let (done, is_done) = oneshot::channel();
    app.database.after_commit(move || done.send(()).unwrap());
    tokio::select! {
        biased;
        done = is_done => done.unwrap(),
        _ = batch(client, "each", operations) => panic!("it did not break off"),
    }
}

#[tokio::test]
async fn what_a_batch_had_no_time_for_is_done_when_it_is_sent_again() {
    let app = TestApp::new().await;
    let keyed = app.admin().await.with("idempotency-key", "late");
    let (operations, expected) = three(&app, "late").await;
    let clock = Arc::clone(&app.clock);
    app.database.after_commit(move || clock.advance(Duration::from_secs(60)));
    let answer = batch(&keyed, "each", &operations).await.assert_status(200);
    assert_eq!(results(&answer), [expected[0], (503, "unavailable"), (503, "unavailable")]);
    let again = batch(&keyed, "each", &operations).await.assert_status(200);
    assert_eq!(results(&again), expected);
}

#[tokio::test]
async fn batches_at_the_same_time_do_all_or_nothing() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let done = TestApp::race(8, |number| {
        let patch = json!({"op": "patch", "id": alice.id, "version": 1, "user": {"name": "Ada"}});
        let operations = [create(&format!("user-{number}")), patch];
        let admin = admin.clone();
        async move { batch(&admin, "all", &operations).await }
    });
    assert_eq!(done.await, 1);
    let users = admin.get("/api/v1/users").await.body["items"].as_array().unwrap().len();
    assert_eq!(users, 3);
    let answer = admin.send(Method::GET, BATCH, "", "").await;
    assert_ne!(answer.status.as_u16(), 200);
}
