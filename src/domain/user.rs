//! A user: the person that the service exists for.

use super::email::Email;
use super::id::UserId;
use super::metadata::Metadata;
use super::name::Name;
use super::role::{Permissions, RoleName};
use super::time::Timestamp;

/// A user as stored.
#[derive(Debug, Clone)]
pub struct User {
    /// Never changes.
    pub id: UserId,
    /// Unique in its normalised form.
    pub email: Email,
    /// When its owner proved that the address is theirs.
    pub email_verified_at: Option<Timestamp>,
    /// What the person is called.
    pub name: Name,
    /// By name, in order.
    pub roles: Vec<RoleName>,
    /// What those roles allow together.
    pub permissions: Permissions,
    /// What the application keeps about the user.
    pub metadata: Metadata,
    /// When the user was created.
    pub created_at: Timestamp,
    /// When anything above changed last.
    pub updated_at: Timestamp,
    /// Since when the user may not sign in.
    pub suspended_at: Option<Timestamp>,
    /// Grows by one with every change; the strong ETag of the user.
    pub version: i64,
}

/// What a user is made of by whoever creates or replaces one.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The address to sign in with.
    pub email: Email,
    /// What the person is called.
    pub name: Name,
    /// What the application keeps about the user.
    pub metadata: Metadata,
}

/// A change of some fields; `None` leaves the field as it is.
#[derive(Debug, Clone, Default)]
pub struct ProfilePatch {
    /// A new address.
    pub email: Option<Email>,
    /// A new name.
    pub name: Option<Name>,
    /// A JSON Merge Patch of the metadata.
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

impl User {
    /// The profile as it is.
    pub fn profile(&self) -> Profile {
        Profile {
            email: self.email.clone(),
            name: self.name.clone(),
            metadata: self.metadata.clone(),
        }
    }
}
