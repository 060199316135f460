//! Whose an address is: a user's, or that of somebody who registered with it.

use super::database::{Columns, DatabaseError, Row, Statement};
use super::registrations::{self, registration_columns};
use super::users::{self, user_columns};
use crate::domain::address::AddressPrefix;
use crate::domain::registration::Registration;
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// A session of the user `u` that began at the place `a.place`.
macro_rules! session_here {
    () => {
        "(SELECT s.id FROM sessions s WHERE s.user_id = u.id \
         AND s.address_prefix = a.place LIMIT 1) AS session_here"
    };
}

/// Whose an address is.
#[derive(Debug)]
pub enum Addressee {
    /// A user's, whose password hash, if any, stands beside.
    User(Box<User>, Option<String>),
    /// That of somebody who registered and did not prove it yet: the last one, and whether
    /// there are others.
    Registered(Registration, bool),
    /// Nobody's that we know.
    Nobody,
}

/// Whose a normalised address is, behind the id of a session of its user that began at
/// this place, if one ever did: always one row, so that it takes as long for nobody as
/// for somebody.
pub fn by_address(normalized: &str, place: Option<AddressPrefix>, now: Timestamp) -> Statement {
    let sql = concat!(
        "SELECT ",
        session_here!(),
        ", ",
        registration_columns!(),
        ", (SELECT o.id FROM registrations o WHERE o.email_normalized = a.address \
         AND o.expires_at > a.now AND o.id <> r.id LIMIT 1) AS other_registration, \
         u.password_hash, ",
        user_columns!(),
        " FROM (SELECT CAST($1 AS TEXT) AS address, CAST($2 AS BIGINT) AS now, CAST($3 AS TEXT) AS place) a \
         LEFT JOIN users u ON u.email_normalized = a.address \
         LEFT JOIN registrations r ON u.id IS NULL AND r.id = (SELECT n.id \
         FROM registrations n WHERE n.email_normalized = a.address \
         AND n.expires_at > a.now ORDER BY n.id DESC LIMIT 1)"
    );
    let place = place.map(|place| place.to_string());
    Statement::new(sql, vec![normalized.into(), now.into(), place.into()]).expecting(1)
}

/// The same of a user alone.
pub fn signing_in(normalized: &str, place: Option<AddressPrefix>) -> Statement {
    let sql = concat!(
        "SELECT ",
        session_here!(),
        ", u.password_hash, ",
        user_columns!(),
        " FROM (SELECT CAST($1 AS TEXT) AS address, CAST($2 AS TEXT) AS place) a \
         LEFT JOIN users u ON u.email_normalized = a.address"
    );
    let place = place.map(|place| place.to_string());
    Statement::new(sql, vec![normalized.into(), place.into()]).expecting(1)
}

/// Reads the row of [`by_address`]: whether there was such a session, and whose it is.
pub fn from_row(row: Row) -> Result<(bool, Addressee), DatabaseError> {
    let mut columns = row.read();
    let was_here = columns.optional_text()?.is_some();
    let registration = registrations::from_columns(&mut columns)?;
    let has_others = columns.optional_text()?.is_some();
    if let Some(registration) = registration {
        return Ok((was_here, Addressee::Registered(registration, has_others)));
    }
    let user = user_from_columns(columns)?;
    let user = user.map(|(user, hash)| Addressee::User(Box::new(user), hash));
    Ok((was_here, user.unwrap_or(Addressee::Nobody)))
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
