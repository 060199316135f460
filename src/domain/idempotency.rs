//! Requests that may be sent again: draft-ietf-httpapi-idempotency-key-header-07.

use std::time::Duration;

use super::secret::{Purpose, SecretKey};
use crate::error::Invalid;

/// The longest key, in characters.
pub const MAX_LENGTH: usize = 255;
/// The shortest key of a caller who shows no credential: nobody shall guess the key
/// of somebody else.
pub const MIN_ANONYMOUS_LENGTH: usize = 16;
/// How long an answer is kept.
pub const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// What a client calls a request, so that it can send it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads a key of 1 to 255 characters: the string of RFC 9651, 3.3.3, that the
    /// draft asks for, or the same without its quotes, as many clients send it.
    pub fn parse(field: &str) -> Result<Self, Invalid> {
        let field = field.trim_matches(' ');
        let key = match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(quoted) => unescape(quoted),
            None => field.bytes().all(is_plain).then(|| field.to_owned()),
        };
        let key = key.filter(|key| (1..=MAX_LENGTH).contains(&key.len()));
        key.map(Self).ok_or_else(|| {
            let message = format!("must be a string of 1 to {MAX_LENGTH} characters, in quotes");
            Invalid::new("invalid_idempotency_key", message)
        })
    }

    /// What [`parse`](Self::parse) takes of at least so many characters, as a regular
    /// expression.
    pub fn pattern(least: usize) -> String {
        let counted = format!("{{{least},{MAX_LENGTH}}}");
        format!(r#"^([A-Za-z0-9._:~+/=-]{counted}|"([ !#-\[\]-~]|\\["\\]){counted}")$"#)
    }

    /// How many characters it has.
    pub fn length(&self) -> usize {
        self.0.len()
    }
}

/// What may stand outside of quotes: letters, digits and what UUIDs, base64 and
/// the like are written with.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.:~+/=".contains(&byte)
}

/// The characters of a string of RFC 9651: printable ASCII, in which a backslash
/// stands before a quote or a backslash and nothing else.
fn unescape(quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => characters.next().filter(|next| matches!(next, '"' | '\\'))?,
            ' '..='~' if character != '"' => character,
            _ => return None,
        });
    }
    Some(text)
}

/// A request that a key stands for, as it is known again. Made with the secret key:
/// requests hold passwords, which a plain hash of them would give to be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeatable {
    /// Of the caller, the route and the key.
    pub id: [u8; 32],
    /// Of what is asked for: another request with the same key is a mistake.
    pub fingerprint: [u8; 32],
}

impl Repeatable {
    /// The request of a caller to a route, by its target and its body.
    pub fn new(
        secret: &SecretKey,
        caller: &str,
        route: &str,
        key: &IdempotencyKey,
        request: &[&[u8]],
    ) -> Self {
        let of = |kind: &str, parts: &[&[u8]]| {
            let lengths: Vec<_> = parts.iter().map(|part| part.len().to_string()).collect();
            // The lengths tell the parts apart.
            let head = format!("{kind} {}\n", lengths.join(" "));
            let parts: Vec<_> =
                [head.as_bytes()].into_iter().chain(parts.iter().copied()).collect();
            secret.authenticate(Purpose::Repetitions, &parts)
        };
        Self {
            id: of("id", &[caller.as_bytes(), route.as_bytes(), key.0.as_bytes()]),
            fingerprint: of("request", request),
        }
    }

    /// One of the parts of the request, by its number, of which each is done once.
    pub fn part(self, secret: &SecretKey, number: usize) -> Self {
        let head = format!("part {number}\n");
        let id = secret.authenticate(Purpose::Repetitions, &[head.as_bytes(), &self.id]);
        Self { id, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_string_with_or_without_its_quotes() {
        let pattern = regex_lite::Regex::new(&IdempotencyKey::pattern(1)).unwrap();
        let uuid = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        let long = "a".repeat(255);
        for (field, key) in [
            (uuid, uuid),
            (&format!("\"{uuid}\""), uuid),
            (" \"a b\" ", "a b"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (&long, &long),
        ] {
            assert_eq!(IdempotencyKey::parse(field), Ok(IdempotencyKey(key.to_owned())));
            assert!(pattern.is_match(field.trim_matches(' ')), "{field}");
        }
        let too_long = "a".repeat(256);
        for field in [
            "",
            "\"\"",
            "\"",
            "a b",
            "\"a",
            "a\"",
            "\"a\"b\"",
            r#""a\b""#,
            r#""a\""#,
            "\"\u{e9}\"",
            "\"a\";q=1",
            &too_long,
            &format!("\"{too_long}\""),
        ] {
            assert!(IdempotencyKey::parse(field).is_err(), "{field}");
            assert!(!pattern.is_match(field), "{field}");
        }
    }

    #[test]
    fn a_request_is_known_by_each_of_its_parts() {
        let secret = SecretKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        let of = |caller, route, key, request: &[&[u8]]| {
            let key = IdempotencyKey::parse(key).unwrap();
            Repeatable::new(&secret, caller, route, &key, request)
        };
        let one = of("ab", "c", "k", &[b"t", b"b"]);
        assert_eq!(one, of("ab", "c", "k", &[b"t", b"b"]));
        for other in [of("a", "bc", "k", &[b"t", b"b"]), of("ab", "c", "l", &[b"t", b"b"])] {
            assert_ne!(one.id, other.id);
            assert_eq!(one.fingerprint, other.fingerprint);
        }
        for other in [of("ab", "c", "k", &[b"tb", b""]), of("ab", "c", "k", &[b"t", b"c"])] {
            assert_eq!(one.id, other.id);
            assert_ne!(one.fingerprint, other.fingerprint);
        }
        let (first, second) = (one.part(&secret, 0), one.part(&secret, 1));
        assert!(first.id != one.id && first.id != second.id);
        assert_eq!(first.fingerprint, one.fingerprint);
    }
}
