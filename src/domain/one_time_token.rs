//! One-time tokens: what is mailed to prove that an address is somebody's.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use super::id::UserId;
use super::secret::{Purpose, SecretKey, sha256};
use super::time::{Rng, random};
use super::token::{decode, encode};
use crate::error::Invalid;

/// How often a code may be tried for one request.
pub const MAX_CODE_TRIES: u32 = 5;
const CODE_DIGITS: usize = 8;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPurpose {
    /// Makes a user of a registration. Its subject is the registration.
    Registration,
    /// Proves the address of a user. Its subject is the address.
    EmailVerification,
    /// Sets a new password. Its subject is the address.
    PasswordReset,
    /// Signs in. Its subject is the address; it is bound to the request that asked.
    MagicLink,
    /// Signs in, with a code. Its subject is the address; the token stays with
    /// the request that asked.
    EmailCode,
    /// Allows a registration. Its subject is the address.
    Invitation,
    /// Changes the address of a user. Its subject is the user; it is bound to the
    /// new address.
    EmailChange,
}

impl TokenPurpose {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::EmailVerification => "email_verification",
            Self::PasswordReset => "password_reset",
            Self::MagicLink => "magic_link",
            Self::EmailCode => "email_code",
            Self::Invitation => "invitation",
            Self::EmailChange => "email_change",
        }
    }

    /// Whether such a token belongs to the request that asked for it: others for the same
    /// subject may be good beside it.
    pub const fn is_of_request(self) -> bool {
        matches!(self, Self::MagicLink | Self::EmailCode)
    }

    /// How long such a token is good.
    pub const fn lifetime(self) -> Duration {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        Duration::from_secs(match self {
            Self::Registration | Self::EmailVerification => DAY,
            Self::PasswordReset => 30 * MINUTE,
            Self::MagicLink | Self::EmailCode => 10 * MINUTE,
            Self::Invitation => 7 * DAY,
            Self::EmailChange => HOUR,
        })
    }
}

/// 256 random bits, good once. Only the hash is stored.
pub struct OneTimeToken(Zeroizing<[u8; 32]>);

impl OneTimeToken {
    const PREFIX: &str = "rco_";

    /// A new one.
    pub fn new(rng: &dyn Rng) -> Self {
        Self(Zeroizing::new(random(rng)))
    }

    /// Reads a token's form; whether it is good, its hash tells.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let bytes = decode(Self::PREFIX, text).ok_or_else(invalid_token)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// The text that its receiver shows.
    pub fn reveal(&self) -> String {
        encode(Self::PREFIX, &self.0[..])
    }

    /// What is stored and looked up.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&self.0[..])
    }
}

impl fmt::Debug for OneTimeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeToken(…)")
    }
}

/// Why a token is refused, whatever is wrong with it.
pub fn invalid_token() -> Invalid {
    Invalid::new("invalid_token", "is not valid, was used, or has expired: ask for a new one")
}

/// A token as stored.
#[derive(Debug)]
pub struct StoredToken {
    /// What it is good for.
    pub purpose: TokenPurpose,
    /// Its hash.
    pub hash: [u8; 32],
    /// What it is about.
    pub subject: String,
    /// Whose it is, where the subject is a user's.
    pub user: Option<UserId>,
    /// What else it is bound to.
    pub data: Option<String>,
}

/// Eight digits, to be read from a mail and typed.
pub struct EmailCode(Zeroizing<String>);

impl EmailCode {
    /// What a code looks like, as a regular expression of ECMA-262.
    pub const PATTERN: &str = "^([ -]*[0-9]){8}[ -]*$";

    /// A new one.
    pub fn new(rng: &dyn Rng) -> Self {
        // Of 2^64 values, 10^8 codes: none is likelier than another by 2^-37.
        let number = u64::from_be_bytes(random(rng)).checked_rem(100_000_000).unwrap_or(0);
        Self(Zeroizing::new(format!("{number:08}")))
    }

    /// Reads a code as people type it: with or without spaces and hyphens.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        if digits.len() == CODE_DIGITS && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(Zeroizing::new(digits)))
        } else {
            Err(Invalid::new("invalid_code", "must be eight digits"))
        }
    }

    /// The code in two groups.
    pub fn reveal(&self) -> String {
        let (first, second) = self.0.split_at_checked(4).unwrap_or_default();
        format!("{first} {second}")
    }

    /// What is stored: under the operator's key, since a plain hash of eight
    /// digits is found by trying, and for one request only.
    pub fn authenticate(&self, key: &SecretKey, request: &OneTimeToken) -> [u8; 32] {
        key.authenticate(Purpose::EmailCodes, &[&request.hash(), self.0.as_bytes()])
    }
}

impl fmt::Debug for EmailCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(u8);
    impl Rng for Bytes {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn a_token_reads_back_and_is_never_printed() {
        let token = OneTimeToken::new(&Bytes(7));
        let text = token.reveal();
        assert!(text.starts_with("rco_"));
        assert_eq!(OneTimeToken::parse(&text).unwrap().hash(), token.hash());
        assert_eq!(format!("{token:?}"), "OneTimeToken(…)");
        for other in ["", "rco_", "rcr_AAAA", &text[..text.len() - 1], &text.replace('_', "-")] {
            assert_eq!(OneTimeToken::parse(other).unwrap_err().code, "invalid_token", "{other}");
        }
    }

    #[test]
    fn a_code_is_eight_digits_however_they_are_grouped() {
        let code = EmailCode::new(&Bytes(0));
        assert_eq!(code.reveal(), "0000 0000");
        for text in ["12345678", "1234 5678", " 1234-5678 "] {
            assert_eq!(EmailCode::parse(text).unwrap().reveal(), "1234 5678");
        }
        for text in ["", "1234567", "123456789", "1234567a", "１２３４５６７８", "٣٣٣٣"]
        {
            assert!(EmailCode::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_code_is_good_for_its_request_only() {
        let key = SecretKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        let (one, other) = (OneTimeToken::new(&Bytes(1)), OneTimeToken::new(&Bytes(2)));
        let code = EmailCode::parse("12345678").unwrap();
        assert_ne!(code.authenticate(&key, &one), code.authenticate(&key, &other));
    }
}
