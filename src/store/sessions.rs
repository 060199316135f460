//! Sessions.

use crate::domain::encoding::HEX;

use super::database::{Columns, DatabaseError, Row, Statement, Touch, Value};
use super::factors::{self, factor_columns};
use super::users::{self, user_columns};
use crate::domain::address::AddressPrefix;
use crate::domain::authentication::Methods;
use crate::domain::factor::TotpFactor;
use crate::domain::id::{SessionId, UserId};
use crate::domain::page::PageRequest;
use crate::domain::session::{Device, Session};
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// The columns of a session `s`, in the order in which [`from_columns`] reads them.
macro_rules! session_columns {
    () => {
        "s.id AS session_id, s.user_id, s.device, s.address, s.created_at AS session_created_at, \
         s.last_used_at, s.expires_at, s.generation, s.rotated_at, s.seed, \
         s.methods, s.authenticated_at"
    };
}

/// Inserts a session at generation 0.
pub fn insert(session: &Session, access_token_hash: &[u8]) -> Statement {
    let sql = "INSERT INTO sessions (id, user_id, device, address, created_at, last_used_at, \
               expires_at, access_token_hash, seed, generation, rotated_at, methods, \
               authenticated_at, address_prefix) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    let params = vec![
        session.id.to_string().into(),
        session.user.to_string().into(),
        session.device.as_ref().map(Device::as_str).into(),
        session.address.as_deref().into(),
        session.created_at.into(),
        session.last_used_at.into(),
        session.expires_at.into(),
        HEX.encode(access_token_hash).into(),
        HEX.encode(&session.seed).into(),
        session.generation.into(),
        session.rotated_at.into(),
        session.methods.to_stored().into(),
        session.authenticated_at.into(),
        session.address.as_deref().and_then(prefix).into(),
    ];
    Statement::new(sql, params)
}

/// The part of an address that tells a place from another.
fn prefix(address: &str) -> Option<String> {
    Some(AddressPrefix::of(address.parse().ok()?).to_string())
}

/// A session that goes on, and its user.
pub fn by_id(id: SessionId, now: Timestamp) -> Statement {
    let sql = concat!(
        "SELECT ",
        session_columns!(),
        ", ",
        user_columns!(),
        " FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.id = $1 AND s.ended_at IS NULL AND s.expires_at > $2"
    );
    Statement::new(sql, vec![id.to_string().into(), now.into()])
}

/// A session with what its user must show to make it fresh.
pub struct WithCredentials {
    /// The session.
    pub session: Session,
    /// A PHC string, if the user can sign in with a password.
    pub password_hash: Option<String>,
    /// The authenticator app, if there is one.
    pub totp: Option<TotpFactor>,
}

/// A session with what its user must show to make it fresh.
pub fn with_credentials(id: SessionId) -> Statement {
    let sql = concat!(
        "SELECT ",
        session_columns!(),
        ", u.password_hash, ",
        factor_columns!(),
        " FROM sessions s JOIN users u ON u.id = s.user_id \
         LEFT JOIN totp_factors f ON f.user_id = u.id WHERE s.id = $1"
    );
    Statement::new(sql, vec![id.to_string().into()])
}

/// Reads a row of [`with_credentials`].
pub fn credentials_from_row(row: Row) -> Result<WithCredentials, DatabaseError> {
    let mut columns = row.read();
    Ok(WithCredentials {
        session: from_columns(&mut columns)?,
        password_hash: columns.optional_text()?,
        totp: factors::from_columns(columns)?,
    })
}

/// A page of the sessions of a user that go on, in the order in which they began,
/// and one more if there is one.
pub fn list(user: UserId, page: &PageRequest, now: Timestamp) -> Statement {
    let sql = concat!(
        "SELECT ",
        session_columns!(),
        " FROM sessions s WHERE s.user_id = $1 AND s.id > $2 AND s.ended_at IS NULL \
         AND s.expires_at > $3 ORDER BY s.id LIMIT $4"
    );
    Statement::new(sql, list_params(user, page, now))
}

/// The same, each behind its user; a user without sessions comes alone.
pub fn list_with_user(user: UserId, page: &PageRequest, now: Timestamp) -> Statement {
    let sql = concat!(
        "SELECT ",
        user_columns!(),
        ", ",
        session_columns!(),
        " FROM users u LEFT JOIN sessions s ON s.id IN (SELECT l.id FROM sessions l \
         WHERE l.user_id = $1 AND l.id > $2 AND l.ended_at IS NULL AND l.expires_at > $3 \
         ORDER BY l.id LIMIT $4) WHERE u.id = $1"
    );
    Statement::new(sql, list_params(user, page, now))
}

fn list_params(user: UserId, page: &PageRequest, now: Timestamp) -> Vec<Value> {
    let after = page.after.as_deref().unwrap_or_default();
    let limit = page.limit.get().saturating_add(1);
    vec![user.to_string().into(), after.into(), now.into(), limit.into()]
}

