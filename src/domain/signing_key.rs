//! When a signing key is published, signs, and goes.
//!
//! Whoever checks tokens keeps a copy of the JWKS for a while. So a key is
//! published before it signs, and stays until its last token has expired.

use std::time::Duration;

use super::access_token::Algorithm;
use super::time::Timestamp;

/// How long others may keep their copy of the JWKS.
pub const JWKS_MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// How long an instance may go without a look at the keys.
pub const INSTANCE_MAX_AGE: Duration = Duration::from_secs(60);
/// How long before it signs a key is published: no copy is older then.
pub const LEAD: Duration = Duration::from_secs(JWKS_MAX_AGE.as_secs() + INSTANCE_MAX_AGE.as_secs());

/// A signing key by what everybody may know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its name.
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Since when it is published.
    pub created_at: Timestamp,
    /// Since when it signs, until the next one does.
    pub activates_at: Timestamp,
    /// When it goes; `None` while there is no next one.
    pub retires_at: Option<Timestamp>,
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It is published, and signs next.
    Next,
    /// It signs.
    Signing,
    /// It signs no more, and its last tokens are still good.
    Retiring,
    /// It is good for nothing.
    Retired,
}

impl KeyRecord {
    /// Whether it is published, and what it signed is believed.
    pub fn is_published(&self, now: Timestamp) -> bool {
        self.retires_at.is_none_or(|at| now < at)
    }

    /// What this key does, one of `all`.
    pub fn state(&self, all: &[Self], now: Timestamp) -> KeyState {
        if !self.is_published(now) {
            KeyState::Retired
        } else if signing(all, now) == Some(self) {
            KeyState::Signing
        } else if now < self.activates_at {
            KeyState::Next
        } else {
            KeyState::Retiring
        }
    }

    /// Whether the next key is due: this one signs for too long, or with another
    /// algorithm than the operator wants.
    pub fn is_due(&self, algorithm: Algorithm, max_age: Duration, now: Timestamp) -> bool {
        self.algorithm != algorithm || now.since(self.activates_at) >= max_age
    }
}

/// The one of these keys that signs: the newest that has begun to. If none has, by
/// the clock of an instance that is behind the one that made the first, the first.
pub fn signing(keys: &[KeyRecord], now: Timestamp) -> Option<&KeyRecord> {
    let order = |key: &&KeyRecord| (key.activates_at, key.kid.clone());
    let begun = keys.iter().filter(|key| key.activates_at <= now).max_by_key(order);
    begun.or_else(|| keys.iter().min_by_key(order))
}

/// The one of these keys that signs next, if there is one already.
pub fn next(keys: &[KeyRecord], now: Timestamp) -> Option<&KeyRecord> {
    keys.iter().find(|key| now < key.activates_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn key(kid: &str, activates_at: i64, retires_at: Option<i64>) -> KeyRecord {
        KeyRecord {
            kid: kid.to_owned(),
            algorithm: Algorithm::EdDsa,
            created_at: at(0),
            activates_at: at(activates_at),
            retires_at: retires_at.map(at),
        }
    }

    #[test]
    fn a_key_is_next_then_signs_then_retires() {
        use KeyState::{Next, Retired, Retiring, Signing};
        let keys = [key("old", 0, Some(1_000)), key("new", 360, None)];
        for (now, old, new) in [
            (0, Signing, Next),
            (359, Signing, Next),
            (360, Retiring, Signing),
            (999, Retiring, Signing),
            (1_000, Retired, Signing),
        ] {
            let states = keys.each_ref().map(|key| key.state(&keys, at(now)));
            assert_eq!(states, [old, new], "at {now}");
        }
    }

    #[test]
    fn the_first_key_signs_even_where_it_is_still_yesterday() {
        let keys = [key("new", 460, None), key("first", 100, Some(1_100))];
        assert_eq!(signing(&keys, at(50)), Some(&keys[1]));
        assert_eq!(signing(&[], at(50)), None);
    }

    #[test]
    fn the_next_key_is_due_by_age_or_algorithm() {
        let (key, max_age) = (key("a", 0, None), Duration::from_secs(90));
        assert!(!key.is_due(Algorithm::EdDsa, max_age, at(89)));
        assert!(key.is_due(Algorithm::EdDsa, max_age, at(90)));
        assert!(key.is_due(Algorithm::Es256, max_age, at(0)));
    }
}
