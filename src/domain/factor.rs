//! Second factors: codes of authenticator apps (TOTP, RFC 6238) and recovery codes.

use std::fmt;

use super::encoding::{BASE32_NOPAD, HEX};
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use super::authentication::Method;
use super::email::Email;
use super::id::UserId;
use super::secret::{Purpose, SecretKey};
use super::time::{Rng, Timestamp, random};
use crate::error::Invalid;

/// How many recovery codes a user gets at a time.
pub const RECOVERY_CODES: usize = 10;

/// 160 bits, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
/// 80 bits: beyond guessing, and short enough to be written down.
const RECOVERY_BYTES: usize = 10;
const DIGITS: usize = 6;

/// A user's authenticator app.
#[derive(Debug, Clone)]
pub struct TotpFactor {
    /// The secret, encrypted.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is asked for.
    pub confirmed_at: Option<Timestamp>,
    /// No code is tried before.
    pub retry_at: Timestamp,
}

/// What a user has besides a first factor.
#[derive(Debug, Clone)]
pub struct Factors {
    /// The authenticator app.
    pub totp: Option<TotpFactor>,
    /// How many recovery codes are left.
    pub recovery_codes: i64,
}

/// What an authenticator app and the service share.
pub struct TotpSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl TotpSecret {
    /// A new one.
    pub fn new(rng: &dyn Rng) -> Self {
        Self(Zeroizing::new(random(rng)))
    }

    /// From what [`TotpSecret::bytes`] gave.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The secret; to be encrypted before it is stored.
    pub fn bytes(&self) -> &[u8] {
        &self.0[..]
    }

    /// What a person types into an app that reads no pictures.
    pub fn base32(&self) -> String {
        BASE32_NOPAD.encode(self.bytes())
    }

    /// What apps read from a picture (the Key URI format of otpauth).
    pub fn uri(&self, issuer: &str, account: &Email) -> Option<String> {
        // A colon parts the two names, so that none may contain one.
        let name = |text: &str| text.replace(':', " ");
        let builder = Self::rules().with_issuer(Some(name(issuer)));
        let totp = builder.with_account_name(name(account.as_str())).with_secret(*self.0).build();
        totp.ok()?.to_url().ok()
    }

    /// The time step whose code this is: the present one of 30 seconds, the one
    /// before or the one after.
    pub fn step_of(&self, code: &TotpCode, now: Timestamp) -> Option<i64> {
        let seconds = u64::try_from(now.seconds()).ok()?;
        let step = self.totp()?.check(&code.0, seconds)?;
        i64::try_from(step).ok()
    }

    fn totp(&self) -> Option<Totp> {
        Self::rules().with_secret(*self.0).build().ok()
    }

    /// SHA-1, 6 digits, 30 seconds: what every app can do. One step of tolerance
    /// each way, for clocks that are not quite right.
    fn rules() -> Builder {
        Builder::new()
            .with_algorithm(totp_rs::Algorithm::SHA1)
            .with_digits(6)
            .with_step_duration(30)
            .with_skew(1)
    }
}

/// What an authenticator app shows: six ASCII digits.
pub struct TotpCode(Zeroizing<String>);

impl TotpCode {
    /// What a code looks like, as a regular expression of ECMA-262.
    pub const PATTERN: &str = "^[0-9]{6}$";

    /// Reads exactly six ASCII digits.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(Invalid::new("invalid_code", format!("must be {DIGITS} digits")))
        }
    }
}

/// Stands in for an app that is lost; good once.
pub struct RecoveryCode(Zeroizing<[u8; RECOVERY_BYTES]>);

impl RecoveryCode {
    /// A new one.
    pub fn new(rng: &dyn Rng) -> Self {
        Self(Zeroizing::new(random(rng)))
    }

    /// Reads a code, in either case, with or without hyphens and spaces.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let plain = |c: &char| !matches!(c, '-' | ' ');
        let letters = text.chars().filter(plain).map(|c| c.to_ascii_uppercase());
        // Longer texts are not read to their end.
        let letters: Zeroizing<String> = Zeroizing::new(letters.take(64).collect());
        let bytes = BASE32_NOPAD.decode(letters.as_bytes()).map(Zeroizing::new);
        let code = bytes.and_then(|bytes| bytes.as_slice().try_into().ok());
        code.map(|code| Self(Zeroizing::new(code))).ok_or_else(|| {
            Invalid::new("invalid_code", "must be a recovery code such as abcd-efgh-ijkl-mnop")
        })
    }

    /// What is stored of it: useless without the operator's key, because 80 bits
    /// are too few for a hash that anybody can compute.
    pub fn hash(&self, key: &SecretKey, user: UserId) -> String {
        HEX.encode(&key.authenticate(Purpose::RecoveryCodes, &[user.bytes(), &self.0[..]]))
    }
}

