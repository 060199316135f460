//! Identifiers: UUIDv7 (RFC 9562), typed, so that none stands in for another.

use std::fmt;

use uuid::Uuid;

use super::time::{Rng, Timestamp, random};
use crate::error::Invalid;

/// A new UUIDv7: 48 bits of the time in milliseconds, then randomness.
pub fn new_uuid(now: Timestamp, rng: &dyn Rng) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(now.millis(), &random(rng)).into_uuid()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new one, later in order than those before it.
            pub fn new(now: Timestamp, rng: &dyn Rng) -> Self {
                Self(new_uuid(now, rng))
            }

            /// Reads the hyphenated form, in either case.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                // The other forms that the library reads (braces, URN, no hyphens)
                // would give one resource several addresses.
                match Uuid::try_parse(text) {
                    Ok(uuid) if text.len() == 36 => Ok(Self(uuid)),
                    _ => Err(Invalid::new("invalid_id", "must be a UUID")),
                }
            }

            /// The sixteen bytes.
            pub fn bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From sixteen bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
    };
}

id! {
    /// Names a user.
    UserId
}
id! {
    /// Names a session.
    SessionId
}
id! {
    /// Names an API key.
    ApiKeyId
}
id! {
    /// Names a registration.
    RegistrationId
}
id! {
    /// Names an invitation.
    InvitationId
}
id! {
    /// Names a mail.
    MailId
}
id! {
    /// Names an event.
    EventId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling_but_for_case() {
        let id = UserId::parse("0190B5A0-0000-7000-8000-000000000001").unwrap();
        assert_eq!(id.to_string(), "0190b5a0-0000-7000-8000-000000000001");
        for other in [
            "",
            "1",
            "0190b5a0000070008000000000000001",
            "{0190b5a0-0000-7000-8000-000000000001}",
            "urn:uuid:0190b5a0-0000-7000-8000-000000000001",
            "0190b5a0-0000-7000-8000-00000000000g",
        ] {
            assert!(UserId::parse(other).is_err(), "{other}");
        }
    }
}
