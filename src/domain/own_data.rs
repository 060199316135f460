//! What the service holds on one person, as it is told to them.

use super::time::Timestamp;

/// A part of it: what one table holds on them, or a piece of that.
#[derive(Debug)]
pub struct Section {
    /// Its name.
    pub name: &'static str,
    /// One for each row.
    pub records: Vec<Record>,
    /// Whether no other piece of the table follows.
    pub is_last: bool,
}

/// One row, each value with its name.
pub type Record = Vec<(&'static str, Datum)>;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// There is none.
    Nothing,
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// A moment.
    Time(Timestamp),
}