impl fmt::Display for RecoveryCode {
    /// The text that its owner keeps, in groups of four.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = BASE32_NOPAD.encode(&self.0[..]).to_ascii_lowercase();
        for (place, letter) in letters.chars().enumerate() {
            if place > 0 && place.is_multiple_of(4) {
                f.write_str("-")?;
            }
            write!(f, "{letter}")?;
        }
        Ok(())
    }
}

/// What somebody shows as their second factor.
pub enum Code {
    /// Of an authenticator app.
    Totp(TotpCode),
    /// A recovery code.
    Recovery(RecoveryCode),
}

impl Code {
    /// What a code looks like, as a regular expression of ECMA-262.
    pub const PATTERN: &str = "^([0-9]{6}|([ -]*[A-Za-z2-7]){16}[ -]*)$";

    /// Reads either; they cannot be mistaken for each other.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        TotpCode::parse(text).map(Self::Totp).or_else(|_| {
            let invalid = |_| Invalid::new("invalid_code", "must be 6 digits or a recovery code");
            RecoveryCode::parse(text).map(Self::Recovery).map_err(invalid)
        })
    }

    /// What it proves.
    pub const fn method(&self) -> Method {
        match self {
            Self::Totp(_) => Method::Totp,
            Self::Recovery(_) => Method::RecoveryCode,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(std::sync::Mutex<u8>);
    impl Rng for Counter {
        fn fill(&self, bytes: &mut [u8]) {
            let mut next = self.0.lock().unwrap();
            for byte in bytes {
                *byte = *next;
                *next = next.wrapping_add(1);
            }
        }
    }

    fn rng() -> Counter {
        Counter(std::sync::Mutex::new(0))
    }

    fn step_of(secret: &TotpSecret, code: &str, seconds: i64) -> Option<i64> {
        secret.step_of(&TotpCode::parse(code).unwrap(), Timestamp::from_seconds(seconds))
    }

    /// RFC 6238, appendix B: the last six of its eight digits.
    const VECTORS: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        for (seconds, code) in VECTORS {
            assert_eq!(step_of(&secret, code, seconds), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_in_its_step_and_in_those_beside_it_only() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        for (seconds, code) in VECTORS {
            let begin = seconds / 30 * 30;
            for (now, taken) in [
                (begin - 31, false),
                (begin - 30, true),
                (begin, true),
                (begin + 29, true),
                (begin + 59, true),
                (begin + 60, false),
            ] {
                let expected = taken.then_some(seconds / 30);
                assert_eq!(step_of(&secret, code, now), expected, "{code} at {now}");
            }
        }
    }

    #[test]
    fn a_code_is_six_ascii_digits() {
        assert!(TotpCode::parse("000000").is_ok());
        for text in ["", "12345", "1234567", "12345a", "+12345", " 12345", "123 456", "٣٣٣", "１２"]
        {
            assert!(TotpCode::parse(text).is_err(), "{text}");
        }
        assert!(TotpCode::parse("١٢٣٤٥٦").is_err());
    }

    #[test]
    fn a_recovery_code_reads_back_as_people_write_it() {
        let code = RecoveryCode::new(&rng());
        assert_eq!(code.to_string(), "aaaq-eaye-auda-ocaj");
        let key = SecretKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        let user = UserId::from_bytes([1; 16]);
        let hash = code.hash(&key, user);
        for text in ["aaaq-eaye-auda-ocaj", "AAAQEAYEAUDAOCAJ", " aaaq eaye auda ocaj"] {
            assert_eq!(RecoveryCode::parse(text).unwrap().hash(&key, user), hash, "{text}");
        }
        assert_ne!(code.hash(&key, UserId::from_bytes([2; 16])), hash);
        let long = "a".repeat(1_000);
        for text in ["", "aaaq", "aaaq-eaye-auda-oca1", "aaaq-eaye-auda-ocaj-aaaa", "123456", &long]
        {
            assert!(RecoveryCode::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_app_is_told_the_secret_the_service_and_the_account() {
        let secret = TotpSecret::new(&rng());
        let account = Email::parse("ada+1@example.com").unwrap();
        assert_eq!(secret.base32(), "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT");
        assert_eq!(
            secret.uri("id.example.com:8443", &account).unwrap(),
            "otpauth://totp/id.example.com%208443:ada%2B1%40example.com\
             ?secret=AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT&issuer=id.example.com%208443"
        );
    }
}
