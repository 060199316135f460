//! A guest's connection to an SQLite file, with the semantics of Spin.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::hooks::{AuthAction, Authorization};
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Row, Statement};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::bindings::sqlite::{Error, QueryResult, RowResult, Value};
use crate::stream::{CHANNEL_CAPACITY, MAX_ITEM_BYTES};

/// Where a database is and what may be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Database {
    /// Its file. Without one every connection has an empty database in memory
    /// to itself.
    pub(crate) path: Option<PathBuf>,
    /// Whether statements may `ATTACH` other files.
    pub(crate) allow_attach_file: bool,
}

impl Database {
    fn open(&self) -> Result<rusqlite::Connection, rusqlite::Error> {
        let mut connection = match &self.path {
            Some(path) => rusqlite::Connection::open(path)?,
            None => rusqlite::Connection::open_in_memory()?,
        };
        if !self.allow_attach_file {
            connection.authorizer(Some(
                |context: rusqlite::hooks::AuthContext<'_>| match context.action {
                    AuthAction::Attach { filename } if !matches!(filename, "" | ":memory:") => {
                        Authorization::Deny
                    }
                    _ => Authorization::Allow,
                },
            ))?;
        }
        Ok(connection)
    }

    /// Runs every statement of `sql` on a connection of its own.
    pub(crate) fn execute_batch(&self, sql: &str) -> Result<(), rusqlite::Error> {
        self.open()?.execute_batch(sql)
    }

    /// Runs the first statement of `sql` on a connection of its own, and
    /// ignores what follows it.
    pub(crate) fn execute_first(&self, sql: &str) -> Result<(), rusqlite::Error> {
        with_statement(&self.open()?, sql, |statement| {
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        })
    }
}

/// What the guest holds: a connection that is opened at its first statement.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
pub struct Connection(Arc<Inner>);

struct Inner {
    database: Database,
    opened: OnceLock<Mutex<rusqlite::Connection>>,
}

/// A statement that runs while the guest reads its rows.
pub(crate) struct Running {
    /// The names of its columns. They are known before the first step, and
    /// empty when it does not compile.
    pub(crate) columns: Vec<String>,
    /// Its rows, while it steps.
    pub(crate) rows: mpsc::Receiver<RowResult>,
    /// How it ended: the only place where an error of the statement shows.
    pub(crate) end: oneshot::Receiver<Result<(), Error>>,
}

impl Connection {
    pub(crate) fn new(database: Database) -> Self {
        Self(Arc::new(Inner { database, opened: OnceLock::new() }))
    }

    /// Runs the first statement of `sql` and gathers its rows.
    pub(crate) async fn query(
        self,
        sql: String,
        parameters: Vec<Value>,
    ) -> Result<QueryResult, Error> {
        self.0.opened()?;
        spawn_blocking(move || self.0.query(&sql, parameters))
            .await
            .map_err(|error| Error::Io(error.to_string()))?
    }

    /// Starts the first statement of `sql` on a thread of its own, which holds
    /// the connection until the guest has read or dropped the rows.
    pub(crate) async fn stream(
        self,
        sql: String,
        parameters: Vec<Value>,
    ) -> Result<Running, Error> {
        self.0.opened()?;
        let (columns_sender, columns) = oneshot::channel();
        let (row_sender, rows) = mpsc::channel(CHANNEL_CAPACITY);
        let (end_sender, end) = oneshot::channel();
        spawn_blocking(move || {
            let result = self.0.stream(&sql, parameters, columns_sender, &row_sender);
            // Before the end is told, so that a guest that waits for it finds
            // the rows complete.
            drop(row_sender);
            // The guest may not care.
            let _ = end_sender.send(result);
        });
        Ok(Running {
            // A statement that does not compile drops the sender.
            columns: columns.await.unwrap_or_default(),
            rows,
            end,
        })
    }

    /// Rows changed by the last `INSERT`, `UPDATE` or `DELETE`. It waits,
    /// blocking, while a statement runs.
    pub(crate) fn changes(&self) -> Result<u64, Error> {
        Ok(self.0.lock()?.changes())
    }

    /// The rowid of the last `INSERT`. It waits, blocking, while a statement
    /// runs.
    pub(crate) fn last_insert_rowid(&self) -> Result<i64, Error> {
        Ok(self.0.lock()?.last_insert_rowid())
    }
}

