//! A component that changes one row for each request, as durably as Rollcall does:
//! what it reaches is the ceiling for every write on the same host.

use std::sync::{LazyLock, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::post;
use spin_sdk::http::{IntoResponse, Request};
use spin_sdk::http_service;
use spin_sdk::sqlite::{Connection, Error, Value};
use tower_service::Service;

/// What a new connection needs, and one that finds no table.
const PREPARE: [&str; 5] = [
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "CREATE TABLE IF NOT EXISTS counters (id BIGINT PRIMARY KEY, number BIGINT NOT NULL)",
    "INSERT INTO counters (id, number) VALUES (1, 0) ON CONFLICT DO NOTHING",
];

static ROUTER: LazyLock<Router> =
    LazyLock::new(|| Router::new().route("/update", post(async || update().await)));
static IDLE: Mutex<Vec<Connection>> = Mutex::new(Vec::new());

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    ROUTER.clone().call(request.map(Body::new)).await
}

async fn update() -> StatusCode {
    match count().await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn count() -> Result<(), Error> {
    let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let connection = match idle {
        Some(connection) => connection,
        None => open().await?,
    };
    let sql = "UPDATE counters SET number = number + 1 WHERE id = ?";
    connection.execute(sql, [Value::Integer(1)]).await?.collect().await?;
    IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    Ok(())
}

async fn open() -> Result<Connection, Error> {
    let connection = Connection::open_default().await?;
    for sql in PREPARE {
        connection.execute(sql, []).await?.collect().await?;
    }
    Ok(connection)
}
