//! Sign-ins that wait for their second factor.

use crate::domain::encoding::HEX;

use super::database::{DatabaseError, Row, Statement};
use super::factors::{self, factor_columns};
use super::users::{self, user_columns};
use crate::domain::authentication::Methods;
use crate::domain::factor::TotpFactor;
use crate::domain::id::UserId;
use crate::domain::session::Device;
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// Asks a user for the second factor.
pub fn insert(
    token_hash: &[u8],
    user: UserId,
    methods: &Methods,
    device: Option<&Device>,
    expires_at: Timestamp,
) -> Statement {
    let sql = "INSERT INTO sign_in_challenges (token_hash, user_id, methods, device, expires_at, \
               attempts) VALUES ($1, $2, $3, $4, $5, 0)";
    let params = vec![
        HEX.encode(token_hash).into(),
        user.to_string().into(),
        methods.to_stored().into(),
        device.map(Device::as_str).into(),
        expires_at.into(),
    ];
    Statement::new(sql, params)
}

/// Deletes some of what can no longer be answered.
pub fn purge(now: Timestamp, limit: u32) -> Statement {
    let sql = "DELETE FROM sign_in_challenges WHERE token_hash IN (SELECT token_hash \
               FROM sign_in_challenges WHERE expires_at <= $1 LIMIT $2) RETURNING token_hash";
    Statement::new(sql, vec![now.into(), limit.into()])
}

/// A sign-in that waits for its second factor.
pub struct Challenge {
    /// What was shown so far.
    pub methods: Methods,
    /// On which device.
    pub device: Option<Device>,
    /// Who is asked.
    pub user: User,
    /// With what they can answer.
    pub totp: Option<TotpFactor>,
}

/// The sign-in that a token continues, if it can still be.
pub fn by_token(token_hash: &[u8], now: Timestamp) -> Statement {
    let sql = concat!(
        "SELECT c.methods, c.device, ",
        user_columns!(),
        ", ",
        factor_columns!(),
        " FROM sign_in_challenges c JOIN users u ON u.id = c.user_id \
         LEFT JOIN totp_factors f ON f.user_id = u.id \
         WHERE c.token_hash = $1 AND c.expires_at > $2 AND c.used_at IS NULL"
    );
    Statement::new(sql, vec![HEX.encode(token_hash).into(), now.into()])
}

/// Reads a row of [`by_token`].
pub fn from_row(row: Row) -> Result<Challenge, DatabaseError> {
    let mut columns = row.read();
    Ok(Challenge {
        methods: columns.parsed(|text| Some(Methods::from_stored(text)))?,
        device: columns.optional_text()?.as_deref().and_then(Device::from_user_agent),
        user: users::from_columns(&mut columns)?,
        totp: factors::from_columns(columns)?,
    })
}

/// Counts an attempt before its code is looked at; there are five.
pub fn attempt(token_hash: &[u8], now: Timestamp) -> Statement {
    let sql = "UPDATE sign_in_challenges SET attempts = attempts + 1 \
               WHERE token_hash = $1 AND expires_at > $2 AND used_at IS NULL AND attempts < 5 \
               RETURNING token_hash";
    let params = vec![HEX.encode(token_hash).into(), now.into()];
    Statement::new(sql, params).expecting(1)
}

/// Uses a token up.
pub fn take(token_hash: &[u8], now: Timestamp) -> Statement {
    let sql = "UPDATE sign_in_challenges SET used_at = $1 \
               WHERE token_hash = $2 AND used_at IS NULL RETURNING token_hash";
    let params = vec![now.into(), HEX.encode(token_hash).into()];
    Statement::new(sql, params).expecting(1)
}

/// Ends whatever waits for a factor that is gone.
pub fn delete_of_user(user: UserId) -> Statement {
    let sql = "DELETE FROM sign_in_challenges WHERE user_id = $1";
    Statement::new(sql, vec![user.to_string().into()])
}
