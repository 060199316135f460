//! Who calls, read in the same statement as what they ask for.
//!
//! Every request must know whether its session still goes on and what its user
//! may do now. Asked together with the answer, that costs no statement of its own.

use data_encoding::HEXLOWER;

use super::database::{Columns, DatabaseError, Row, Statement};
use super::users::{self, user_columns};
use crate::domain::authentication::Methods;
use crate::domain::id::SessionId;
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// How many columns come before those of the target.
const SESSION_CALLER: &str = concat!(
    "SELECT s.access_token_hash, s.methods AS session_methods, s.authenticated_at, ",
    user_columns!(),
    " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.ended_at IS NULL"
);

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

/// The session's user, alone.
pub fn by_session(session: SessionId, now: Timestamp) -> Statement {
    let sql = format!("{SESSION_CALLER} AND s.id = $1 AND s.expires_at > $2");
    Statement::new(sql, vec![session.to_string().into(), now.into()])
}

/// The session's user, and with each row of it a row of `target`, if any.
/// `order` sorts the rows by columns of `target`.
pub fn by_session_with(
    session: SessionId,
    now: Timestamp,
    target: Statement,
    order: &'static str,
) -> Statement {
    let Statement { sql, mut params, .. } = target;
    let (id, at) = (params.len().saturating_add(1), params.len().saturating_add(2));
    // The target stands first, so that placeholders ascend.
    let sql = format!(
        "WITH target AS ({sql}), caller AS ({SESSION_CALLER} AND s.id = ${id} AND s.expires_at > ${at}) \
         SELECT caller.*, target.* FROM caller LEFT JOIN target ON 1 = 1{order}"
    );
    params.extend([session.to_string().into(), now.into()]);
    Statement::new(sql, params)
}

/// Reads the caller of a row, and leaves the target.
pub fn from_row(row: Row) -> Result<(SessionCaller, Option<Row>), DatabaseError> {
    let mut columns = row.read();
    let caller = from_columns(&mut columns)?;
    let target = if columns.rest_is_null() { None } else { Some(columns.rest()) };
    Ok((caller, target))
}

fn from_columns(columns: &mut Columns) -> Result<SessionCaller, DatabaseError> {
    let decode = |text: &str| HEXLOWER.decode(text.as_bytes()).ok();
    let access_token_hash = columns.parsed(decode)?;
    Ok(SessionCaller {
        access_token_hash,
        methods: columns.parsed(|text| Some(Methods::from_stored(text)))?,
        authenticated_at: Timestamp::from_micros(columns.integer()?),
        user: users::from_columns(columns)?,
    })
}
