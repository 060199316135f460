//! Who calls, read in the same statement as what they ask for.
//!
//! Every request must know whether its session still goes on, or its API key is
//! still good, and what its caller may do now. Asked together with the answer,
//! that costs no statement of its own.

use crate::domain::encoding::HEX;

use super::api_keys::{self, api_key_columns};
use super::database::{Columns, DatabaseError, Row, Statement, Value};
use super::users::{self, permissions_column, user_columns};
use crate::domain::api_key::ApiKey;
use crate::domain::authentication::Methods;
use crate::domain::id::{ApiKeyId, SessionId, UserId};
use crate::domain::role::Permissions;
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// What a credential names.
#[derive(Debug, Clone, Copy)]
pub enum Lookup {
    /// A session that goes on.
    Session(SessionId),
    /// The same, for what concerns its user: with everything about them.
    SignedIn(SessionId),
    /// An API key that has not expired, by its SHA-256.
    ApiKey([u8; 32]),
}

/// What was found by it.
#[derive(Debug)]
pub enum Found {
    /// A session, and what its user may do.
    Session(SessionCaller),
    /// A session, and whose it is.
    SignedIn(Box<SignedInCaller>),
    /// An API key.
    ApiKey(Box<ApiKey>),
}

/// As much of a session's user as most requests need. It stands beside every row
/// of a list, so it is little.
#[derive(Debug)]
pub struct SessionCaller {
    /// The SHA-256 of the newest access token of the session.
    pub access_token_hash: Vec<u8>,
    /// Who is signed in.
    pub user: UserId,
    /// Since when they may do nothing.
    pub suspended_at: Option<Timestamp>,
    /// When the user last proved who they are.
    pub authenticated_at: Timestamp,
    /// Of the user; another one may have other roles.
    pub version: i64,
    /// What they may do.
    pub permissions: Permissions,
}

/// The user of a session that goes on.
#[derive(Debug)]
pub struct SignedInCaller {
    /// The SHA-256 of the newest access token of the session.
    pub access_token_hash: Vec<u8>,
    /// What was shown in the session.
    pub methods: Methods,
    /// When that was last.
    pub authenticated_at: Timestamp,
    /// Who is signed in.
    pub user: User,
}

/// The caller, alone.
pub fn by(lookup: Lookup, now: Timestamp) -> Statement {
    Statement::new(lookup.sql(1), lookup.params(now))
}

/// The caller, and with each row of it a row of `target`, if any. `order` sorts
/// the rows by columns of `target`.
pub fn by_with(
    lookup: Lookup,
    now: Timestamp,
    target: Statement,
    order: &'static str,
) -> Statement {
    let Statement { sql, mut params, .. } = target;
    // The target stands first, so that placeholders ascend.
    let caller = lookup.sql(params.len().saturating_add(1));
    let sql = format!(
        "WITH target AS ({sql}), caller AS ({caller}) \
         SELECT caller.*, target.* FROM caller LEFT JOIN target ON 1 = 1{order}"
    );
    params.extend(lookup.params(now));
    Statement::new(sql, params)
}

/// Undoes the commit unless the session goes on, and its user is still at this version
/// and may act. It holds neither: of a caller who writes all the time, whoever is to
/// suspend them would wait for a moment that never comes.
pub fn require_session(session: SessionId, version: i64) -> Statement {
    let sql = "SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id \
               WHERE s.id = $1 AND s.ended_at IS NULL \
               AND u.version = $2 AND u.suspended_at IS NULL";
    Statement::new(sql, vec![session.to_string().into(), version.into()]).expecting(1)
}

/// Undoes the commit unless there is still this API key.
pub fn require_api_key(id: ApiKeyId) -> Statement {
    let sql = "SELECT id FROM api_keys WHERE id = $1";
    Statement::new(sql, vec![id.to_string().into()]).expecting(1)
}

