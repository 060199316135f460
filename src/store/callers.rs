//! Who calls, read in the same statement as what they ask for.
//!
//! Every request must know whether its session still goes on, or its API key is
//! still good, and what its caller may do now. Asked together with the answer,
//! that costs no statement of its own.

use data_encoding::HEXLOWER;

use super::api_keys::{self, api_key_columns};
use super::database::{Columns, DatabaseError, Row, Statement, Value};
use super::users::{self, user_columns};
use crate::domain::api_key::ApiKey;
use crate::domain::authentication::Methods;
use crate::domain::id::SessionId;
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// What a credential names.
#[derive(Debug, Clone, Copy)]
pub enum Lookup {
    /// A session that goes on.
    Session(SessionId),
    /// An API key that has not expired, by its SHA-256.
    ApiKey([u8; 32]),
}

/// What was found by it.
#[derive(Debug)]
pub enum Found {
    /// A session, and whose it is.
    Session(Box<SessionCaller>),
    /// An API key.
    ApiKey(Box<ApiKey>),
}

/// The user of a session that goes on.
#[derive(Debug)]
pub struct SessionCaller {
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

/// Reads the caller of a row, and leaves the target.
pub fn from_row(lookup: Lookup, row: Row) -> Result<(Found, Option<Row>), DatabaseError> {
    let mut columns = row.read();
    let found = match lookup {
        Lookup::Session(_) => Found::Session(Box::new(session_from_columns(&mut columns)?)),
        Lookup::ApiKey(_) => Found::ApiKey(Box::new(api_keys::from_columns(&mut columns)?)),
    };
    let target = if columns.rest_is_null() { None } else { Some(columns.rest()) };
    Ok((found, target))
}

impl Lookup {
    /// Finds it, with two placeholders from `first` on.
    fn sql(self, first: usize) -> String {
        let second = first.saturating_add(1);
        match self {
            Self::Session(_) => format!(
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
            Self::Session(id) => id.to_string(),
            Self::ApiKey(hash) => HEXLOWER.encode(&hash),
        };
        vec![key.into(), now.into()]
    }
}

fn session_from_columns(columns: &mut Columns) -> Result<SessionCaller, DatabaseError> {
    let decode = |text: &str| HEXLOWER.decode(text.as_bytes()).ok();
    Ok(SessionCaller {
        access_token_hash: columns.parsed(decode)?,
        methods: columns.parsed(|text| Some(Methods::from_stored(text)))?,
        authenticated_at: Timestamp::from_micros(columns.integer()?),
        user: users::from_columns(columns)?,
    })
}
