//! Commits that wait to become one.

use std::sync::{Arc, Mutex, PoisonError};

use super::database::{BoxFuture, Database, DatabaseError, Dialect, Row, Statement};

/// A database that reads at once and keeps what is committed to itself, until it is
/// taken to be committed as one change.
pub struct Deferred {
    database: Arc<dyn Database>,
    statements: Mutex<Vec<Statement>>,
}

impl Deferred {
    /// In front of a database.
    pub(super) fn new(database: Arc<dyn Database>) -> Self {
        Self { database, statements: Mutex::new(Vec::new()) }
    }

    /// What was committed since it was taken last, in order.
    pub fn take(&self) -> Vec<Statement> {
        std::mem::take(&mut *self.statements.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Database for Deferred {
    fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    fn query(&self, statement: Statement) -> BoxFuture<'_, Result<Vec<Row>, DatabaseError>> {
        self.database.query(statement)
    }

    fn commit(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<(), DatabaseError>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).extend(statements);
        Box::pin(std::future::ready(Ok(())))
    }
}
