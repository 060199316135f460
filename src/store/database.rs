//! The port to a database: the only thing that its drivers implement.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::domain::id::UserId;
use crate::error::{Cause, Error};

/// A future that can be kept in a box and sent.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A database with one connection's worth of promises: a statement is atomic, a
/// commit is atomic, and what either acknowledged is there after a power cut.
pub trait Database: Send + Sync {
    /// What differs in its SQL.
    fn dialect(&self) -> Dialect;

    /// Runs one statement and returns all its rows.
    fn query(&self, statement: Statement) -> BoxFuture<'_, Result<Vec<Row>, DatabaseError>>;

    /// Runs the statements in order as one change. When one fails or affects
    /// another number of rows than it expects, nothing has happened.
    fn commit(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<(), DatabaseError>>;
}

/// The two kinds of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite and libSQL.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A value of the two types that both databases share, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// A BIGINT.
    Integer(i64),
    /// A TEXT.
    Text(String),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<crate::domain::time::Timestamp> for Value {
    fn from(value: crate::domain::time::Timestamp) -> Self {
        Self::Integer(value.micros())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One statement with its parameters: `$1`, `$2`, …, each first used in
/// ascending order, so that both databases bind them alike.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The text.
    pub sql: Cow<'static, str>,
    /// One for each placeholder.
    pub params: Vec<Value>,
    /// How many rows it must return; any number if `None`. A guarded write
    /// says `RETURNING`, so that the rows it changed are counted alike.
    pub rows: Option<usize>,
    /// What it changes of what may be remembered elsewhere.
    pub touches: Vec<Touch>,
    /// Whether the rows that it reads stay as they are until the commit ends.
    pub holds: bool,
}

/// Something that rows are read of and remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// A user, its roles and its sessions.
    User(UserId),
    /// What roles allow.
    Roles,
}

impl Statement {
    /// A statement that may return any number of rows.
    pub fn new(sql: impl Into<Cow<'static, str>>, params: Vec<Value>) -> Self {
        Self { sql: sql.into(), params, rows: None, touches: Vec::new(), holds: false }
    }

    /// Whether it only reads. Those that write begin with what they do.
    pub fn is_read(&self) -> bool {
        ["SELECT", "WITH"].into_iter().any(|word| self.sql.starts_with(word))
    }

    /// The same statement, which changes this.
    pub fn touching(mut self, touch: Touch) -> Self {
        self.touches.push(touch);
        self
    }

    /// The same statement, a `SELECT`, which holds the rows that it reads: what it saw
    /// is so until the commit ends. SQLite makes one change after the other anyway;
    /// Postgres makes those wait that would change such a row.
    pub fn holding(self) -> Self {
        Self { holds: true, ..self }
    }

    /// The same statement, guarded: another number of rows undoes the commit.
    pub fn expecting(self, rows: usize) -> Self {
        Self { rows: Some(rows), ..self }
    }
}

/// One row of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(Vec<Value>);

impl Row {
    /// A row of these values.
    pub fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    /// Its values.
    pub fn values(&self) -> &[Value] {
        &self.0
    }

    /// The row without its first columns.
    pub fn behind(self, columns: usize) -> Self {
        Self(self.0.into_iter().skip(columns).collect())
    }

    /// Reads the row from its first column on.
    pub fn read(self) -> Columns {
        Columns { values: self.0.into_iter(), place: 0 }
    }
}

/// Reads the columns of a row in order, each of the type that it must have.
pub struct Columns {
    values: std::vec::IntoIter<Value>,
    place: usize,
}

impl Columns {
    /// The next column, a text.
    pub fn text(&mut self) -> Result<String, DatabaseError> {
        self.optional_text()?.ok_or_else(|| self.unexpected("a text, not NULL"))
    }

    /// The next column, a text or NULL.
    pub fn optional_text(&mut self) -> Result<Option<String>, DatabaseError> {
        match self.next()? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            Value::Integer(_) => Err(self.unexpected("a text")),
        }
    }

    /// The next column, an integer.
    pub fn integer(&mut self) -> Result<i64, DatabaseError> {
        self.optional_integer()?.ok_or_else(|| self.unexpected("an integer, not NULL"))
    }

    /// The next column, an integer or NULL.
    pub fn optional_integer(&mut self) -> Result<Option<i64>, DatabaseError> {
        match self.next()? {
            Value::Integer(integer) => Ok(Some(integer)),
            Value::Null => Ok(None),
            Value::Text(_) => Err(self.unexpected("an integer")),
        }
    }

    /// The next column by a rule that turns its text into something better.
    pub fn parsed<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, DatabaseError> {
        self.taken(|text| parse(&text))
    }

    /// The next column by a rule that makes something of its text itself.
    pub fn taken<T>(&mut self, make: impl FnOnce(String) -> Option<T>) -> Result<T, DatabaseError> {
        let text = self.text()?;
        make(text).ok_or_else(|| self.unexpected(std::any::type_name::<T>()))
    }

    /// The same of a column that may be NULL.
    pub fn optional_taken<T>(
        &mut self,
        make: impl FnOnce(String) -> Option<T>,
    ) -> Result<Option<T>, DatabaseError> {
        let Some(text) = self.optional_text()? else { return Ok(None) };
        make(text).map(Some).ok_or_else(|| self.unexpected(std::any::type_name::<T>()))
    }

