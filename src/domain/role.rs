//! Roles are sets of permissions; permissions are what is checked.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use super::time::Timestamp;
use crate::error::Invalid;

/// The longest name of a role or permission, in characters.
pub const MAX_CHARS: usize = 64;
/// The most permissions that a role or an API key can hold.
pub const MAX_PERMISSIONS: usize = 100;
/// The most roles that a user can have: they are in every access token.
pub const MAX_ROLES: usize = 20;

/// What a caller may do: `resource:action`.
///
/// The constants are those that this service checks; an application may use
/// others of the same form for itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission(Cow<'static, str>);

impl Permission {
    /// What a permission looks like, as a regular expression of ECMA-262.
    pub const PATTERN: &str = "^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$";

    /// Every permission. Held by the built-in role `admin` only.
    pub const ALL: Self = Self(Cow::Borrowed("*"));

    /// Reads `resource:action`, each of lower-case letters, digits and hyphens.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text.split_once(':') {
            Some((resource, action))
                if text.len() <= MAX_CHARS && is_word(resource) && is_word(action) =>
            {
                Ok(Self(Cow::Owned(text.to_owned())))
            }
            _ => Err(Invalid::new("invalid_permission", "must look like users:read")),
        }
    }

    /// `resource:action`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes the constants, and the list of them, from one table.
macro_rules! checked {
    ($($name:ident = $text:literal, $meaning:literal;)*) => {
        impl Permission {
            $(#[doc = $meaning]
            pub const $name: Self = Self(Cow::Borrowed($text));)*

            /// What this service checks, and what each allows in a sentence.
            pub const CHECKED: &[(Self, &str)] = &[$((Self::$name, $meaning)),*];
        }
    };
}

checked! {
    USERS_READ = "users:read", "Read every user.";
    USERS_WRITE = "users:write", "Create, change, suspend and delete users.";
    USERS_VERIFY = "users:verify", "Say in an import that the addresses of users are proven.";
    SESSIONS_READ = "sessions:read", "See where users are signed in.";
    SESSIONS_WRITE = "sessions:write", "End the sessions of users.";
    ROLES_READ = "roles:read", "Read roles.";
    ROLES_WRITE = "roles:write", "Write roles and give them to users.";
    API_KEYS_READ = "api-keys:read", "Read API keys, without the keys themselves.";
    API_KEYS_WRITE = "api-keys:write", "Make and revoke API keys.";
    KEYS_READ = "keys:read", "See the keys that sign access tokens.";
    KEYS_WRITE = "keys:write", "Rotate the keys that sign access tokens.";
    INVITATIONS_WRITE = "invitations:write", "Invite people, and see and revoke invitations.";
    AUDIT_READ = "audit:read", "Read and verify the audit trail.";
    JOBS_RUN = "jobs:run", "Have due background work done.";
}

/// A set of permissions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// From the stored form: separated by spaces, repeated ones allowed.
    pub fn from_stored(text: &str) -> Self {
        Self(text.split_whitespace().map(|word| Permission(Cow::Owned(word.to_owned()))).collect())
    }

    /// The stored form: sorted, separated by spaces.
    pub fn to_stored(&self) -> String {
        let words: Vec<&str> = self.iter().map(Permission::as_str).collect();
        words.join(" ")
    }

    /// Whether this permission is granted.
    pub fn allow(&self, permission: &Permission) -> bool {
        self.0.contains(&Permission::ALL) || self.0.contains(permission)
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every permission of `other` is granted here too.
    pub fn cover(&self, other: &Self) -> bool {
        other.0.iter().all(|permission| self.allow(permission))
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<T: IntoIterator<Item = Permission>>(permissions: T) -> Self {
        Self(permissions.into_iter().collect())
    }
}

/// The name of a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleName(Cow<'static, str>);

impl RoleName {
    /// What a name looks like, as a regular expression of ECMA-262.
    pub const PATTERN: &str = "^[a-z][a-z0-9-]*$";

    /// May do everything; the last one who holds it cannot lose it.
    pub const ADMIN: Self = Self(Cow::Borrowed("admin"));
    /// What a new user is unless its creator says otherwise.
    pub const USER: Self = Self(Cow::Borrowed("user"));

    /// Reads a name of lower-case letters, digits and hyphens.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() <= MAX_CHARS && is_word(text) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            let message = "must be a lower-case word of letters, digits and hyphens";
            Err(Invalid::new("invalid_role", message))
        }
    }

    /// From the stored form: separated by spaces.
    pub fn list_from_stored(text: &str) -> Vec<Self> {
        text.split_whitespace().map(|word| Self(Cow::Owned(word.to_owned()))).collect()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A role as stored.
#[derive(Debug, Clone)]
pub struct Role {
    /// Never changes.
    pub name: RoleName,
    /// What it allows.
    pub permissions: Permissions,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its permissions changed last.
    pub updated_at: Timestamp,
    /// Grows by one with every change; the strong ETag of the role.
    pub version: i64,
}

impl Role {
    /// Whether the service itself needs it.
    pub fn is_built_in(&self) -> bool {
        [RoleName::ADMIN, RoleName::USER].contains(&self.name)
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_covers_everything_and_is_covered_by_itself_only() {
        let all = Permissions::from_stored("*");
        let some = Permissions::from_stored("users:read roles:write users:read");
        assert!(all.allow(&Permission::USERS_WRITE));
        assert!(all.cover(&some) && all.cover(&all) && some.cover(&some));
        assert!(!some.cover(&all));
        assert!(!some.allow(&Permission::USERS_WRITE));
        assert_eq!(some.to_stored(), "roles:write users:read");
    }

    #[test]
    fn what_is_checked_has_the_form_of_a_permission() {
        for (permission, meaning) in Permission::CHECKED {
            assert_eq!(Permission::parse(permission.as_str()).as_ref(), Ok(permission));
            assert!(meaning.ends_with('.'), "{permission}");
        }
    }

    #[test]
    fn permissions_and_roles_have_one_form() {
        for text in ["users:read", "api-keys:write2"] {
            assert!(Permission::parse(text).is_ok(), "{text}");
        }
        for text in ["", "*", "users", "users:", ":read", "Users:read", "a:b:c", "a b:c", "1a:b"] {
            assert!(Permission::parse(text).is_err(), "{text}");
        }
        assert!(RoleName::parse("support-team").is_ok());
        for text in ["", "Admin", "a b", "-a", "é", &"a".repeat(65)] {
            assert!(RoleName::parse(text).is_err(), "{text}");
        }
    }
}
