//! A user: the person that the service exists for.

use super::email::Email;
use super::external_id::ExternalId;
use super::id::UserId;
use super::metadata::{MergePatch, Metadata};
use super::name::Name;
use super::role::{Permissions, RoleName};
use super::time::Timestamp;

/// A user as it may see itself.
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
    /// The application's own key for the user; unique.
    pub external_id: Option<ExternalId>,
    /// By name, in order.
    pub roles: Vec<RoleName>,
    /// What those roles allow together.
    pub permissions: Permissions,
    /// What the application keeps about the user, for the user to see.
    pub metadata: Metadata,
    /// What the user keeps with the service.
    pub own_metadata: Metadata,
    /// When the user was created.
    pub created_at: Timestamp,
    /// When anything above changed last.
    pub updated_at: Timestamp,
    /// Since when the user may not sign in.
    pub suspended_at: Option<Timestamp>,
    /// Grows by one with every change; the strong ETag of the user.
    pub version: i64,
}

/// A user as those see it who may see all users.
#[derive(Debug, Clone)]
pub struct DirectoryEntry {
    /// What the user may see too.
    pub user: User,
    /// What the application keeps about the user, and from the user.
    pub private_metadata: Metadata,
}

/// What a user is made of by whoever creates or replaces one.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The address to sign in with.
    pub email: Email,
    /// What the person is called.
    pub name: Name,
    /// The application's own key for the user.
    pub external_id: Option<ExternalId>,
    /// What the application keeps about the user, for the user to see.
    pub metadata: Metadata,
    /// What the application keeps about the user, and from the user.
    pub private_metadata: Metadata,
    /// What the user keeps with the service; `None` leaves it as it is.
    pub own_metadata: Option<Metadata>,
}

/// A change of some fields; `None` leaves the field as it is.
#[derive(Debug, Clone, Default)]
pub struct ProfilePatch {
    /// A new address.
    pub email: Option<Email>,
    /// A new name.
    pub name: Option<Name>,
    /// A new key of the application, or none.
    pub external_id: Option<Option<ExternalId>>,
    /// A JSON Merge Patch of the metadata.
    pub metadata: Option<MergePatch>,
    /// The same of the private metadata.
    pub private_metadata: Option<MergePatch>,
    /// The same of the user's own metadata.
    pub own_metadata: Option<MergePatch>,
}

/// A change by the user of what everybody may change about themselves; `None`
/// leaves the field as it is.
#[derive(Debug, Clone, Default)]
pub struct OwnPatch {
    /// A new name.
    pub name: Option<Name>,
    /// A JSON Merge Patch of the user's own metadata.
    pub own_metadata: Option<MergePatch>,
}

impl User {
    /// The next version, suspended or not.
    pub fn with_suspension(self, suspended_at: Option<Timestamp>, now: Timestamp) -> Self {
        let version = self.version.saturating_add(1);
        Self { suspended_at, updated_at: now, version, ..self }
    }

    /// The next version, with this profile. A new address is not proven.
    pub fn with_profile(self, profile: Profile, now: Timestamp) -> DirectoryEntry {
        let same_address = self.email.normalized() == profile.email.normalized();
        let user = Self {
            email_verified_at: self.email_verified_at.filter(|_| same_address),
            email: profile.email,
            name: profile.name,
            external_id: profile.external_id,
            metadata: profile.metadata,
            own_metadata: profile.own_metadata.unwrap_or(self.own_metadata),
            updated_at: now,
            version: self.version.saturating_add(1),
            ..self
        };
        DirectoryEntry { user, private_metadata: profile.private_metadata }
    }
}

impl Profile {
    /// The profile of somebody of whom no more is known.
    pub fn new(email: Email, name: Name) -> Self {
        Self {
            email,
            name,
            external_id: None,
            metadata: Metadata::default(),
            private_metadata: Metadata::default(),
            own_metadata: None,
        }
    }
}

impl DirectoryEntry {
    /// The profile as it is.
    pub fn profile(&self) -> Profile {
        Profile {
            email: self.user.email.clone(),
            name: self.user.name.clone(),
            external_id: self.user.external_id.clone(),
            metadata: self.user.metadata.clone(),
            private_metadata: self.private_metadata.clone(),
            own_metadata: None,
        }
    }

    /// The same entry of a user that was changed in other respects.
    pub fn with(self, change: impl FnOnce(User) -> User) -> Self {
        Self { user: change(self.user), ..self }
    }
}
