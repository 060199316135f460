//! Users in bulk: a stream in, a stream out.

use std::time::Duration;

use axum::body::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, TestApp};

pub(crate) const IMPORT: &str = "/api/v1/users/import";
pub(crate) const NDJSON: &str = "application/x-ndjson";

pub(crate) fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

pub(crate) fn person(number: usize) -> Value {
    json!({"external_id": format!("crm-{number}"), "email": format!("user-{number}@example.com"),
        "name": format!("User {number}")})
}

pub(crate) async fn import(client: &Client, values: &[Value]) -> Response {
    send(client, NDJSON, lines(values)).await
}

pub(crate) async fn send(client: &Client, media_type: &str, body: impl Into<Bytes>) -> Response {
    let answer = client.send(Method::POST, IMPORT, media_type, body).await.assert_status(200);
    assert_eq!(answer.header("content-type"), Some(NDJSON));
    answer
}

/// Everything that was told.
pub(crate) fn told(answer: &Response) -> Vec<Value> {
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What became of each line, in short: the line, the status and the code.
pub(crate) fn outcomes(answer: &Response) -> Vec<(u64, String, String)> {
    let told = told(answer).into_iter().filter(|line| !line["line"].is_null());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    told.map(|line| {
        (line["line"].as_u64().unwrap(), text(&line["status"]), text(&line["error"]["code"]))
    })
    .collect()
}

/// The last thing that was told: how many became what, and whether it is complete.
pub(crate) fn summary(answer: &Response) -> Value {
    told(answer).pop().unwrap()["summary"].clone()
}

pub(crate) fn counts(lines: u64, created: u64, updated: u64, unchanged: u64, failed: u64) -> Value {
    json!({"lines": lines, "created": created, "updated": updated, "unchanged": unchanged,
        "failed": failed, "dry_run": false, "complete": true})
}

#[tokio::test]
async fn each_line_becomes_a_user_as_it_says() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    app.role("support", &["users:read"]).await;
    let ada = json!({"external_id": "crm-1", "email": "Ada@example.com", "name": "Ada",
        "metadata": {"locale": "en"}, "private_metadata": {"segment": 1},
        "own_metadata": {"theme": "dark"}, "roles": ["support", "user"], "email_verified": true,
        "password_hash": "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"});
    let bob = json!({"email": "bob@example.com", "name": "Bob", "password": PASSWORD,
        "suspended_at": null, "email_verified_at": "2020-01-01T00:00:00Z"});
    let eve = json!({"email": "eve@example.com", "name": "Eve",
        "suspended_at": "2021-01-01T00:00:00Z"});
    let answer = import(&admin, &[ada, bob, eve]).await;
    let expected: Vec<_> = (1..=3).map(|n| (n, "created".to_owned(), String::new())).collect();
    assert_eq!(outcomes(&answer), expected);
    assert_eq!(summary(&answer), counts(3, 3, 0, 0, 0));

    let users: Vec<_> = told(&answer)[..3].iter().map(|line| line["id"].clone()).collect();
    let path = |id: &Value| format!("/api/v1/users/{}", id.as_str().unwrap());
    let ada = admin.get(path(&users[0])).await.assert_status(200).body;
    let now = "2026-01-01T00:00:00.000000Z";
    let expected = json!({"id": users[0], "external_id": "crm-1", "email": "Ada@example.com",
        "name": "Ada", "email_verified_at": now, "roles": ["support", "user"],
        "metadata": {"locale": "en"}, "private_metadata": {"segment": 1},
        "own_metadata": {"theme": "dark"}, "created_at": now, "updated_at": now,
        "suspended_at": null, "version": 1});
    assert_eq!(ada, expected);
    let bob = admin.get(path(&users[1])).await.body;
    assert_eq!(bob["email_verified_at"], "2020-01-01T00:00:00.000000Z");
    assert_eq!(bob["roles"], json!(["user"]));
    app.sign_in("bob@example.com").await;
    let correct = json!({"email": "ada@example.com", "password": "correct horse"});
    app.anon().post("/api/v1/sessions", correct).await.assert_status(201);
    let eve = admin.get(path(&users[2])).await.body;
    assert_eq!(eve["suspended_at"], "2021-01-01T00:00:00.000000Z");

    let events = admin.get("/api/v1/audit-events?kind=user.created").await.assert_status(200);
    let mut subjects: Vec<_> =
        events.body["items"].as_array().unwrap().iter().map(|e| e["subject"].clone()).collect();
    subjects.reverse();
    let expected: Vec<_> = [json!(admin.id)].into_iter().chain(users.iter().cloned()).collect();
    assert_eq!(subjects, expected);
}

