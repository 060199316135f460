//! Whose an address is: a user's, or that of somebody who registered with it.

use super::database::{DatabaseError, Row, Statement};
use super::registrations::{self, registration_columns};
use super::users::{self, user_columns};
use crate::domain::registration::Registration;
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// Whose an address is.
#[derive(Debug)]
pub enum Addressee {
    /// A user's, whose password hash, if any, stands beside.
    User(Box<User>, Option<String>),
    /// That of somebody who registered and did not prove it yet; the last one.
    Registered(Registration),
    /// Nobody's that we know.
    Nobody,
}

/// Whose a normalised address is. Always one row, so that it takes as long for
/// nobody as for somebody.
pub fn by_address(normalized: &str, now: Timestamp) -> Statement {
    let sql = concat!(
        "SELECT ",
        registration_columns!(),
        ", u.password_hash, ",
        user_columns!(),
        " FROM (SELECT CAST($1 AS TEXT) AS address) a \
         LEFT JOIN users u ON u.email_normalized = a.address \
         LEFT JOIN registrations r ON u.id IS NULL AND r.id = (SELECT n.id FROM registrations n \
         WHERE n.email_normalized = a.address AND n.expires_at > $2 ORDER BY n.id DESC LIMIT 1)"
    );
    Statement::new(sql, vec![normalized.into(), now.into()]).expecting(1)
}

/// Reads the row of [`by_address`].
pub fn from_row(row: Row) -> Result<Addressee, DatabaseError> {
    let mut columns = row.read();
    if let Some(registration) = registrations::from_columns(&mut columns)? {
        return Ok(Addressee::Registered(registration));
    }
    let password_hash = columns.optional_text()?;
    if columns.rest_is_null() {
        return Ok(Addressee::Nobody);
    }
    Ok(Addressee::User(Box::new(users::from_columns(&mut columns)?), password_hash))
}
