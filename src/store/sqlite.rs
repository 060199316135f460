//! The driver for Spin's SQLite interface, and libSQL behind it.
//!
//! Rules that the host imposes: a statement's error arrives only when its rows
//! were collected; an open transaction belongs to its connection; opening is
//! dear. So every statement is collected, a commit has a connection of its own,
//! and idle connections are kept, if and only if no transaction is open on them.
//!
//! The interface has a synchronous call, which is one crossing of the boundary and
//! stops the instance's other requests meanwhile, and an asynchronous one, which is
//! three. What takes microseconds is called by the first; what waits for the disk,
//! by the second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use spin_sdk::sqlite::Value as SpinValue;
use spin_sdk::sqlite::wit::sqlite::{Connection, Error, QueryResult};

use crate::line::{Line, Place};

use super::database::{BoxFuture, Database, DatabaseError, Dialect, Row, Statement, Value};

/// As many connections as an instance has requests at a time.
const MAX_IDLE: usize = 16;
/// How long somebody who waits to write sleeps before the next look: for each who
/// stands before them, and at most. SQLite's own waiting has steps of up to 100 ms,
/// and no order at all.
const PAUSE: Duration = Duration::from_micros(300);
const LONGEST_PAUSE: Duration = Duration::from_millis(3);

/// A database of the host, by its label in `spin.toml`.
pub struct SpinSqlite {
    label: &'static str,
    settings: [String; 6],
    patience: Duration,
    idle: Mutex<Vec<Connection>>,
    reader: Mutex<Option<Arc<Connection>>>,
    /// Those that want to write: the first writes, or waits until those of other
    /// instances have written.
    line: Line,
}

#[expect(clippy::disallowed_methods, reason = "a lock is held by the real clock")]
fn instant() -> Instant {
    Instant::now()
}

/// The patience of somebody who waits.
struct Wait {
    until: Instant,
    pause: Duration,
}

impl Wait {
    fn new(patience: Duration) -> Self {
        let now = instant();
        Self { until: now.checked_add(patience).unwrap_or(now), pause: PAUSE }
    }

    /// Sleeps until the next look at the lock; `false` when patience is at its end.
    async fn sleep(&mut self) -> bool {
        let pause = self.pause;
        self.pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        self.sleep_for(pause).await
    }

    async fn sleep_for(&self, pause: Duration) -> bool {
        let left = self.until.saturating_duration_since(instant());
        spin_sdk::time::sleep(pause.min(left)).await;
        !left.is_zero()
    }
}

impl SpinSqlite {
    /// The database with this label. `durable` keeps acknowledged writes through
    /// a power cut; without, the last ones may be lost. Nothing waits for a lock
    /// longer than `patience`, and than five seconds.
    pub fn new(label: &'static str, durable: bool, patience: Duration) -> Self {
        let patience = patience.min(Duration::from_secs(5));
        let settings = [
            // First, because the change of the journal's mode itself waits for locks.
            format!("PRAGMA busy_timeout = {}", patience.as_millis()),
            "PRAGMA journal_mode = WAL".to_owned(),
            format!("PRAGMA synchronous = {}", if durable { "FULL" } else { "NORMAL" }),
            "PRAGMA foreign_keys = ON".to_owned(),
            // What is deleted is gone from the file, too.
            "PRAGMA secure_delete = ON".to_owned(),
            // From here on, it is asked again instead.
            "PRAGMA busy_timeout = 0".to_owned(),
        ];
        Self {
            label,
            settings,
            patience,
            idle: Mutex::new(Vec::new()),
            reader: Mutex::new(None),
            line: Line::default(),
        }
    }

