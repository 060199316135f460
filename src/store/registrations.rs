//! Registrations.

use super::database::{Columns, DatabaseError, Row, Statement};
use crate::domain::email::Email;
use crate::domain::id::RegistrationId;
use crate::domain::name::Name;
use crate::domain::registration::Registration;
use crate::domain::time::Timestamp;

/// The columns of a registration `r`, in the order in which [`from_columns`]
/// reads them.
macro_rules! registration_columns {
    () => {
        "r.id AS registration_id, r.email AS registration_email, r.name AS registration_name, \
         r.password_hash AS registration_password_hash"
    };
}
pub(super) use registration_columns;

/// Inserts a registration.
pub fn insert(
    registration: &Registration,
    created_at: Timestamp,
    expires_at: Timestamp,
) -> Statement {
    let sql = "INSERT INTO registrations \
               (id, email, email_normalized, name, password_hash, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let params = vec![
        registration.id.to_string().into(),
        registration.email.as_str().into(),
        registration.email.normalized().into(),
        registration.name.as_str().into(),
        registration.password_hash.as_str().into(),
        created_at.into(),
        expires_at.into(),
    ];
    Statement::new(sql, params)
}

/// A registration that still waits.
pub fn by_id(id: RegistrationId, now: Timestamp) -> Statement {
    let sql = concat!(
        "SELECT ",
        registration_columns!(),
        " FROM registrations r WHERE r.id = $1 AND r.expires_at > $2"
    );
    Statement::new(sql, vec![id.to_string().into(), now.into()])
}

/// The last registrations of a normalised address that still wait, the newest first.
pub fn of_address(normalized: &str, most: u32, now: Timestamp) -> Statement {
    let sql = concat!(
        "SELECT ",
        registration_columns!(),
        " FROM registrations r WHERE r.email_normalized = $1 AND r.expires_at > $2 \
         ORDER BY r.id DESC LIMIT $3"
    );
    Statement::new(sql, vec![normalized.into(), now.into(), most.into()])
}

/// Deletes every registration of an address: it belongs to a user now.
pub fn delete_of(email: &Email) -> Statement {
    let sql = "DELETE FROM registrations WHERE email_normalized = $1";
    Statement::new(sql, vec![email.normalized().into()])
}

/// Deletes some of those that expired.
pub fn purge(now: Timestamp, limit: u32) -> Statement {
    let sql = "DELETE FROM registrations WHERE id IN (SELECT id FROM registrations \
               WHERE expires_at <= $1 LIMIT $2) RETURNING id";
    Statement::new(sql, vec![now.into(), limit.into()])
}

/// Reads a row of [`by_id`] or [`of_address`].
pub fn from_row(row: Row) -> Result<Registration, DatabaseError> {
    let found = from_columns(&mut row.read())?;
    found.ok_or_else(|| DatabaseError::Other("a registration without an id".to_owned()))
}

/// Reads the columns of `registration_columns`; nothing if an outer join found none.
pub fn from_columns(columns: &mut Columns) -> Result<Option<Registration>, DatabaseError> {
    let id = columns.optional_text()?;
    let email = columns.optional_text()?;
    let name = columns.optional_text()?;
    let password_hash = columns.optional_text()?;
    let (Some(id), Some(email), Some(name), Some(password_hash)) = (id, email, name, password_hash)
    else {
        return Ok(None);
    };
    let invalid = |_| DatabaseError::Other("a registration that is not valid".to_owned());
    Ok(Some(Registration {
        id: RegistrationId::parse(&id).map_err(invalid)?,
        email: Email::parse(&email).map_err(invalid)?,
        name: Name::parse(&name).map_err(invalid)?,
        password_hash,
    }))
}
