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

impl EventId {
    /// The same id, or the one right after `last` where it would come before it in
    /// the same millisecond: events of one change keep their order.
    pub fn after(self, last: Self) -> Self {
        let millisecond = |id: &Self| id.bytes().first_chunk::<6>().copied();
        if self <= last && millisecond(&self) == millisecond(&last) {
            Self(Uuid::from_u128(last.0.as_u128().saturating_add(1)))
        } else {
            self
        }
    }

    /// The least id of a moment, at the precision of ids: a millisecond.
    pub fn first_at(moment: Timestamp) -> Self {
        let millis = u128::from(moment.millis()) << 80;
        Self(Uuid::from_u128(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_events_that_are_told_of_each_other_keep_their_order() {
        struct Bytes(u8);
        impl Rng for Bytes {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(self.0);
            }
        }
        let at =
            |millis: i64, byte| EventId::new(Timestamp::from_micros(millis * 1_000), &Bytes(byte));
        assert_eq!(at(1, 7).after(at(1, 6)), at(1, 7));
        assert_eq!(at(2, 5).after(at(1, 6)), at(2, 5));
        assert_eq!(at(1, 5).after(at(2, 6)), at(1, 5));
        let next = at(1, 5).after(at(1, 6));
        assert!(next > at(1, 6) && next < at(1, 7));
        assert!(at(1, 5).after(next) > next);
        for millis in [1, 2] {
            let first = EventId::first_at(Timestamp::from_micros(millis * 1_000 + 999));
            assert!(first <= at(millis, 0) && first > at(millis - 1, 255));
        }
    }

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
