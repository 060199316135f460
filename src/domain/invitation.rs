//! Invitations: somebody may register on somebody's word.

use super::email::Email;
use super::id::{InvitationId, UserId};
use super::role::RoleName;
use super::time::Timestamp;

/// An invitation that was neither accepted nor revoked.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Names it.
    pub id: InvitationId,
    /// Who is invited.
    pub email: Email,
    /// What the new user will be.
    pub roles: Vec<RoleName>,
    /// Who invites.
    pub invited_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}
