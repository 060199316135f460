//! The `Database` port over SQLite as a library, with the semantics of the
//! driver for Spin: a connection is taken or opened, never waited for; a commit
//! has one to itself; what failed is closed, and SQLite rolls back.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rollcall::store::database::{
    BoxFuture, Database, DatabaseError, Dialect, Row, Statement, Value,
};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};
use tempfile::TempDir;

/// A database in a temporary file, which goes away with its last copy.
///
/// A statement runs on a thread of its own while its future waits, as with a
/// real host: requests that are awaited together interleave at every statement.
#[derive(Clone)]
pub(crate) struct Sqlite(Arc<Inner>);

struct Inner {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    _folder: TempDir,
}

impl Sqlite {
    /// An empty database.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        Self(Arc::new(Inner { path, idle: Mutex::new(Vec::new()), _folder: folder }))
    }

    fn query_here(&self, statement: Statement) -> Result<Vec<Row>, DatabaseError> {
        let connection = self.0.take()?;
        let rows = run(&connection, statement);
        self.0.keep(connection);
        rows
    }

    fn commit_here(&self, statements: Vec<Statement>) -> Result<(), DatabaseError> {
        let connection = self.0.take()?;
        commit_on(&connection, statements)?;
        self.0.keep(connection);
        Ok(())
    }

    async fn elsewhere<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        let database = self.clone();
        tokio::task::spawn_blocking(move || work(&database)).await.unwrap()
    }
}

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&self, statement: Statement) -> BoxFuture<'_, Result<Vec<Row>, DatabaseError>> {
        Box::pin(self.elsewhere(|database| database.query_here(statement)))
    }

    fn commit(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<(), DatabaseError>> {
        Box::pin(self.elsewhere(|database| database.commit_here(statements)))
    }
}

impl Inner {
    fn take(&self) -> Result<Connection, DatabaseError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(connection) = idle {
            return Ok(connection);
        }
        // SQLite does not wait by itself when the mode of the journal is set while
        // another connection is closed.
        let busy = |opened: &Result<_, _>| matches!(opened, Err(DatabaseError::Busy(_)));
        (0..1_000).map(|_| self.open()).find(|opened| !busy(opened)).unwrap_or_else(|| self.open())
    }

    fn open(&self) -> Result<Connection, DatabaseError> {
        let connection = Connection::open(&self.path).map_err(failed)?;
        // No power cut happens to a test: nothing needs to reach the disk.
        for pragma in
            ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = OFF", "PRAGMA foreign_keys = ON"]
        {
            run(&connection, Statement::new(pragma, Vec::new()))?;
        }
        Ok(connection)
    }

    fn keep(&self, connection: Connection) {
        assert!(connection.is_autocommit(), "a transaction is still open");
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

fn commit_on(connection: &Connection, statements: Vec<Statement>) -> Result<(), DatabaseError> {
    run(connection, Statement::new("BEGIN IMMEDIATE", Vec::new()))?;
    for (index, statement) in statements.into_iter().enumerate() {
        let expected = statement.rows;
        let rows = run(connection, statement)?.len();
        if expected.is_some_and(|expected| expected != rows) {
            return Err(DatabaseError::Guard { statement: index });
        }
    }
    run(connection, Statement::new("COMMIT", Vec::new()))?;
    Ok(())
}

fn run(connection: &Connection, statement: Statement) -> Result<Vec<Row>, DatabaseError> {
    let mut prepared = connection.prepare_cached(&statement.sql).map_err(failed)?;
    let columns = prepared.column_count();
    let params = params_from_iter(statement.params.into_iter().map(to_sqlite));
    let mut rows = prepared.query(params).map_err(failed)?;
    let mut read = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let values = (0..columns).map(|column| from_sqlite(row.get_ref(column).map_err(failed)?));
        read.push(Row::new(values.collect::<Result<_, DatabaseError>>()?));
    }
    Ok(read)
}

fn to_sqlite(value: Value) -> rusqlite::types::Value {
    match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Integer(integer) => rusqlite::types::Value::Integer(integer),
        Value::Text(text) => rusqlite::types::Value::Text(text),
    }
}

fn from_sqlite(value: ValueRef<'_>) -> Result<Value, DatabaseError> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(integer) => Ok(Value::Integer(integer)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Value::Text(text.to_owned())),
            Err(error) => Err(DatabaseError::Other(error.to_string())),
        },
        ValueRef::Real(_) | ValueRef::Blob(_) => {
            Err(DatabaseError::Other("a column of a type that no migration makes".to_owned()))
        }
    }
}

fn failed(error: rusqlite::Error) -> DatabaseError {
    DatabaseError::from_sqlite(&error.to_string())
}