#[tokio::test]
async fn whoever_is_known_by_external_id_is_changed_or_left_alone() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let people: Vec<_> = (0..3).map(person).collect();
    let first = import(&admin, &people).await;
    let before = app.contents();
    let again = import(&admin, &people).await;
    assert_eq!(summary(&again), counts(3, 0, 0, 3, 0));
    assert_eq!(app.contents(), before, "nothing new is nothing written");

    let id = told(&first)[1]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/users/{id}");
    let private = json!({"private_metadata": {"kept": true}, "own_metadata": {"own": 1}});
    admin.patch(&path, private).await.assert_status(200);
    app.clock.advance(Duration::from_secs(5));
    let changed = json!({"external_id": "crm-1", "email": "other@example.com", "name": "Other",
        "metadata": {"x": 1}, "roles": [], "password": PASSWORD});
    let answer = import(&admin, &[people[0].clone(), changed]).await;
    assert_eq!(summary(&answer), counts(2, 0, 1, 1, 0));
    let user = admin.get(&path).await.body;
    let seen = json!([
        user["email"],
        user["name"],
        user["metadata"],
        user["roles"],
        user["private_metadata"],
        user["own_metadata"],
        user["version"],
        user["updated_at"]
    ]);
    let expected = json!(["other@example.com", "Other", {"x": 1}, [], {"kept": true}, {"own": 1},
        3, "2026-01-01T00:00:05.000000Z"]);
    assert_eq!(seen, expected);
    let password = json!({"email": "other@example.com", "password": PASSWORD});
    app.anon().post("/api/v1/sessions", password).await.assert_problem(401, "invalid_credentials");

    let path = format!("/api/v1/audit-events?subject={id}");
    let events = admin.get(path).await.assert_status(200);
    let kinds: Vec<_> =
        events.body["items"].as_array().unwrap().iter().map(|e| e["kind"].clone()).collect();
    let expected =
        ["user.updated", "user.roles_changed", "user.updated", "user.created"].map(Value::from);
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn a_line_that_fails_does_not_stand_in_the_way_of_the_others() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    import(&admin, &[person(0)]).await;
    let body = [
        person(1).to_string(),
        "nonsense".to_owned(),
        json!({"external_id": "", "email": "bad", "nam": "x", "name": "X"}).to_string(),
        json!({"email": "USER-0@example.com", "name": "Taken"}).to_string(),
        json!({"external_id": "crm-1", "email": "user-0@example.com", "name": "T"}).to_string(),
        json!({"email": "user-1@example.com", "name": "Taken a moment ago"}).to_string(),
        json!({"external_id": "crm-1", "email": "user-1@example.com", "name": "B"}).to_string(),
        String::new(),
        json!({"email": "r@example.com", "name": "R", "roles": ["nobody"]}).to_string(),
        json!({"email": "p@example.com", "name": "P", "password": "p@example.com"}).to_string(),
        "x".repeat(70_000),
        "[]".to_owned(),
        person(2).to_string(),
    ]
    .join("\r\n");
    let answer = send(&admin, NDJSON, body).await;
    let expected = [
        (1, "created", ""),
        (2, "failed", "malformed_request"),
        (3, "failed", "validation_failed"),
        (4, "failed", "email_taken"),
        (5, "failed", "email_taken"),
        (6, "failed", "email_taken"),
        (7, "updated", ""),
        (9, "failed", "validation_failed"),
        (10, "failed", "validation_failed"),
        (11, "failed", "malformed_request"),
        (12, "failed", "validation_failed"),
        (13, "created", ""),
    ];
    let expected = expected.map(|(line, status, code)| (line, status.to_owned(), code.to_owned()));
    assert_eq!(outcomes(&answer), expected);
    assert_eq!(summary(&answer), counts(12, 2, 1, 0, 9));
    let fields = told(&answer)[2]["error"]["errors"].clone();
    let fields: Vec<_> = fields.as_array().unwrap().iter().map(|e| e["field"].clone()).collect();
    assert_eq!(fields, ["external_id", "email", "nam"].map(Value::from));
}