    /// The one connection of the instance that is read from, which waits for locks
    /// for a moment only.
    fn reader(&self) -> Result<Arc<Connection>, DatabaseError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &*reader {
            return Ok(Arc::clone(connection));
        }
        let connection = Connection::open(self.label).map_err(opening_failed)?;
        run(&connection, &Statement::new("PRAGMA busy_timeout = 50", Vec::new()))?;
        let connection = Arc::new(connection);
        *reader = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// An idle connection, or a new one.
    async fn take(&self, wait: &mut Wait) -> Result<Connection, DatabaseError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(connection) = idle {
            return Ok(connection);
        }
        loop {
            match self.open().await {
                // SQLite does not wait by itself when the mode of the journal is set
                // while another connection is closed.
                Err(DatabaseError::Busy(_)) if wait.sleep().await => {}
                result => return result,
            }
        }
    }

    async fn open(&self) -> Result<Connection, DatabaseError> {
        let label = self.label.to_owned();
        let connection = Connection::open_async(label).await.map_err(opening_failed)?;
        for pragma in &self.settings {
            run_and_wait(&connection, &Statement::new(pragma.clone(), Vec::new())).await?;
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

    /// This request's turn to write, when those of the instance before it are done.
    async fn turn(&self, wait: &Wait) -> Result<Place<'_>, DatabaseError> {
        let place = self.line.join();
        loop {
            let before = place.before();
            if before == 0 {
                return Ok(place);
            }
            let pause = PAUSE.saturating_mul(before).min(LONGEST_PAUSE);
            if !wait.sleep_for(pause).await {
                return Err(DatabaseError::Busy("others wrote all the time".to_owned()));
            }
        }
    }

    /// Runs one statement that writes, which is atomic by itself.
    async fn write(&self, statement: &Statement) -> Result<Vec<Row>, DatabaseError> {
        let mut wait = Wait::new(self.patience);
        let _turn = self.turn(&wait).await?;
        let connection = self.take(&mut wait).await?;
        loop {
            match run_and_wait(&connection, statement).await {
                Err(DatabaseError::Busy(_)) if wait.sleep().await => {}
                result => {
                    // It leaves no transaction behind, failed or not.
                    self.keep(connection);
                    return result;
                }
            }
        }
    }

    /// Runs statements in one transaction. Between its begin and its commit there is
    /// no other request: only the disk is waited for.
    async fn commit_on(
        &self,
        connection: &Connection,
        statements: &[Statement],
        wait: &mut Wait,
    ) -> Result<(), DatabaseError> {
        let begin = Statement::new("BEGIN IMMEDIATE", Vec::new());
        while let Err(error) = run(connection, &begin) {
            if !matches!(error, DatabaseError::Busy(_)) || !wait.sleep().await {
                return Err(error);
            }
        }
        for (index, statement) in statements.iter().enumerate() {
            let rows = run(connection, statement)?.len();
            if statement.rows.is_some_and(|expected| expected != rows) {
                return Err(DatabaseError::Guard { statement: index });
            }
        }
        run_and_wait(connection, &Statement::new("COMMIT", Vec::new())).await?;
        Ok(())
    }
}

impl Database for SpinSqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&self, statement: Statement) -> BoxFuture<'_, Result<Vec<Row>, DatabaseError>> {
        Box::pin(async move {
            if !statement.is_read() {
                return self.write(&statement).await;
            }
            match self.reader().and_then(|reader| run(&reader, &statement)) {
                // Somebody holds the whole database: they are waited for, and nobody else.
                Err(DatabaseError::Busy(_)) => self.write(&statement).await,
                result => result,
            }
        })
    }

    fn commit(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<(), DatabaseError>> {
        Box::pin(async move {
            let mut wait = Wait::new(self.patience);
            let _turn = self.turn(&wait).await?;
            let connection = self.take(&mut wait).await?;
            self.commit_on(&connection, &statements, &mut wait).await?;
            // Only here is it certain that no transaction is open. On any error the
            // connection is closed, and SQLite rolls back.
            self.keep(connection);
            Ok(())
        })
    }
}

/// Runs a statement by the synchronous call.
fn run(connection: &Connection, statement: &Statement) -> Result<Vec<Row>, DatabaseError> {
    let QueryResult { rows, .. } =
        connection.execute(&unpeeked(&statement.sql), &params(statement)).map_err(failed)?;
    rows.into_iter().map(|row| to_row(row.values)).collect()
}

/// Runs a statement by the asynchronous call. All rows are collected, because only
/// then does the host tell whether the statement succeeded.
async fn run_and_wait(
    connection: &Connection,
    statement: &Statement,
) -> Result<Vec<Row>, DatabaseError> {
    let call = connection.execute_async(unpeeked(&statement.sql), params(statement));
    let (_, rows, result) = call.await.map_err(failed)?;
    let rows = rows.collect().await;
    result.await.map_err(failed)?;
    rows.into_iter().map(|row| to_row(row.values)).collect()
}

fn params(statement: &Statement) -> Vec<SpinValue> {
    statement.params.iter().cloned().map(to_spin).collect()
}

fn to_row(values: Vec<SpinValue>) -> Result<Row, DatabaseError> {
    values.into_iter().map(from_spin).collect::<Result<_, _>>().map(Row::new)
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

fn failed(error: Error) -> DatabaseError {
    match error {
        Error::Io(text) => DatabaseError::from_sqlite(&text),
        other => DatabaseError::Unavailable(other.to_string()),
    }
}

fn opening_failed(error: Error) -> DatabaseError {
    DatabaseError::Unavailable(format!("the database cannot be opened: {error}"))
}
