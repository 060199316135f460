//! An API key: the account of a program. It acts in its own name and may do what
//! its permissions say, until it expires or is revoked.

use super::event::Actor;
use super::id::ApiKeyId;
use super::name::Name;
use super::role::Permissions;
use super::time::Timestamp;

/// An API key as stored. The key itself is not: its holder has the only copy.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Never changes.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: Name,
    /// What it may do.
    pub permissions: Permissions,
    /// Who made it. It outlives them: a program does not stop because somebody left.
    pub created_by: Actor,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// Its strong ETag: nothing about a key changes but its last use.
    pub fn version(&self) -> i64 {
        self.last_used_at.unwrap_or(self.created_at).micros()
    }

    /// Whether this key would still be good when `other` is not any more.
    pub fn outlives(&self, other: &Self) -> bool {
        match (self.expires_at, other.expires_at) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(own), Some(other)) => own > other,
        }
    }
}
