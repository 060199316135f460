//! Sign-ins that wait for their second factor.

use data_encoding::HEXLOWER;

use super::database::Statement;
use crate::domain::authentication::Methods;
use crate::domain::id::UserId;
use crate::domain::session::Device;
use crate::domain::time::Timestamp;

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
        HEXLOWER.encode(token_hash).into(),
        user.to_string().into(),
        methods.to_stored().into(),
        device.map(Device::as_str).into(),
        expires_at.into(),
    ];
    Statement::new(sql, params)
}

/// Forgets what a user can no longer answer.
pub fn delete_expired(user: UserId, now: Timestamp) -> Statement {
    let sql = "DELETE FROM sign_in_challenges WHERE user_id = $1 AND expires_at <= $2";
    Statement::new(sql, vec![user.to_string().into(), now.into()])
}
