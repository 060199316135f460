//! The driver for Spin's Postgres interface.
//!
//! Rules that the host imposes: connections are pooled by the host and go back to
//! its pool as they are, with an open transaction if there is one. So nothing
//! here opens a transaction: a change of several statements is one call of a
//! function that a migration installs. An error may arrive only when the rows
//! were collected, so they always are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use spin_sdk::pg::{Connection, DbValue, Error, ParameterValue, PgError, QueryError};

use super::database::{BoxFuture, Database, DatabaseError, Dialect, Row, Statement, Value};
use crate::app::Timer;

/// A server, by its connection string.
pub struct SpinPostgres {
    url: String,
    timeout: Duration,
    timer: Arc<dyn Timer>,
}

impl SpinPostgres {
    /// The server at `url`. Nothing waits for it longer than `timeout` on this side,
    /// and a little less on its own, so that it has the word.
    pub fn new(url: &str, timeout: Duration, timer: Arc<dyn Timer>) -> Self {
        Self { url: with_time_outs(url, timeout.mul_f32(0.9)), timeout, timer }
    }

    /// Runs one statement on a connection of the host's pool. Notes when it is on its
    /// way to the server.
    async fn run(
        &self,
        statement: Statement,
        sent: &AtomicBool,
    ) -> Result<Vec<Row>, DatabaseError> {
        let connection = Connection::open(self.url.clone()).await.map_err(failed)?;
        sent.store(true, Ordering::Relaxed);
        let params: Vec<_> = statement.params.into_iter().map(to_spin).collect();
        let sql = super::postgres_commit::in_postgres(&statement.sql).into_owned();
        let mut result = connection.query(sql, params).await.map_err(failed)?;
        let mut rows = Vec::new();
        while let Some(row) = result.rows().next().await {
            let values = row.into_iter().map(from_spin).collect::<Result<_, _>>()?;
            rows.push(Row::new(values));
        }
        result.result().await.map_err(failed)?;
        Ok(rows)
    }

    /// A server that is frozen answers nothing, not even an error. One that breaks
    /// off in the middle of a change has made it or not.
    async fn run_in_time(
        &self,
        statement: Statement,
        changes: bool,
    ) -> Result<Vec<Row>, DatabaseError> {
        let sent = AtomicBool::new(false);
        let late = self.timer.sleep(self.timeout);
        match select(Box::pin(self.run(statement, &sent)), late).await {
            Either::Left((Err(DatabaseError::InDoubt(text)), _)) if !changes => {
                Err(DatabaseError::Unavailable(text))
            }
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => {
                let text = "the server does not answer in time".to_owned();
                Err(if changes && sent.load(Ordering::Relaxed) {
                    DatabaseError::InDoubt(text)
                } else {
                    DatabaseError::Unavailable(text)
                })
            }
        }
    }
}

impl Database for SpinPostgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(&self, statement: Statement) -> BoxFuture<'_, Result<Vec<Row>, DatabaseError>> {
        let changes = !statement.is_read();
        Box::pin(self.run_in_time(statement, changes))
    }

    fn commit(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<(), DatabaseError>> {
        let statement = super::postgres_commit::commit(&statements);
        Box::pin(async move { self.run_in_time(statement, true).await.map(drop) })
    }
}

/// Adds time-outs to a connection string that sets no options of its own.
fn with_time_outs(url: &str, timeout: Duration) -> String {
    if url.contains("options=") {
        return url.to_owned();
    }
    let millis = timeout.as_millis();
    let options = format!(
        "-c statement_timeout={millis} -c lock_timeout={millis} \
         -c idle_in_transaction_session_timeout={millis}"
    );
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let separator = if url.contains('?') { '&' } else { '?' };
        let options = options.replace(' ', "%20").replace('=', "%3D");
        format!("{url}{separator}options={options}")
    } else {
        format!("{url} options='{options}'")
    }
}

fn to_spin(value: Value) -> ParameterValue {
    match value {
        Value::Null => ParameterValue::DbNull,
        Value::Integer(integer) => ParameterValue::Int64(integer),
        Value::Text(text) => ParameterValue::Str(text),
    }
}

fn from_spin(value: DbValue) -> Result<Value, DatabaseError> {
    match value {
        DbValue::DbNull => Ok(Value::Null),
        DbValue::Int64(integer) => Ok(Value::Integer(integer)),
        DbValue::Int32(integer) => Ok(Value::Integer(integer.into())),
        DbValue::Str(text) => Ok(Value::Text(text)),
        other => Err(DatabaseError::Other(format!("a column of an unexpected type: {other:?}"))),
    }
}

/// A chain of causes on one line, without the stack that the host may add to it.
fn on_a_line(text: &str) -> String {
    let causes = text.split("\n\nStack backtrace").next().unwrap_or_default();
    causes.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn failed(error: Error) -> DatabaseError {
    match error {
        Error::PgError(PgError::ConnectionFailed(text)) => {
            DatabaseError::Unavailable(on_a_line(&text))
        }
        Error::PgError(PgError::QueryFailed(QueryError::DbError(error))) => {
            let extra = error.extras.iter().find(|(name, _)| name == "constraint");
            let constraint = extra.map(|(_, name)| name.as_str());
            super::postgres_commit::meaning(&error.code, &error.message, constraint)
        }
        // Without words of the server's own, the connection is what broke.
        Error::PgError(PgError::QueryFailed(QueryError::Text(text))) => {
            DatabaseError::InDoubt(text)
        }
        other => DatabaseError::Other(other.to_string()),
    }
}
