//! A component that changes or reads one row for each request, a change as durably as
//! Rollcall does: what it reaches is the ceiling for everything that asks the database
//! on the same host.

use std::sync::{LazyLock, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::{get, post};
use spin_sdk::http::{IntoResponse, Request};
use spin_sdk::http_service;
use spin_sdk::sqlite::{Connection, Error, Value, wit};
use tower_service::Service;

/// What a new connection needs, and one that finds no table.
const PREPARE: [&str; 5] = [
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "CREATE TABLE IF NOT EXISTS counters (id BIGINT PRIMARY KEY, number BIGINT NOT NULL)",
    "INSERT INTO counters (id, number) VALUES (1, 0) ON CONFLICT DO NOTHING",
];

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    let router = Router::new().route("/update", post(async || update().await));
    router.route("/read", get(async || read().map_err(|_| StatusCode::SERVICE_UNAVAILABLE)))
});
static IDLE: Mutex<Vec<Connection>> = Mutex::new(Vec::new());
static READER: LazyLock<Result<wit::sqlite::Connection, wit::sqlite::Error>> =
    LazyLock::new(|| wit::sqlite::Connection::open("default"));

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

/// The row, by the synchronous call, which is the cheapest way to read one.
fn read() -> Result<String, Error> {
    let reader = READER.as_ref().map_err(|error| Error::Io(error.to_string()))?;
    let sql = "SELECT number FROM counters WHERE id = +$1";
    let result = reader.execute(sql, &[Value::Integer(1)])?;
    Ok(format!("{:?}", result.rows))
}

async fn open() -> Result<Connection, Error> {
    let connection = Connection::open_default().await?;
    for sql in PREPARE {
        connection.execute(sql, []).await?.collect().await?;
    }
    Ok(connection)
}
