//! A session: one device on which a user is signed in.

use std::time::Duration;

use super::authentication::Methods;
use super::id::{SessionId, UserId};
use super::time::Timestamp;
use crate::error::Invalid;

/// The longest device name that is kept, in characters.
pub const MAX_DEVICE_CHARS: usize = 200;

/// A session as stored.
#[derive(Debug, Clone)]
pub struct Session {
    /// In every access token of the session, as `sid`.
    pub id: SessionId,
    /// Who is signed in.
    pub user: UserId,
    /// How the device calls itself.
    pub device: Option<Device>,
    /// Where it signed in from.
    pub address: Option<String>,
    /// How the user proved who they are.
    pub methods: Methods,
    /// When they did so last; when the session was created, or later.
    pub authenticated_at: Timestamp,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When it was last refreshed.
    pub last_used_at: Timestamp,
    /// When it ends, unless it is refreshed.
    pub expires_at: Timestamp,
    /// How often it was refreshed; names the refresh token that is good now.
    pub generation: u32,
    /// When it was refreshed last; bounds the grace for repeated refreshes.
    pub rotated_at: Timestamp,
    /// A secret of the session, part of what refresh tokens are made from.
    pub seed: [u8; 16],
}

/// How a device calls itself: on one line, cut where it is too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device(String);

impl Device {
    /// What a name looks like, as a regular expression of ECMA-262.
    pub const PATTERN: &str = r"[^\s\u0000-\u001f\u007f-\u009f]";

    /// Reads a name that a person typed.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let device = Self::from_user_agent(text)
            .ok_or_else(|| Invalid::new("required", "must not be empty"))?;
        if text.chars().count() > MAX_DEVICE_CHARS {
            let message = format!("must have at most {MAX_DEVICE_CHARS} characters");
            return Err(Invalid::new("too_long", message));
        }
        Ok(device)
    }

    /// What a `User-Agent` says, without control characters.
    pub fn from_user_agent(text: &str) -> Option<Self> {
        let visible = text.trim().chars().filter(|c| !c.is_control());
        let device: String = visible.take(MAX_DEVICE_CHARS).collect();
        (!device.is_empty()).then_some(Self(device))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a refresh token that the service made is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// It is the newest: it rotates.
    Rotate,
    /// It was used a moment ago: its use is repeated with the same outcome.
    Repeat,
    /// A proof of who the user is took its place a moment ago, and gave its successor to
    /// whoever showed that: a copy of it gets nothing.
    Outdone,
    /// It was used long ago: somebody else has a copy, the session ends.
    Replay,
}

impl Session {
    /// Judges a genuine refresh token by its generation.
    pub fn judge(&self, generation: u32, now: Timestamp, grace: Duration) -> Refresh {
        if generation == self.generation {
            Refresh::Rotate
        } else if generation.checked_add(1) != Some(self.generation)
            || now.since(self.rotated_at) > grace
        {
            Refresh::Replay
        } else if self.is_as_proven() {
            Refresh::Outdone
        } else {
            Refresh::Repeat
        }
    }

    /// Whether the user proved again who they are, and nothing was refreshed since.
    fn is_as_proven(&self) -> bool {
        self.authenticated_at == self.rotated_at && self.authenticated_at != self.created_at
    }
}
