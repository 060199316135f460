//! Second factors.

use super::database::Statement;
use crate::domain::id::UserId;

/// Undoes the commit if the user has a second factor that must be asked for.
pub fn require_none(user: UserId) -> Statement {
    let sql = "SELECT user_id FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL";
    Statement::new(sql, vec![user.to_string().into()]).expecting(0)
}
