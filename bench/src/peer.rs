//! The limit: native code on axum and rusqlite that reads and makes users, in this
//! process on threads of its own, without authentication, logs and events.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use rusqlite::{Connection, Row};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::USERS;

const TABLE: &str = "CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, \
                     name TEXT NOT NULL, metadata TEXT NOT NULL, version BIGINT NOT NULL)";
const COLUMNS: &str = "SELECT id, email, name, metadata, version FROM users";

/// A running peer. It ends with this value.
pub(crate) struct Peer {
    pub(crate) port: u16,
    /// The ids of its users.
    pub(crate) users: Vec<String>,
    /// There until it is dropped.
    runtime: Option<tokio::runtime::Runtime>,
    _folder: TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Where a peer is dropped, nobody may wait for its threads.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Database {
    file: PathBuf,
    writer: Mutex<Connection>,
}

thread_local! {
    static READER: std::cell::RefCell<Option<Connection>> = const { std::cell::RefCell::new(None) };
}

impl Peer {
    /// Starts it with users.
    ///
    /// # Errors
    ///
    /// When there is no temporary folder, or no free port.
    pub(crate) fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("peer.db");
        let mut writer = open(&file)?;
        writer.execute_batch(TABLE)?;
        let users: Vec<_> = (0..USERS).map(|n| format!("user-{n:032}")).collect();
        let change = writer.transaction()?;
        for id in &users {
            insert(&change, id, &format!("{id}@example.com"))?;
        }
        change.commit()?;
        let database = Arc::new(Database { file, writer: Mutex::new(writer) });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let router = Router::new()
            .route("/api/v1/users", get(list).post(create))
            .route("/api/v1/users/{id}", get(one))
            .with_state(database);
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("it is open");
            axum::serve(listener, router).await
        });
        Ok(Self { port, users, runtime: Some(runtime), _folder: folder })
    }
}

fn open(file: &std::path::Path) -> Result<Connection> {
    let connection = Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
    )?;
    Ok(connection)
}

fn insert(connection: &Connection, id: &str, email: &str) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO users VALUES (?1, ?2, 'Somebody', '{\"locale\":\"en\"}', 1)";
    connection.prepare_cached(sql)?.execute([id, email])
}

fn user(row: &Row<'_>) -> rusqlite::Result<Value> {
    let metadata: String = row.get(3)?;
    Ok(json!({
        "id": row.get::<_, String>(0)?,
        "email": row.get::<_, String>(1)?,
        "name": row.get::<_, String>(2)?,
        "metadata": serde_json::from_str::<Value>(&metadata).unwrap_or_default(),
        "version": row.get::<_, i64>(4)?,
    }))
}

/// Reads on the connection of this thread.
fn read(database: &Database, sql: &str, parameters: &[&str]) -> Result<Vec<Value>> {
    READER.with_borrow_mut(|reader| {
        if reader.is_none() {
            *reader = Some(open(&database.file)?);
        }
        let connection = reader.as_ref().context("it was opened")?;
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map(rusqlite::params_from_iter(parameters), user)?;
        Ok(rows.collect::<Result<_, _>>()?)
    })
}

type Answer = Result<Json<Value>, StatusCode>;

async fn one(State(database): State<Arc<Database>>, Path(id): Path<String>) -> Answer {
    let found = read(&database, &format!("{COLUMNS} WHERE id = ?1"), &[&id]);
    let found = found.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    found.into_iter().next().map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn list(State(database): State<Arc<Database>>) -> Answer {
    let found = read(&database, &format!("{COLUMNS} ORDER BY id LIMIT 20"), &[]);
    Ok(Json(json!({"items": found.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?})))
}

async fn create(
    State(database): State<Arc<Database>>,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), StatusCode> {
    let done = tokio::task::spawn_blocking(move || {
        let email = body["email"].as_str().unwrap_or_default();
        let writer = database.writer.lock().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        insert(&writer, email, email).map_err(|_| StatusCode::CONFLICT)?;
        Ok::<_, StatusCode>(body)
    });
    let body = done.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)??;
    Ok((StatusCode::CREATED, Json(body)))
}
