//! What an operation costs, as the docs tell it.

use serde_json::json;

use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, TestApp};

const DOCS: &str = include_str!("../../docs/databases.md");

/// A row of the docs' table: an operation, and how it was answered.
async fn row(app: &TestApp, operation: &str, answer: impl Future<Output = Response>) -> String {
    let before = (app.database.statements(), app.database.calls());
    let answer = answer.await;
    assert!(answer.status.is_success(), "{operation}: {answer}");
    let sqlite = app.database.statements() - before.0;
    let postgres = app.database.calls() - before.1;
    format!("| {operation} | {sqlite} | {postgres} |\n")
}

#[tokio::test]
async fn the_docs_tell_how_many_statements_an_operation_takes() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let program = app.api_key(&["users:read"]).await;
    let path = format!("/api/v1/users/{}", alice.id);
    let read = async |client: &Client, path: &str| client.get(path).await;
    let bob = json!({"email": "bob@example.com", "name": "Bob"});
    let credentials = json!({"email": "alice@example.com", "password": PASSWORD});
    let refresh = json!({"refresh_token": alice.refresh_token});
    let name = json!({"name": "Alice"});

    let rows = [
        row(&app, "`GET /me`", read(&alice, "/api/v1/me")).await,
        row(&app, "`GET /users/{id}`", read(&admin, &path)).await,
        row(&app, "`GET /users/{id}` by an API key", read(&program, &path)).await,
        row(&app, "`GET /users`, a page", read(&admin, "/api/v1/users")).await,
        row(&app, "`POST /users`", admin.post("/api/v1/users", bob)).await,
        row(&app, "`PATCH /users/{id}`", admin.patch(&path, name)).await,
        row(&app, "`POST /sessions`", app.anon().post("/api/v1/sessions", credentials)).await,
        row(&app, "`POST /sessions/refresh`", app.anon().post("/api/v1/sessions/refresh", refresh))
            .await,
        row(&app, "`DELETE /users/{id}`", admin.delete(&path)).await,
    ];
    let table =
        format!("| operation | SQLite | Postgres |\n| --- | --- | --- |\n{}\n", rows.concat());
    assert!(DOCS.contains(&table), "the docs should say:\n{table}");
}