/// Reads the caller of a row, and leaves the target.
pub fn from_row(lookup: Lookup, row: Row) -> Result<(Found, Option<Row>), DatabaseError> {
    let mut columns = row.read();
    let found = match lookup {
        Lookup::Session(_) => Found::Session(session_from_columns(&mut columns)?),
        Lookup::SignedIn(_) => Found::SignedIn(Box::new(signed_in_from_columns(&mut columns)?)),
        Lookup::ApiKey(_) => Found::ApiKey(Box::new(api_keys::from_columns(&mut columns)?)),
    };
    let target = if columns.rest_is_null() { None } else { Some(columns.rest()) };
    Ok((found, target))
}

/// Reads the caller of the rows of [`by_with`], who is the same in each, and leaves the
/// targets. There is no row where there is no caller.
pub fn from_rows(
    lookup: Lookup,
    rows: Vec<Row>,
) -> Result<Option<(Found, Vec<Row>)>, DatabaseError> {
    let mut rows = rows.into_iter();
    let Some(first) = rows.next() else { return Ok(None) };
    let columns = first.values().len();
    let (found, target) = from_row(lookup, first)?;
    let of_caller = columns.saturating_sub(target.as_ref().map_or(0, |row| row.values().len()));
    let targets = target.into_iter().chain(rows.map(|row| row.behind(of_caller)));
    Ok(Some((found, targets.collect())))
}

impl Lookup {
    /// Finds it, with two placeholders from `first` on.
    fn sql(self, first: usize) -> String {
        let second = first.saturating_add(1);
        match self {
            Self::Session(_) => format!(
                concat!(
                    "SELECT s.access_token_hash, u.id, u.suspended_at, s.authenticated_at, u.version, ",
                    permissions_column!(),
                    " FROM sessions s JOIN users u ON u.id = s.user_id \
                     WHERE s.id = ${} AND s.ended_at IS NULL AND s.expires_at > ${}"
                ),
                first, second
            ),
            Self::SignedIn(_) => format!(
                concat!(
                    "SELECT s.access_token_hash, s.methods AS session_methods, s.authenticated_at, ",
                    user_columns!(),
                    " FROM sessions s JOIN users u ON u.id = s.user_id \
                     WHERE s.id = ${} AND s.ended_at IS NULL AND s.expires_at > ${}"
                ),
                first, second
            ),
            Self::ApiKey(_) => format!(
                concat!(
                    "SELECT ",
                    api_key_columns!(),
                    " FROM api_keys k \
                     WHERE k.key_hash = ${} AND (k.expires_at IS NULL OR k.expires_at > ${})"
                ),
                first, second
            ),
        }
    }

    fn params(self, now: Timestamp) -> Vec<Value> {
        let key = match self {
            Self::Session(id) | Self::SignedIn(id) => id.to_string(),
            Self::ApiKey(hash) => HEX.encode(&hash),
        };
        vec![key.into(), now.into()]
    }
}

fn session_from_columns(columns: &mut Columns) -> Result<SessionCaller, DatabaseError> {
    Ok(SessionCaller {
        access_token_hash: hash(columns)?,
        user: columns.parsed(|text| UserId::parse(text).ok())?,
        suspended_at: columns.optional_integer()?.map(Timestamp::from_micros),
        authenticated_at: Timestamp::from_micros(columns.integer()?),
        version: columns.integer()?,
        permissions: Permissions::from_stored(&columns.optional_text()?.unwrap_or_default()),
    })
}

fn signed_in_from_columns(columns: &mut Columns) -> Result<SignedInCaller, DatabaseError> {
    Ok(SignedInCaller {
        access_token_hash: hash(columns)?,
        methods: columns.parsed(|text| Some(Methods::from_stored(text)))?,
        authenticated_at: Timestamp::from_micros(columns.integer()?),
        user: users::from_columns(columns)?,
    })
}

fn hash(columns: &mut Columns) -> Result<Vec<u8>, DatabaseError> {
    columns.parsed(|text| HEX.decode(text.as_bytes()))
}
