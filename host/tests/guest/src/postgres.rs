//! Postgres: statements in the order that a test gives.

use axum::Json;
use serde::Deserialize;
use serde_json::{Value, json};
use spin_sdk::pg::wit::postgres::{Connection, DbValue, Error, ParameterValue, QueryError, Row};
use spin_sdk::pg::{self, Certificate, OpenOptions};

use crate::system::pause;

/// What a test wants done on one connection.
#[derive(Deserialize)]
pub(crate) struct Script {
    address: String,
    /// A certificate to trust besides the system's.
    ca_root: Option<String>,
    #[serde(default)]
    statements: Vec<Statement>,
    /// Panic at the end, the connection still open.
    #[serde(default)]
    trap: bool,
}

#[derive(Deserialize)]
pub(crate) struct Statement {
    sql: String,
    #[serde(default)]
    parameters: Vec<Value>,
    /// `execute` instead of `query`.
    #[serde(default)]
    execute: bool,
    /// Leave the rows where they are.
    #[serde(default)]
    drop: bool,
    /// Wait after it.
    #[serde(default)]
    then_ms: u64,
}

/// Runs a script; tells of each statement what it and then `collect` returned.
pub(crate) async fn script(Json(script): Json<Script>) -> Json<Value> {
    let options = OpenOptions { ca_root: script.ca_root.map(Certificate::Text) };
    let connection = match pg::Connection::open_with_options(script.address, options).await {
        Ok(connection) => connection.into_inner(),
        Err(error) => return Json(json!({ "open": format!("{error:?}") })),
    };
    let mut outcomes = Vec::new();
    for statement in script.statements {
        outcomes.push(run(&connection, &statement).await);
        pause(statement.then_ms).await;
    }
    assert!(!script.trap, "asked for it");
    Json(json!(outcomes))
}

async fn run(connection: &Connection, statement: &Statement) -> Value {
    let parameters: Vec<_> = statement.parameters.iter().map(parameter).collect();
    let sql = statement.sql.clone();
    if statement.execute {
        return match connection.execute_async(sql, parameters).await {
            Ok(rows) => json!({ "execute": rows }),
            Err(error) => json!({ "execute": text(&error) }),
        };
    }
    let (columns, rows, end) = match connection.query_async(sql, parameters).await {
        Ok(running) => running,
        Err(error) => return json!({ "query": text(&error) }),
    };
    let columns: Vec<_> = columns.into_iter().map(|column| column.name).collect();
    if statement.drop {
        return json!({ "query": "ok", "columns": columns });
    }
    let rows = rows.collect().await;
    match end.await {
        Ok(()) => json!({
            "query": "ok",
            "columns": columns,
            "rows": rows.iter().map(row).collect::<Vec<_>>(),
        }),
        Err(error) => json!({ "query": "ok", "columns": columns, "collect": text(&error) }),
    }
}

/// The same, through the functions that are not asynchronous.
pub(crate) async fn sync_script(Json(script): Json<Script>) -> Json<Value> {
    let connection = match Connection::open(&script.address) {
        Ok(connection) => connection,
        Err(error) => return Json(json!({ "open": text(&error) })),
    };
    let mut outcomes = Vec::new();
    for statement in &script.statements {
        let parameters: Vec<_> = statement.parameters.iter().map(parameter).collect();
        outcomes.push(if statement.execute {
            match connection.execute(&statement.sql, &parameters) {
                Ok(rows) => json!({ "execute": rows }),
                Err(error) => json!({ "execute": text(&error) }),
            }
        } else {
            match connection.query(&statement.sql, &parameters) {
                Ok(set) => json!(set.rows.iter().map(row).collect::<Vec<_>>()),
                Err(error) => json!({ "query": text(&error) }),
            }
        });
    }
    Json(json!(outcomes))
}

/// The SQLSTATE of what the server refused, or what else went wrong.
fn text(error: &Error) -> Value {
    match error {
        Error::QueryFailed(QueryError::DbError(error)) => json!({
            "code": error.code,
            "message": error.message,
            "severity": error.severity,
            "detail": error.detail,
            "constraint": error
                .extras
                .iter()
                .find_map(|(name, value)| (name == "constraint").then_some(value)),
        }),
        Error::QueryFailed(QueryError::Text(text)) => json!(format!("query failed: {text}")),
        Error::ConnectionFailed(text) => json!(format!("connection failed: {text}")),
        Error::BadParameter(text) => json!(format!("bad parameter: {text}")),
        Error::ValueConversionFailed(text) => json!(format!("value conversion failed: {text}")),
        Error::Other(text) => json!(format!("other: {text}")),
    }
}

fn row(row: &Row) -> Vec<Value> {
    row.iter()
        .map(|value| match value {
            DbValue::DbNull => Value::Null,
            DbValue::Boolean(flag) => json!(flag),
            DbValue::Int32(integer) => json!(integer),
            DbValue::Int64(integer) => json!(integer),
            DbValue::Str(text) => json!(text),
            other => json!(format!("{other:?}")),
        })
        .collect()
}

/// A parameter: JSON's own types, or `{"TYPE": "VALUE"}`.
fn parameter(value: &Value) -> ParameterValue {
    match value {
        Value::Null => ParameterValue::DbNull,
        Value::Bool(flag) => ParameterValue::Boolean(*flag),
        Value::Number(number) => ParameterValue::Int64(number.as_i64().expect("an integer")),
        Value::String(text) => ParameterValue::Str(text.clone()),
        Value::Object(typed) => {
            let (name, value) = typed.iter().next().expect("one type");
            let text = value.as_str().expect("its value as text");
            match name.as_str() {
                "uuid" => ParameterValue::Uuid(text.to_owned()),
                "jsonb" => ParameterValue::Jsonb(text.as_bytes().to_vec()),
                "decimal" => ParameterValue::Decimal(text.to_owned()),
                "timestamp" => ParameterValue::Timestamp(text.parse().expect("seconds")),
                "date" => ParameterValue::Date((2024, 2, text.parse().expect("a day"))),
                name => panic!("no type {name}"),
            }
        }
        Value::Array(_) => panic!("no parameter"),
    }
}
