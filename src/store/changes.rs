//! Events in the order of the chain, with the users that they are about.

use super::database::{DatabaseError, Row, Statement};
use super::users::{self, entry_columns};
use crate::domain::change::Change;
use crate::domain::time::Timestamp;

/// At most so many events behind a position; and one more without a position, if
/// there is any.
pub fn after(position: i64, limit: u32) -> Statement {
    let sql = concat!(
        "SELECT sealed.position, sealed.kind, sealed.subject, sealed.at, ",
        entry_columns!(),
        " FROM (SELECT * FROM (SELECT e.position, e.kind, e.subject, e.at FROM events e \
         WHERE e.position > $1 ORDER BY e.position LIMIT $2) ahead UNION ALL \
         SELECT * FROM (SELECT e.position, e.kind, e.subject, e.at FROM events e \
         WHERE e.position IS NULL LIMIT 1) behind) sealed \
         LEFT JOIN users u ON u.id = sealed.subject"
    );
    Statement::new(sql, vec![position.into(), limit.into()])
}

/// The position of the last event.
pub fn end() -> Statement {
    Statement::new("SELECT position FROM event_chain WHERE name = 'head'", Vec::new())
}

/// Reads the row of [`end`].
pub fn end_from_row(row: Row) -> Result<i64, DatabaseError> {
    row.read().integer()
}

/// Reads a row of [`after`]: an event and its user, or `None` for an event that has
/// no place yet.
pub fn from_row(row: Row) -> Result<Option<Change>, DatabaseError> {
    let mut columns = row.read();
    let position = columns.optional_integer()?;
    let kind = columns.text()?;
    let user_id = columns.optional_text()?.unwrap_or_default();
    let at = Timestamp::from_micros(columns.integer()?);
    let Some(position) = position else { return Ok(None) };
    let user = match columns.rest_is_null() {
        true => None,
        false => Some(users::entry_from_columns(&mut columns)?),
    };
    Ok(Some(Change { position, kind, user_id, at, user }))
}
