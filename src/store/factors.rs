//! Second factors: one authenticator app for each user, and recovery codes.

use crate::domain::encoding::BASE64;

use super::database::{Columns, DatabaseError, Row, Statement, Value};
use crate::domain::factor::{Factors, TotpFactor};
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;

/// The columns of an authenticator app `f`, in the order in which [`from_columns`]
/// reads them; all NULL if there is none.
macro_rules! factor_columns {
    () => {
        "f.secret, f.created_at AS factor_created_at, f.confirmed_at, f.retry_at"
    };
}
pub(super) use factor_columns;

/// A user's factors: one row, whether there are any or not.
pub fn of_user(user: UserId) -> Statement {
    let sql = concat!(
        "SELECT (SELECT COUNT(*) FROM recovery_codes r WHERE r.user_id = u.id AND r.used_at IS NULL) \
         AS recovery_codes, ",
        factor_columns!(),
        " FROM users u LEFT JOIN totp_factors f ON f.user_id = u.id WHERE u.id = $1"
    );
    Statement::new(sql, vec![user.to_string().into()])
}

/// Reads a row of [`of_user`].
pub fn from_row(row: Row) -> Result<Factors, DatabaseError> {
    let mut columns = row.read();
    Ok(Factors { recovery_codes: columns.integer()?, totp: from_columns(columns)? })
}

/// Reads the columns of `factor_columns`, which are the last of their row.
pub(super) fn from_columns(mut columns: Columns) -> Result<Option<TotpFactor>, DatabaseError> {
    if columns.rest_is_null() {
        return Ok(None);
    }
    Ok(Some(TotpFactor {
        sealed: columns.parsed(|text| BASE64.decode(text.as_bytes()))?,
        created_at: Timestamp::from_micros(columns.integer()?),
        confirmed_at: columns.optional_integer()?.map(Timestamp::from_micros),
        retry_at: Timestamp::from_micros(columns.integer()?),
    }))
}

/// Undoes the commit if the user has a second factor that must be asked for.
pub fn require_none(user: UserId) -> Statement {
    let sql = "SELECT user_id FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL";
    Statement::new(sql, vec![user.to_string().into()]).expecting(0)
}

/// Adds an authenticator app, or replaces one that was never confirmed.
pub fn enroll(user: UserId, sealed: &[u8], at: Timestamp) -> Statement {
    let sql = "INSERT INTO totp_factors (user_id, secret, created_at, last_step, attempts, retry_at) \
               VALUES ($1, $2, $3, 0, 0, 0) ON CONFLICT (user_id) DO UPDATE SET \
               secret = excluded.secret, created_at = excluded.created_at, attempts = 0, \
               retry_at = 0 WHERE totp_factors.confirmed_at IS NULL RETURNING user_id";
    let params = vec![user.to_string().into(), BASE64.encode(sealed).into(), at.into()];
    Statement::new(sql, params).expecting(1)
}

/// Counts an attempt before its code is looked at, so that of many at once no more
/// are looked at than are allowed one after the other. The first five may come at
/// any time; then the pauses grow to an hour. With `most`, that many are the end.
pub fn attempt(user: UserId, most: i64, now: Timestamp) -> Statement {
    let sql = "UPDATE totp_factors SET attempts = attempts + 1, \
               retry_at = $1 + CASE WHEN attempts < 4 THEN 0 WHEN attempts < 9 THEN 60000000 \
               WHEN attempts < 19 THEN 600000000 ELSE 3600000000 END \
               WHERE user_id = $2 AND attempts < $3 AND retry_at <= $1 RETURNING user_id";
    let params = vec![now.into(), user.to_string().into(), most.into()];
    Statement::new(sql, params).expecting(1)
}

/// Takes the code of a time step, once, and forgets the attempts before it.
/// `sealed` is the secret that the code was checked with.
pub fn take_step(user: UserId, sealed: &[u8], step: i64) -> Statement {
    let sql = "UPDATE totp_factors SET last_step = $1, attempts = 0, retry_at = 0 \
               WHERE user_id = $2 AND secret = $3 AND confirmed_at IS NOT NULL \
               AND last_step < $1 RETURNING user_id";
    let params = vec![step.into(), user.to_string().into(), BASE64.encode(sealed).into()];
    Statement::new(sql, params).expecting(1)
}

/// Takes the first code of an authenticator app, which is asked for from now on.
pub fn confirm(user: UserId, sealed: &[u8], step: i64, now: Timestamp) -> Statement {
    let sql = "UPDATE totp_factors SET last_step = $1, confirmed_at = $2, attempts = 0, \
               retry_at = 0 WHERE user_id = $3 AND secret = $4 AND confirmed_at IS NULL \
               RETURNING user_id";
    let sealed = BASE64.encode(sealed).into();
    Statement::new(sql, vec![step.into(), now.into(), user.to_string().into(), sealed]).expecting(1)
}

/// Takes a recovery code, once.
pub fn take_recovery_code(user: UserId, hash: &str, now: Timestamp) -> Statement {
    let sql = "UPDATE recovery_codes SET used_at = $1 \
               WHERE user_id = $2 AND code_hash = $3 AND used_at IS NULL RETURNING user_id";
    Statement::new(sql, vec![now.into(), user.to_string().into(), hash.into()]).expecting(1)
}

/// Forgets the attempts before a good code.
pub fn forget_attempts(user: UserId) -> Statement {
    let sql = "UPDATE totp_factors SET attempts = 0, retry_at = 0 \
               WHERE user_id = $1 AND confirmed_at IS NOT NULL RETURNING user_id";
    Statement::new(sql, vec![user.to_string().into()]).expecting(1)
}

/// Adds recovery codes.
pub fn insert_recovery_codes(user: UserId, hashes: &[String]) -> Statement {
    let mut params: Vec<Value> = vec![user.to_string().into()];
    let mut rows = Vec::with_capacity(hashes.len());
    for hash in hashes {
        params.push(hash.as_str().into());
        rows.push(format!("($1, ${})", params.len()));
    }
    let sql = format!("INSERT INTO recovery_codes (user_id, code_hash) VALUES {}", rows.join(", "));
    Statement::new(sql, params)
}

/// Removes a user's recovery codes.
pub fn delete_recovery_codes(user: UserId) -> Statement {
    let sql = "DELETE FROM recovery_codes WHERE user_id = $1";
    Statement::new(sql, vec![user.to_string().into()])
}

/// Removes a user's authenticator app.
pub fn delete_totp(user: UserId) -> Statement {
    let sql = "DELETE FROM totp_factors WHERE user_id = $1 RETURNING user_id";
    Statement::new(sql, vec![user.to_string().into()]).expecting(1)
}