#[tokio::test]
async fn csv_says_the_same_by_columns() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let body = "external_id,email,name,roles,metadata,email_verified\r\n\
                crm-1,ada@example.com,\"Lovelace, Ada\",user,\"{\"\"x\"\":1}\",true\r\n\
                crm-2,bob@example.com,Bob,,,\r\n\
                crm-3,eve@example.com,,,,maybe\r\n";
    let answer = send(&admin, "text/csv; charset=utf-8", body).await;
    assert_eq!(summary(&answer), counts(3, 2, 0, 0, 1));
    let failed = &told(&answer)[2];
    assert_eq!((failed["line"].clone(), failed["status"].clone()), (json!(4), json!("failed")));
    let id = told(&answer)[0]["id"].as_str().unwrap().to_owned();
    let ada = admin.get(format!("/api/v1/users/{id}")).await.body;
    assert_eq!((&ada["name"], &ada["metadata"]), (&json!("Lovelace, Ada"), &json!({"x": 1})));

    let before = app.contents();
    let answer = admin.send(Method::POST, IMPORT, "text/csv", "email,colour\nx,y\n").await;
    let answer = answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.field_errors(), [("colour", "unknown_field")]);
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_file_that_was_cut_off_within_quotes_is_not_taken_for_whole() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let body = "email,name\nada@example.com,\"Ada\"\nbob@example.com,\"Lovelace, B";
    let answer = send(&admin, "text/csv", body).await;
    assert_eq!(summary(&answer), counts(2, 1, 0, 0, 1));
    let failed = &told(&answer)[1];
    assert_eq!(
        (&failed["line"], &failed["error"]["code"]),
        (&json!(3), &json!("malformed_request"))
    );
}

#[tokio::test]
async fn a_dry_run_tells_and_writes_nothing() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    import(&admin, &[person(0)]).await;
    let before = app.contents();
    let weak = json!({"email": "w@example.com", "name": "W", "password": "w@example.com"});
    let strong = json!({"email": "s@example.com", "name": "S", "password": PASSWORD});
    let changed = json!({"external_id": "crm-0", "email": "user-0@example.com", "name": "New"});
    let body = lines(&[changed, person(1), weak, strong]);
    let path = format!("{IMPORT}?dry_run=true");
    let answer = admin.send(Method::POST, path, NDJSON, body).await.assert_status(200);
    let statuses: Vec<_> = outcomes(&answer).into_iter().map(|(_, status, _)| status).collect();
    assert_eq!(statuses, ["updated", "created", "failed", "created"]);
    assert!(told(&answer)[1].get("id").is_none());
    assert_eq!(summary(&answer)["dry_run"], true);
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn of_many_lines_progress_is_told_and_only_failures_where_that_is_asked() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let mut people: Vec<_> = (0..2_100).map(person).collect();
    people[1_500] = json!({"email": "bad", "name": "Bad"});
    let before = (app.database.calls(), app.database.statements());
    let path = format!("{IMPORT}?report=failed");
    let answer = admin.send(Method::POST, path, NDJSON, lines(&people)).await.assert_status(200);
    let told = told(&answer);
    let progress: Vec<_> = told.iter().map(|line| line["progress"]["lines"].as_u64()).collect();
    assert_eq!(progress, [Some(1_000), None, Some(2_000), None]);
    assert_eq!(told[1]["line"], 1_501);
    assert_eq!(summary(&answer), counts(2_100, 2_099, 0, 0, 1));
    // Who calls, and for each of nine changes a look and a commit of four statements.
    let calls = app.database.calls() - before.0;
    let statements = app.database.statements() - before.1;
    assert_eq!((calls, statements), (1 + 9 * 2, 1 + 9 * (1 + 6)));
}

