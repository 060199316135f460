//! SQLite: statements in the order that a test gives.

use axum::Json;
use axum::extract::Query;
use serde::Deserialize;
use serde_json::{Value as Json_, json};
use spin_sdk::sqlite::{Connection, Error, RowResult, Value, wit};

use crate::system::pause;

/// What a test wants done on one connection.
#[derive(Deserialize)]
pub(crate) struct Script {
    #[serde(default = "default_label")]
    label: String,
    statements: Vec<Statement>,
    /// Panic at the end, the connection still open.
    #[serde(default)]
    trap: bool,
}

fn default_label() -> String {
    "default".to_owned()
}

#[derive(Deserialize)]
pub(crate) struct Statement {
    sql: String,
    #[serde(default)]
    parameters: Vec<Json_>,
    /// Leave the rows where they are.
    #[serde(default)]
    drop: bool,
    /// Wait after it.
    #[serde(default)]
    then_ms: u64,
}

/// Runs a script; tells of each statement what `execute` and then `collect`
/// returned.
pub(crate) async fn script(Json(script): Json<Script>) -> Json<Json_> {
    let connection = match Connection::open(&script.label).await {
        Ok(connection) => connection,
        Err(error) => return Json(json!({ "open": text(&error) })),
    };
    let mut outcomes = Vec::new();
    for statement in script.statements {
        outcomes.push(run(&connection, &statement).await);
        pause(statement.then_ms).await;
    }
    assert!(!script.trap, "asked for it");
    let changes = connection.changes().await;
    let rowid = connection.last_insert_rowid().await;
    Json(json!({ "statements": outcomes, "changes": changes, "rowid": rowid }))
}

async fn run(connection: &Connection, statement: &Statement) -> Json_ {
    let parameters: Vec<_> = statement.parameters.iter().map(to_value).collect();
    let running = match connection.execute(&statement.sql, parameters).await {
        Ok(running) => running,
        Err(error) => return json!({ "execute": text(&error) }),
    };
    let columns = running.columns().to_vec();
    if statement.drop {
        return json!({ "execute": "ok", "columns": columns });
    }
    match running.collect().await {
        Ok(rows) => json!({
            "execute": "ok",
            "columns": columns,
            "rows": rows.iter().map(row).collect::<Vec<_>>(),
        }),
        Err(error) => json!({ "execute": "ok", "columns": columns, "collect": text(&error) }),
    }
}

/// Awaits the result of each statement without reading its rows.
pub(crate) async fn result_without_rows(Json(script): Json<Script>) -> Json<Json_> {
    let connection = Connection::open(&script.label).await.expect("it opens");
    let mut outcomes = Vec::new();
    for statement in script.statements {
        let running = connection.execute(&statement.sql, []).await.expect("it starts");
        outcomes.push(match running.result().await {
            Ok(()) => "ok".to_owned(),
            Err(error) => text(&error),
        });
    }
    Json(json!(outcomes))
}

/// The same as `script`, through the functions that are not asynchronous.
pub(crate) async fn sync_script(Json(script): Json<Script>) -> Json<Json_> {
    let connection = match wit::sqlite::Connection::open(&script.label) {
        Ok(connection) => connection,
        Err(error) => return Json(json!({ "open": text(&error) })),
    };
    let mut outcomes = Vec::new();
    for statement in &script.statements {
        let parameters: Vec<_> = statement.parameters.iter().map(to_value).collect();
        outcomes.push(match connection.execute(&statement.sql, &parameters) {
            Ok(result) => json!({
                "execute": "ok",
                "columns": result.columns,
                "rows": result.rows.iter().map(row).collect::<Vec<_>>(),
            }),
            Err(error) => json!({ "execute": text(&error) }),
        });
    }
    let changes = connection.changes();
    let rowid = connection.last_insert_rowid();
    Json(json!({ "statements": outcomes, "changes": changes, "rowid": rowid }))
}

/// How many connections to hold.
#[derive(Deserialize)]
pub(crate) struct Count {
    connections: usize,
}

/// Opens connections and holds them all; tells how the last one went.
pub(crate) async fn open_many(Query(count): Query<Count>) -> String {
    let mut held = Vec::new();
    for _ in 0..count.connections {
        match Connection::open_default().await {
            Ok(connection) => held.push(connection),
            Err(error) => return format!("{} opened, then {}", held.len(), text(&error)),
        }
    }
    format!("{} opened", held.len())
}

fn text(error: &Error) -> String {
    match error {
        Error::Io(text) => format!("io: {text}"),
        Error::NoSuchDatabase => "no-such-database".to_owned(),
        Error::AccessDenied => "access-denied".to_owned(),
        Error::InvalidConnection => "invalid-connection".to_owned(),
        Error::DatabaseFull => "database-full".to_owned(),
    }
}

fn row(row: &RowResult) -> Vec<Json_> {
    row.values
        .iter()
        .map(|value| match value {
            Value::Null => Json_::Null,
            Value::Integer(integer) => json!(integer),
            Value::Real(real) => json!(real),
            Value::Text(text) => json!(text),
            Value::Blob(blob) => json!({ "blob": blob }),
        })
        .collect()
}

fn to_value(value: &Json_) -> Value {
    match value {
        Json_::Null => Value::Null,
        Json_::Bool(flag) => Value::Integer((*flag).into()),
        Json_::Number(number) => match number.as_i64() {
            Some(integer) => Value::Integer(integer),
            None => Value::Real(number.as_f64().unwrap_or_default()),
        },
        Json_::String(text) => Value::Text(text.clone()),
        Json_::Array(bytes) => {
            Value::Blob(bytes.iter().map(|byte| byte.as_u64().unwrap_or_default() as u8).collect())
        }
        Json_::Object(_) => panic!("no SQL value"),
    }
}
