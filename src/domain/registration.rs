//! Registrations: accounts that are wanted and not yet proven.

use std::time::Duration;

use super::email::Email;
use super::id::RegistrationId;
use super::name::Name;

/// How long a registration waits for its proof. A lost mail can be asked for
/// again in that time.
pub const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Everybody.
    Open,
    /// Whoever was invited.
    Invite,
    /// Nobody.
    Closed,
}

impl RegistrationMode {
    /// Reads the setting.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "open" => Some(Self::Open),
            "invite" => Some(Self::Invite),
            "closed" => Some(Self::Closed),
            _ => None,
        }
    }
}

/// A registration as stored.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Names it.
    pub id: RegistrationId,
    /// The address to be proven.
    pub email: Email,
    /// What the person is called.
    pub name: Name,
    /// The password that was given with it, as a PHC string.
    pub password_hash: String,
}