#[tokio::test]
async fn nobody_gains_power_by_an_import() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    app.role("support", &["users:read", "users:write"]).await;
    let lower = app.user_with_roles("lower", &["support", "user"]).await;
    let boss = json!({"external_id": "boss", "email": "boss@example.com", "name": "Boss",
        "roles": ["admin"]});
    import(&admin, &[boss]).await;
    let body = [
        json!({"email": "a@example.com", "name": "A", "roles": ["admin"]}),
        json!({"email": "b@example.com", "name": "B", "roles": ["user"]}),
        json!({"email": "c@example.com", "name": "C", "email_verified": true}),
        json!({"external_id": "boss", "email": "mine@example.com", "name": "Boss"}),
        json!({"external_id": "boss", "email": "boss@example.com", "name": "Boss"}),
    ];
    let codes = |answer: &Response| -> Vec<_> {
        outcomes(answer).into_iter().map(|(_, _, code)| code).collect()
    };
    let answer = import(&lower, &body).await;
    assert_eq!(codes(&answer), ["forbidden", "", "forbidden", "forbidden", ""]);

    let demoted = json!({"external_id": "boss", "email": "boss@example.com", "name": "Boss",
        "roles": ["user"]});
    assert_eq!(codes(&import(&admin, &[demoted]).await), ["keeps_admins"]);

    let alice = app.user("alice").await;
    let body = lines(&[person(1)]);
    for (client, status, code) in
        [(&alice, 403, "forbidden"), (&app.anon(), 401, "unauthenticated")]
    {
        let answer = client.send(Method::POST, IMPORT, NDJSON, body.clone()).await;
        answer.assert_problem(status, code);
    }
}

#[tokio::test]
async fn what_is_no_import_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let before = app.contents();
    let body = lines(&[person(1)]);
    let refused = async |path: &str, media_type: &str| {
        admin.send(Method::POST, path, media_type, body.clone()).await
    };
    refused(IMPORT, "application/json").await.assert_problem(415, "unsupported_media_type");
    let encoded = admin.with("content-encoding", "gzip");
    let answer = encoded.send(Method::POST, IMPORT, NDJSON, body.clone()).await;
    answer.assert_problem(415, "unsupported_media_type");
    for query in ["dry_run=yes", "report=none", "x=1"] {
        let answer = refused(&format!("{IMPORT}?{query}"), NDJSON).await;
        answer.assert_problem(422, "validation_failed");
    }
    let html = admin.with("accept", "text/html");
    let answer = html.send(Method::POST, IMPORT, NDJSON, body.clone()).await;
    answer.assert_problem(406, "not_acceptable");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn what_was_exported_is_imported_elsewhere() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ada = json!({"external_id": "crm-1", "email": "ada@example.com", "name": "Lovelace, Ada",
        "metadata": {"locale": "en"}, "private_metadata": {"segment": 1},
        "own_metadata": {"theme": "dark"}, "roles": ["admin", "user"], "email_verified": true});
    let eve = json!({"external_id": "crm-2", "email": "eve@example.com", "name": "Eve",
        "suspended_at": "2021-01-01T00:00:00Z"});
    let names = ["=1+1", "+49 170", "-", "@sum", "''=1", "'tis", "Ada \"the first\"", "\"q"];
    let named = |(number, name): (usize, &&str)| {
        let external_id = format!("{}{number}", ["-", "@", "'+", "="][number % 4]);
        json!({"external_id": external_id, "email": format!("+{number}@example.com"), "name": name})
    };
    let named: Vec<_> = names.iter().enumerate().map(named).collect();
    import(&admin, &[ada, eve]).await;
    import(&admin, &named).await;
    for (format, media_type) in [("ndjson", NDJSON), ("csv", "text/csv")] {
        let export = admin.get(format!("/api/v1/users/export?format={format}")).await;
        let elsewhere = TestApp::new().await;
        let there = elsewhere.admin().await;
        let answer = send(&there, media_type, export.assert_status(200).text).await;
        // The admin is there already, and has no external id.
        let mut codes: Vec<_> = outcomes(&answer).into_iter().map(|(_, _, code)| code).collect();
        codes.sort();
        assert_eq!(codes.concat(), "email_taken", "{answer}");
        let ids = named.iter().map(|user| user["external_id"].as_str().unwrap());
        for id in ["crm-1", "crm-2"].into_iter().chain(ids) {
            let path = format!("/api/v1/users?external_id={}", id.replace('+', "%2B"));
            let mut users = [admin.get(&path).await, there.get(&path).await].map(|a| a.body);
            assert_eq!(users[0]["items"].as_array().unwrap().len(), 1, "{id}");
            for user in &mut users {
                user["items"][0]["id"] = Value::Null;
            }
            assert_eq!(users[0]["items"], users[1]["items"], "{format}");
        }
    }
}
