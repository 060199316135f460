//! What the log tells of people, and what is left of those who are gone.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::service::{ADMIN, BOOTSTRAP_TOKEN, PASSWORD, Service, builder, on_sqlite};

#[tokio::test]
async fn the_log_has_a_line_for_each_request_and_nobodys_data() {
    let service = Service::start(&builder());
    let admin = service.admin().await.with("x-request-id", "the-last-one");
    let body = json!({"email": "grace@example.com", "name": "Grace", "password": PASSWORD});
    let id = admin.post("/api/v1/users", &body).await.expect(201).text_at("/id");
    let signed_in = service.nobody().post("/api/v1/sessions", &body_of(&body)).await.expect(201);
    service.nobody().get("/api/v1/users?email=grace@example.com").await.expect(401);
    admin.get(&format!("/api/v1/users/{id}")).await.expect(200);

    let log = service.log_with("\"route\":\"/api/v1/users/{id}\"").await;
    let lines: Vec<Value> = log
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = lines.last().unwrap();
    let expected = json!({
        "time": last["time"],
        "level": "info",
        "message": "request",
        "request_id": "the-last-one",
        "method": "GET",
        "route": "/api/v1/users/{id}",
        "status": 200,
        "duration_us": last["duration_us"],
        "code": null,
        "cause": null,
    });
    assert_eq!(last, &expected);

    let (access, refresh) =
        (signed_in.text_at("/access_token"), signed_in.text_at("/refresh_token"));
    let secrets =
        [ADMIN, PASSWORD, BOOTSTRAP_TOKEN, "grace", "Grace", "127.0.0.1:", &id, &access, &refresh];
    for line in log.lines().filter(|line| line.starts_with('{')) {
        for secret in secrets {
            assert!(!line.contains(secret), "{secret:?} in {line}");
        }
    }
}

fn body_of(user: &Value) -> Value {
    json!({"email": user["email"], "password": user["password"]})
}

#[tokio::test]
async fn nothing_of_somebody_who_was_erased_is_left_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&on_sqlite().state_dir(folder.path()));
    let admin = service.admin().await;
    let grace = service.user(&admin, "grace@example.com").await;
    let data = json!({"name": "Grace Hopper", "own_metadata": {"rank": "rear admiral"}});
    grace.patch("/api/v1/me", &data).await.expect(200);
    // What is in the log of SQLite moves to the file, as it does by itself in time.
    let file = folder.path().join("sqlite_db.db");
    let text = || {
        let connection = Connection::open(&file).unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned()
    };
    let traces = ["grace@example.com", "Grace Hopper", "rear admiral"];
    let before = text();
    assert_eq!(traces.map(|trace| before.contains(trace)), [true; 3]);
    grace.delete("/api/v1/me").await.expect(204);
    let after = text();
    assert_eq!(traces.map(|trace| after.contains(trace)), [false; 3]);
}