/// Goes from `generation` to the next: of several that try, one succeeds.
pub fn rotate(
    id: SessionId,
    generation: u32,
    access_token_hash: &[u8],
    now: Timestamp,
    expires_at: Timestamp,
) -> Statement {
    let sql = "UPDATE sessions SET generation = generation + 1, rotated_at = $1, \
               last_used_at = $1, expires_at = $2, access_token_hash = $3 \
               WHERE id = $4 AND generation = $5 AND ended_at IS NULL RETURNING id";
    let params = vec![
        now.into(),
        expires_at.into(),
        HEX.encode(access_token_hash).into(),
        id.to_string().into(),
        generation.into(),
    ];
    Statement::new(sql, params).expecting(1)
}

/// Goes to the next generation as [`rotate`] does, for a user who has just proven
/// again who they are. `session` is what it becomes.
pub fn reauthenticate(session: &Session, generation: u32, access_token_hash: &[u8]) -> Statement {
    let sql = "UPDATE sessions SET generation = generation + 1, rotated_at = $1, \
               last_used_at = $1, expires_at = $2, access_token_hash = $3, methods = $4, \
               authenticated_at = $5 \
               WHERE id = $6 AND generation = $7 AND ended_at IS NULL RETURNING id";
    let params = vec![
        session.rotated_at.into(),
        session.expires_at.into(),
        HEX.encode(access_token_hash).into(),
        session.methods.to_stored().into(),
        session.authenticated_at.into(),
        session.id.to_string().into(),
        generation.into(),
    ];
    Statement::new(sql, params).touching(Touch::User(session.user)).expecting(1)
}

/// Writes down what was shown in a session.
pub fn set_methods(id: SessionId, user: UserId, methods: &Methods) -> Statement {
    let sql = "UPDATE sessions SET methods = $1 WHERE id = $2 AND ended_at IS NULL RETURNING id";
    Statement::new(sql, vec![methods.to_stored().into(), id.to_string().into()])
        .touching(Touch::User(user))
        .expecting(1)
}

/// Ends one session of a user.
pub fn end(id: SessionId, user: UserId, now: Timestamp) -> Statement {
    let sql = "UPDATE sessions SET ended_at = $1 \
               WHERE id = $2 AND user_id = $3 AND ended_at IS NULL RETURNING id";
    let params = vec![now.into(), id.to_string().into(), user.to_string().into()];
    Statement::new(sql, params).touching(Touch::User(user)).expecting(1)
}

/// Ends all sessions of a user but one.
pub fn end_others(user: UserId, kept: SessionId, now: Timestamp) -> Statement {
    let sql = "UPDATE sessions SET ended_at = $1 \
               WHERE user_id = $2 AND id <> $3 AND ended_at IS NULL";
    let params = vec![now.into(), user.to_string().into(), kept.to_string().into()];
    Statement::new(sql, params).touching(Touch::User(user))
}

/// Ends all sessions of a user.
pub fn end_all(user: UserId, now: Timestamp) -> Statement {
    let sql = "UPDATE sessions SET ended_at = $1 WHERE user_id = $2 AND ended_at IS NULL";
    Statement::new(sql, vec![now.into(), user.to_string().into()]).touching(Touch::User(user))
}

/// Deletes at most `limit` sessions that ended or expired before a time, and returns
/// their ids.
pub fn purge(before: Timestamp, limit: u32) -> Statement {
    let sql = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions \
               WHERE ended_at < $1 OR expires_at < $1 LIMIT $2) RETURNING id";
    Statement::new(sql, vec![before.into(), limit.into()])
}

/// Reads a row of [`list`].
pub fn from_row(row: Row) -> Result<Session, DatabaseError> {
    from_columns(&mut row.read())
}

/// Reads a row of [`list_with_user`].
pub fn after_user_from_row(row: Row) -> Result<(User, Option<Session>), DatabaseError> {
    let mut columns = row.read();
    let user = users::from_columns(&mut columns)?;
    let session = if columns.rest_is_null() { None } else { Some(from_columns(&mut columns)?) };
    Ok((user, session))
}

/// Reads a row of [`by_id`].
pub fn with_user_from_row(row: Row) -> Result<(Session, User), DatabaseError> {
    let mut columns = row.read();
    Ok((from_columns(&mut columns)?, users::from_columns(&mut columns)?))
}

/// Reads the columns of `session_columns`.
pub fn from_columns(columns: &mut Columns) -> Result<Session, DatabaseError> {
    let timestamp = |columns: &mut Columns| columns.integer().map(Timestamp::from_micros);
    Ok(Session {
        id: columns.parsed(|text| SessionId::parse(text).ok())?,
        user: columns.parsed(|text| UserId::parse(text).ok())?,
        device: columns.optional_text()?.as_deref().and_then(Device::from_user_agent),
        address: columns.optional_text()?,
        created_at: timestamp(columns)?,
        last_used_at: timestamp(columns)?,
        expires_at: timestamp(columns)?,
        generation: u32::try_from(columns.integer()?)
            .map_err(|_| DatabaseError::Other("a generation out of range".to_owned()))?,
        rotated_at: timestamp(columns)?,
        seed: columns
            .parsed(|text| HEX.decode(text.as_bytes()).and_then(|bytes| bytes.try_into().ok()))?,
        methods: columns.parsed(|text| Some(Methods::from_stored(text)))?,
        authenticated_at: timestamp(columns)?,
    })
}
