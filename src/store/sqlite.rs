//! The driver for Spin's SQLite interface, and libSQL behind it.
//!
//! Rules that the host imposes: a statement's error arrives only when its rows
//! were collected; an open transaction belongs to its connection; opening is
//! dear. So every statement is collected, a commit has a connection of its own,
//! and idle connections are kept, if and only if no transaction is open on them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use spin_sdk::sqlite::wit::sqlite::Connection as SyncConnection;
use spin_sdk::sqlite::{Connection, Value as SpinValue};

use super::database::{BoxFuture, Database, DatabaseError, Dialect, Row, Statement, Value};

/// As many connections as an instance has requests at a time.
const MAX_IDLE: usize = 16;

/// A database of the host, by its label in `spin.toml`.
pub struct SpinSqlite {
    label: &'static str,
    settings: [String; 4],
    idle: Mutex<Vec<Connection>>,
    reader: Mutex<Option<Arc<SyncConnection>>>,
}

impl SpinSqlite {
    /// The database with this label. `durable` keeps acknowledged writes through
    /// a power cut; without, the last ones may be lost. Nothing waits for a lock
    /// longer than `patience`.
    pub fn new(label: &'static str, durable: bool, patience: Duration) -> Self {
        let settings = [
            // First, because the change of the journal's mode itself waits for locks.
            format!("PRAGMA busy_timeout = {}", patience.as_millis().min(5_000)),
            "PRAGMA journal_mode = WAL".to_owned(),
            format!("PRAGMA synchronous = {}", if durable { "FULL" } else { "NORMAL" }),
            "PRAGMA foreign_keys = ON".to_owned(),
        ];
        Self { label, settings, idle: Mutex::new(Vec::new()), reader: Mutex::new(None) }
    }

    /// Reads by the interface's synchronous call, which is one crossing of the
    /// boundary where the asynchronous one is three. It stops the instance's other
    /// requests meanwhile, so it waits for locks for a moment only.
    fn read_at_once(&self, statement: &Statement) -> Result<Vec<Row>, DatabaseError> {
        let reader = self.reader()?;
        let params: Vec<_> = statement.params.iter().cloned().map(to_spin).collect();
        let result = reader.execute(&unpeeked(&statement.sql), &params).map_err(failed)?;
        let values = result.rows.into_iter().map(|row| row.values.into_iter().map(from_spin));
        values.map(|values| values.collect::<Result<_, _>>().map(Row::new)).collect()
    }

    /// The one connection of the instance that is read from at once.
    fn reader(&self) -> Result<Arc<SyncConnection>, DatabaseError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &*reader {
            return Ok(Arc::clone(connection));
        }
        let connection = SyncConnection::open(self.label).map_err(opening_failed)?;
        connection.execute("PRAGMA busy_timeout = 50", &[]).map_err(failed)?;
        let connection = Arc::new(connection);
        *reader = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// An idle connection, or a new one: nobody waits for another request.
    async fn take(&self) -> Result<Connection, DatabaseError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(connection) = idle {
            return Ok(connection);
        }
        let connection = Connection::open(self.label).await.map_err(opening_failed)?;
        for pragma in &self.settings {
            run(&connection, Statement::new(pragma.clone(), Vec::new())).await?;
        }
        Ok(connection)
    }

    /// Keeps a connection on which no transaction is open.
    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }

    async fn commit_on(
        &self,
        connection: &Connection,
        statements: Vec<Statement>,
    ) -> Result<(), DatabaseError> {
        run(connection, Statement::new("BEGIN IMMEDIATE", Vec::new())).await?;
        for (index, statement) in statements.into_iter().enumerate() {
            let expected = statement.rows;
            let rows = run(connection, statement).await?.len();
            if expected.is_some_and(|expected| expected != rows) {
                return Err(DatabaseError::Guard { statement: index });
            }
        }
        run(connection, Statement::new("COMMIT", Vec::new())).await?;
        Ok(())
    }
}

impl Database for SpinSqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&self, statement: Statement) -> BoxFuture<'_, Result<Vec<Row>, DatabaseError>> {
        Box::pin(async move {
            if statement.is_read() {
                match self.read_at_once(&statement) {
                    Err(DatabaseError::Busy(_)) => {}
                    result => return result,
                }
            }
            let connection = self.take().await?;
            let result = run(&connection, statement).await;
            // A statement by itself leaves no transaction behind, failed or not.
            self.keep(connection);
            result
        })
    }

    fn commit(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<(), DatabaseError>> {
        Box::pin(async move {
            let connection = self.take().await?;
            self.commit_on(&connection, statements).await?;
            // Only here is it certain that no transaction is open. On any error the
            // connection is closed, and SQLite rolls back.
            self.keep(connection);
            Ok(())
        })
    }
}

/// The one way in which statements run: all rows are collected, because only
/// then does the host tell whether the statement succeeded.
async fn run(connection: &Connection, statement: Statement) -> Result<Vec<Row>, DatabaseError> {
    let params = statement.params.into_iter().map(to_spin);
    let result = connection.execute(unpeeked(&statement.sql), params).await.map_err(failed)?;
    let rows = result.collect().await.map_err(failed)?;
    let values = rows.into_iter().map(|row| row.values.into_iter().map(from_spin));
    values.map(|values| values.collect::<Result<_, _>>().map(Row::new)).collect()
}

/// The same SQL with its placeholders out of the planner's sight: `+$1` for `$1`.
/// SQLite plans by the values bound to bare placeholders, so it compiles such a
/// statement anew whenever they change, even one that the host has kept: 65 us
/// instead of 3 for the caller of a request. All our plans hold for every value.
fn unpeeked(sql: &str) -> String {
    sql.replace('$', "+$")
}

fn to_spin(value: Value) -> SpinValue {
    match value {
        Value::Null => SpinValue::Null,
        Value::Integer(integer) => SpinValue::Integer(integer),
        Value::Text(text) => SpinValue::Text(text),
    }
}

fn from_spin(value: SpinValue) -> Result<Value, DatabaseError> {
    match value {
        SpinValue::Null => Ok(Value::Null),
        SpinValue::Integer(integer) => Ok(Value::Integer(integer)),
        SpinValue::Text(text) => Ok(Value::Text(text)),
        SpinValue::Real(_) | SpinValue::Blob(_) => {
            Err(DatabaseError::Other("a column of a type that no migration makes".to_owned()))
        }
    }
}

fn failed(error: spin_sdk::sqlite::Error) -> DatabaseError {
    match error {
        spin_sdk::sqlite::Error::Io(text) => DatabaseError::from_sqlite(&text),
        other => DatabaseError::Unavailable(other.to_string()),
    }
}

fn opening_failed(error: spin_sdk::sqlite::Error) -> DatabaseError {
    DatabaseError::Unavailable(format!("the database cannot be opened: {error}"))
}