impl Inner {
    fn opened(&self) -> Result<&Mutex<rusqlite::Connection>, Error> {
        if let Some(connection) = self.opened.get() {
            return Ok(connection);
        }
        let connection = self.database.open()?;
        Ok(self.opened.get_or_init(|| Mutex::new(connection)))
    }

    fn lock(&self) -> Result<MutexGuard<'_, rusqlite::Connection>, Error> {
        Ok(self.opened()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<QueryResult, Error> {
        with_statement(&*self.lock()?, sql, |statement| {
            let columns = column_names(statement);
            let mut rows = statement.query(to_sql(parameters))?;
            let mut gathered = Vec::new();
            let mut bytes = size_of::<QueryResult>();
            while let Some(row) = rows.next()? {
                let row = to_row(row)?;
                bytes += row_bytes(&row);
                check_size(bytes)?;
                gathered.push(row);
            }
            Ok(QueryResult { columns, rows: gathered })
        })
    }

    fn stream(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        columns: oneshot::Sender<Vec<String>>,
        sender: &mpsc::Sender<RowResult>,
    ) -> Result<(), Error> {
        with_statement(&*self.lock()?, sql, |statement| {
            columns
                .send(column_names(statement))
                .map_err(|_| Error::Io("column send error".to_owned()))?;
            let mut rows = statement.query(to_sql(parameters))?;
            while let Some(row) = rows.next()? {
                let row = to_row(row)?;
                check_size(row_bytes(&row))?;
                sender.blocking_send(row).map_err(|_| Error::Io("row send error".to_owned()))?;
            }
            Ok(())
        })
    }
}

/// Prepares the first statement of `sql`, from the connection's cache where it
/// can, and gives it to `run`. What follows the first statement is ignored,
/// even where it is no SQL at all.
fn with_statement<T, E: From<rusqlite::Error>>(
    connection: &rusqlite::Connection,
    sql: &str,
    run: impl FnOnce(&mut Statement<'_>) -> Result<T, E>,
) -> Result<T, E> {
    match connection.prepare_cached(sql) {
        Ok(mut statement) => run(&mut statement),
        // rusqlite refuses what it finds after the first statement.
        Err(error) => match Batch::new(connection, sql).next() {
            Ok(Some(mut statement)) => run(&mut statement),
            _ => Err(error.into()),
        },
    }
}

fn column_names(statement: &Statement<'_>) -> Vec<String> {
    statement.column_names().map(ToOwned::to_owned).collect()
}

fn to_sql(parameters: Vec<Value>) -> impl rusqlite::Params {
    rusqlite::params_from_iter(parameters.into_iter().map(|value| match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Integer(integer) => rusqlite::types::Value::Integer(integer),
        Value::Real(real) => rusqlite::types::Value::Real(real),
        Value::Text(text) => rusqlite::types::Value::Text(text),
        Value::Blob(blob) => rusqlite::types::Value::Blob(blob),
    }))
}

fn to_row(row: &Row<'_>) -> Result<RowResult, Error> {
    let values = (0..row.as_ref().column_count())
        .map(|column| {
            Ok(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(integer) => Value::Integer(integer),
                ValueRef::Real(real) => Value::Real(real),
                // Spin's host panics here and loses the connection.
                ValueRef::Text(text) => Value::Text(
                    String::from_utf8(text.to_vec())
                        .map_err(|error| Error::Io(error.to_string()))?,
                ),
                ValueRef::Blob(blob) => Value::Blob(blob.to_vec()),
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(RowResult { values })
}

fn row_bytes(row: &RowResult) -> usize {
    row.values
        .iter()
        .map(|value| {
            size_of::<Value>()
                + match value {
                    Value::Text(text) => text.len(),
                    Value::Blob(blob) => blob.len(),
                    Value::Integer(_) | Value::Real(_) | Value::Null => 0,
                }
        })
        .sum()
}

fn check_size(bytes: usize) -> Result<(), Error> {
    if bytes > MAX_ITEM_BYTES {
        return Err(Error::Io(format!("query result exceeds limit of {MAX_ITEM_BYTES} bytes")));
    }
    Ok(())
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Error::Io(error.to_string())
    }
}
