//! Changes of users, for those who follow them.

use super::time::Timestamp;
use super::user::DirectoryEntry;

/// One change of a user.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its place in the audit trail: whoever knows it knows everything before it.
    pub position: i64,
    /// What happened, as the audit trail says it.
    pub kind: String,
    /// To whom.
    pub user_id: String,
    /// When.
    pub at: Timestamp,
    /// The user as it is now; nothing if it is gone.
    pub user: Option<DirectoryEntry>,
}