    /// What is left of the row.
    pub fn rest(self) -> Row {
        Row(self.values.collect())
    }

    /// Whether every column that is left is NULL: an outer join found nothing.
    pub fn rest_is_null(&self) -> bool {
        self.values.as_slice().iter().all(|value| *value == Value::Null)
    }

    fn next(&mut self) -> Result<Value, DatabaseError> {
        self.place = self.place.saturating_add(1);
        self.values.next().ok_or_else(|| self.unexpected("a column"))
    }

    fn unexpected(&self, expected: &str) -> DatabaseError {
        DatabaseError::Other(format!("column {} should have been {expected}", self.place))
    }
}

/// What a database said instead of doing what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseError {
    /// A unique constraint; named as Postgres names it by default:
    /// `table_column_key`.
    Unique {
        /// Which one.
        constraint: String,
    },
    /// A foreign key.
    ForeignKey,
    /// A statement of the commit affected another number of rows than expected.
    Guard {
        /// Which one, counted from zero.
        statement: usize,
    },
    /// The request whose answer the commit keeps was answered already.
    Repeated,
    /// It met other changes at the same time and was undone: trying again helps.
    Collision(String),
    /// Somebody else holds a lock for too long.
    Busy(String),
    /// The database does not answer, is full, or is not ready.
    Unavailable(String),
    /// It broke off before it said what became of a change.
    InDoubt(String),
    /// A defect of ours or damage of its.
    Other(String),
}

impl DatabaseError {
    /// Reads what SQLite says; its host interface gives a text only.
    pub fn from_sqlite(text: &str) -> Self {
        let contains = |part| text.contains(part);
        if let Some((_, columns)) = text.split_once("UNIQUE constraint failed: ") {
            Self::Unique { constraint: constraint_name(columns) }
        } else if contains("FOREIGN KEY constraint failed") {
            Self::ForeignKey
        } else if contains("database is locked") || contains("database table is locked") {
            Self::Busy(text.to_owned())
        } else if ["disk", "unable to open", "readonly", "out of memory", "not a database"]
            .into_iter()
            .any(contains)
        {
            Self::Unavailable(text.to_owned())
        } else {
            Self::Other(text.to_owned())
        }
    }

    /// Turns the violation of one constraint into what it means, where that is
    /// known; every other error becomes what it means anywhere.
    pub fn on_unique(self, constraint: &str, meaning: Error) -> Error {
        match self {
            Self::Unique { constraint: violated } if violated == constraint => meaning,
            other => other.into(),
        }
    }

    /// Turns a failed guard into what it means.
    pub fn on_guard(self, meaning: Error) -> Error {
        match self {
            Self::Guard { .. } => meaning,
            other => other.into(),
        }
    }
}

/// `users.email, users.name` is `users_email_name_key` in Postgres.
fn constraint_name(columns: &str) -> String {
    let mut name = String::new();
    for column in columns.split(", ") {
        match column.split_once('.') {
            Some((table, column)) if name.is_empty() => name = format!("{table}_{column}"),
            Some((_, column)) => name = format!("{name}_{column}"),
            None => {}
        }
    }
    name + "_key"
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unique { constraint } => write!(f, "unique constraint {constraint} violated"),
            Self::ForeignKey => f.write_str("foreign key violated"),
            Self::Guard { statement } => write!(f, "statement {statement} missed its rows"),
            Self::Repeated => f.write_str("the request was answered already"),
            Self::Collision(text)
            | Self::Busy(text)
            | Self::Unavailable(text)
            | Self::InDoubt(text)
            | Self::Other(text) => f.write_str(text),
        }
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Busy(_) | DatabaseError::Unavailable(_) => Self::unavailable(error),
            DatabaseError::Collision(_) => Self::busy(),
            DatabaseError::InDoubt(text) => Self::InDoubt(Cause::new(text)),
            DatabaseError::Repeated => {
                Self::InProgress { retry_after: std::time::Duration::from_secs(1) }
            }
            DatabaseError::Unique { .. }
            | DatabaseError::ForeignKey
            | DatabaseError::Guard { .. }
            | DatabaseError::Other(_) => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqlite_says_is_understood() {
        let unique = |constraint: &str| DatabaseError::Unique { constraint: constraint.to_owned() };
        for (text, expected) in [
            (
                "UNIQUE constraint failed: users.email_normalized",
                unique("users_email_normalized_key"),
            ),
            (
                "UNIQUE constraint failed: user_roles.user_id, user_roles.role",
                unique("user_roles_user_id_role_key"),
            ),
            ("FOREIGN KEY constraint failed", DatabaseError::ForeignKey),
            ("database is locked", DatabaseError::Busy("database is locked".to_owned())),
            (
                "database or disk is full",
                DatabaseError::Unavailable("database or disk is full".to_owned()),
            ),
            ("no such table: x", DatabaseError::Other("no such table: x".to_owned())),
        ] {
            assert_eq!(DatabaseError::from_sqlite(text), expected);
        }
    }

    #[test]
    fn a_column_of_another_type_is_an_error_that_names_its_place() {
        let row = Row::new(vec![Value::Integer(1), Value::Null]);
        let mut columns = row.read();
        assert_eq!(columns.integer(), Ok(1));
        let error = columns.text().unwrap_err();
        assert_eq!(error.to_string(), "column 2 should have been a text, not NULL");
        assert!(columns.integer().is_err());
    }
}
