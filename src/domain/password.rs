//! Passwords: NIST SP 800-63B-4, 3.1.1.2.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::error::Invalid;

/// The longest password, in characters (Unicode code points).
pub const MAX_CHARS: usize = 256;

/// A password as it was given, in NFC. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Reads a password to compare with: no policy, but no endless text either.
    pub fn given(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new("required", "must not be empty"));
        }
        if text.chars().count() > MAX_CHARS {
            let message = format!("must have at most {MAX_CHARS} characters");
            return Err(Invalid::new("too_long", message));
        }
        Ok(Self(Zeroizing::new(text.nfc().collect())))
    }

    /// Reads a password to be set: at least `min` characters, each counting as one.
    pub fn chosen(text: &str, min: usize) -> Result<Self, Invalid> {
        let password = Self::given(text)?;
        if password.0.chars().count() < min {
            let message = format!("must have at least {min} characters");
            return Err(Invalid::new("too_short", message));
        }
        Ok(password)
    }

    /// The bytes to hash.
    pub fn reveal(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_counts_once_and_forms_are_one() {
        assert!(Password::chosen("пароль12", 8).is_ok());
        assert!(Password::chosen("пароль1", 8).is_err());
        assert!(Password::chosen(&"é".repeat(256), 8).is_ok());
        assert!(Password::chosen(&"é".repeat(257), 8).is_err());
        let (composed, decomposed) = ("caf\u{e9} au lait", "cafe\u{301} au lait");
        let read = |text| Password::chosen(text, 8).unwrap();
        assert_eq!(read(composed).reveal(), read(decomposed).reveal());
        assert_ne!(read("Password 1").reveal(), read("password 1").reveal());
        assert_ne!(read(" spaces ").reveal(), read("spaces ab").reveal());
    }

    #[test]
    fn a_password_is_never_printed() {
        assert_eq!(format!("{:?}", Password::given("hunter2").unwrap()), "Password(…)");
    }
}
