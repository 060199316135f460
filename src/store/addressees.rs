//! Whose an address is: a user's, or that of somebody who registered with it.

use super::database::{Columns, DatabaseError, Row, Statement};
use super::registrations::{self, registration_columns};
use super::users::{self, user_columns};
use crate::domain::address::AddressPrefix;
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

/// Whose a normalised address is: always one row, so that it takes as long for nobody
/// as for somebody.
pub fn by_address(normalized: &str, now: Timestamp) -> Statement {
    let sql = concat!(
        "SELECT ",
        registration_columns!(),
        ", u.password_hash, ",
        user_columns!(),
        " FROM (SELECT CAST($1 AS TEXT) AS address, CAST($2 AS BIGINT) AS now) a \
         LEFT JOIN users u ON u.email_normalized = a.address \
         LEFT JOIN registrations r ON u.id IS NULL AND r.id = (SELECT n.id \
         FROM registrations n WHERE n.email_normalized = a.address \
         AND n.expires_at > a.now ORDER BY n.id DESC LIMIT 1)"
    );
    Statement::new(sql, vec![normalized.into(), now.into()]).expecting(1)
}

/// The user with a normalised address, behind the id of a session of theirs that began
/// at this place, if one ever did. One row, too.
pub fn signing_in(normalized: &str, place: Option<AddressPrefix>) -> Statement {
    let sql = concat!(
        "SELECT (SELECT s.id FROM sessions s WHERE s.user_id = u.id \
         AND s.address_prefix = a.place LIMIT 1) AS session_here, u.password_hash, ",
        user_columns!(),
        " FROM (SELECT CAST($1 AS TEXT) AS address, CAST($2 AS TEXT) AS place) a \
         LEFT JOIN users u ON u.email_normalized = a.address"
    );
    let place = place.map(|place| place.to_string());
    Statement::new(sql, vec![normalized.into(), place.into()]).expecting(1)
}

/// Reads the row of [`by_address`].
pub fn from_row(row: Row) -> Result<Addressee, DatabaseError> {
    let mut columns = row.read();
    if let Some(registration) = registrations::from_columns(&mut columns)? {
        return Ok(Addressee::Registered(registration));
    }
    let user = user_from_columns(columns)?;
    Ok(user.map_or(Addressee::Nobody, |(user, hash)| Addressee::User(Box::new(user), hash)))
}

/// A user and their password hash, if they have one.
type Holder = (User, Option<String>);

/// Reads the row of [`signing_in`]: whether there was such a session, and the user.
pub fn signing_in_from_row(row: Row) -> Result<(bool, Option<Holder>), DatabaseError> {
    let mut columns = row.read();
    let was_here = columns.optional_text()?.is_some();
    Ok((was_here, user_from_columns(columns)?))
}

fn user_from_columns(mut columns: Columns) -> Result<Option<Holder>, DatabaseError> {
    let password_hash = columns.optional_text()?;
    if columns.rest_is_null() {
        return Ok(None);
    }
    Ok(Some((users::from_columns(&mut columns)?, password_hash)))
}
