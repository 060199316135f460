//! Statements on a Postgres connection, and what becomes of them.

use std::pin::pin;

use futures::{StreamExt, TryStreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::RowStream;
use tokio_postgres::error::DbError;
use tokio_postgres::types::ToSql;

use super::{Connection, value};
use crate::bindings::postgres::{self, Column, Error, ParameterValue, QueryError, Row, RowSet};
use crate::stream::{CHANNEL_CAPACITY, MAX_ITEM_BYTES};

/// A statement whose rows the guest reads while they come.
pub(crate) struct Running {
    /// Its columns, taken from the first row: none when there is no row.
    pub(crate) columns: Vec<Column>,
    /// Its rows.
    pub(crate) rows: mpsc::Receiver<Row>,
    /// How it ended. What the server finds wrong while it executes shows here.
    pub(crate) end: oneshot::Receiver<Result<(), Error>>,
}

impl Connection {
    /// Runs a statement and returns the number of rows that it changed.
    pub(crate) async fn execute(
        &self,
        statement: &str,
        parameters: &[ParameterValue],
    ) -> Result<u64, Error> {
        let parameters = value::to_sql(parameters)
            .map_err(|error| Error::ValueConversionFailed(format!("{error:?}")))?;
        let parameters: Vec<_> =
            parameters.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync)).collect();
        self.0.execute(statement, &parameters).await.map_err(query_failed)
    }

    /// Runs a statement and gathers its rows.
    pub(crate) async fn query(
        &self,
        statement: &str,
        parameters: &[ParameterValue],
    ) -> Result<RowSet, Error> {
        let mut found = pin!(self.start(statement, parameters).await?);
        let mut set = RowSet { columns: Vec::new(), rows: Vec::new() };
        let mut bytes = size_of::<RowSet>();
        while let Some(row) = found.try_next().await.map_err(query_failed)? {
            if set.rows.is_empty() {
                set.columns = value::columns(&row);
            }
            bytes += row.raw_size_bytes();
            check_size(bytes)?;
            set.rows.push(to_row(&row)?);
        }
        Ok(set)
    }

    /// Starts a statement, whose rows are then read on a task of its own.
    pub(crate) async fn stream(
        &self,
        statement: &str,
        parameters: &[ParameterValue],
    ) -> Result<Running, Error> {
        let found = self.start(statement, parameters).await?;
        let (columns_sender, columns) = oneshot::channel();
        let (row_sender, rows) = mpsc::channel(CHANNEL_CAPACITY);
        let (end_sender, end) = oneshot::channel();
        tokio::spawn(async move {
            let result = send_rows(found, columns_sender, &row_sender).await;
            drop(row_sender);
            // The guest may not care.
            let _ = end_sender.send(result);
        });
        Ok(Running { columns: columns.await.unwrap_or_default(), rows, end })
    }

    async fn start(
        &self,
        statement: &str,
        parameters: &[ParameterValue],
    ) -> Result<RowStream, Error> {
        let parameters =
            value::to_sql(parameters).map_err(|error| Error::BadParameter(format!("{error:?}")))?;
        self.0.query_raw(statement, parameters).await.map_err(query_failed)
    }
}

async fn send_rows(
    found: RowStream,
    columns: oneshot::Sender<Vec<Column>>,
    sender: &mpsc::Sender<Row>,
) -> Result<(), Error> {
    let mut found = pin!(found);
    let mut columns = Some(columns);
    loop {
        let row = tokio::select! {
            biased;
            // A guest that dropped the rows is not interested in the rest.
            () = sender.closed() => return Ok(()),
            row = found.next() => row,
        };
        let Some(row) = row.transpose().map_err(query_failed)? else {
            return Ok(());
        };
        if let Some(columns) = columns.take() {
            // It is waited for.
            let _ = columns.send(value::columns(&row));
        }
        check_size(row.raw_size_bytes())?;
        sender.send(to_row(&row)?).await.map_err(|error| text(format!("async error: {error}")))?;
    }
}

fn to_row(row: &tokio_postgres::Row) -> Result<Row, Error> {
    value::row(row).map_err(|error| text(format!("{error:?}")))
}

fn check_size(bytes: usize) -> Result<(), Error> {
    if bytes > MAX_ITEM_BYTES {
        return Err(text(format!("query result exceeds limit of {MAX_ITEM_BYTES} bytes")));
    }
    Ok(())
}

fn text(text: String) -> Error {
    Error::QueryFailed(QueryError::Text(text))
}

/// An error of the driver, with all that the server said.
fn query_failed(error: tokio_postgres::Error) -> Error {
    let as_text = format!("{error:?}");
    let Some(db_error) = error.as_db_error() else {
        return text(as_text);
    };
    Error::QueryFailed(QueryError::DbError(postgres::DbError {
        as_text,
        severity: db_error.severity().to_owned(),
        code: db_error.code().code().to_owned(),
        message: db_error.message().to_owned(),
        detail: db_error.detail().map(ToOwned::to_owned),
        extras: extras(db_error),
    }))
}

/// What the server said besides, by the names that Spin gives it.
fn extras(error: &DbError) -> Vec<(String, String)> {
    let line = error.line().map(|line| line.to_string());
    [
        ("column", error.column()),
        ("constraint", error.constraint()),
        ("routine", error.routine()),
        ("hint", error.hint()),
        ("table", error.table()),
        ("datatype", error.datatype()),
        ("schema", error.schema()),
        ("file", error.file()),
        ("line", line.as_deref()),
        ("where_", error.where_()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
    .collect()
}
