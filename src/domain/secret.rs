//! The operator's secret key, and what is derived from it.

use super::encoding::BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::time::{Rng, random};

const NONCE_BYTES: usize = 24;

/// SHA-256, as the form in which opaque secrets are stored.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Compares without telling by its time where two values differ.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// What a derived key is for: no key serves two purposes.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Encrypts signing keys at rest.
    SigningKeys,
    /// Authenticates refresh tokens.
    RefreshTokens,
    /// Signs the cursors of lists.
    Cursors,
    /// Encrypts the secrets of authenticator apps at rest.
    TotpSecrets,
    /// Authenticates recovery codes.
    RecoveryCodes,
    /// Encrypts mails until they are sent.
    Mails,
    /// Authenticates mailed codes.
    EmailCodes,
    /// Names the buckets of rate limits.
    RateLimits,
    /// Finds the mails to an address.
    MailRecipients,
    /// Encrypts what a cache remembers.
    Cache,
    /// Knows requests again that are repeated.
    Repetitions,
    /// Encrypts the answers to them at rest.
    Answers,
    /// Makes tags of contents, which nobody can make two contents have.
    ContentTags,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::SigningKeys => b"rollcall/signing-keys/v1",
            Self::RefreshTokens => b"rollcall/refresh-tokens/v1",
            Self::Cursors => b"rollcall/cursors/v1",
            Self::TotpSecrets => b"rollcall/totp-secrets/v1",
            Self::RecoveryCodes => b"rollcall/recovery-codes/v1",
            Self::Mails => b"rollcall/mails/v1",
            Self::Cache => b"rollcall/cache/v2",
            Self::Repetitions => b"rollcall/repetitions/v1",
            Self::Answers => b"rollcall/answers/v1",
            Self::EmailCodes => b"rollcall/email-codes/v1",
            Self::ContentTags => b"rollcall/content-tags/v1",
            Self::RateLimits => b"rollcall/rate-limits/v1",
            Self::MailRecipients => b"rollcall/mail-recipients/v1",
        }
    }
}

/// 32 bytes that only the operator knows. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; 32]>);

impl SecretKey {
    /// Reads the base64 form of exactly 32 bytes.
    pub fn parse(base64: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64.decode(base64.trim().as_bytes())?);
        let key: [u8; 32] = bytes.as_slice().try_into().ok()?;
        Some(Self(Zeroizing::new(key)))
    }

    /// HMAC-SHA-256 over the parts in order, with a key for this purpose alone.
    /// The parts must have a fixed length or be told apart by their caller.
    pub fn authenticate(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let key = hmac(&self.0[..], &[purpose.label()]);
        hmac(&key, parts)
    }

    /// Encrypts with XChaCha20-Poly1305; the result holds its nonce.
    pub fn seal(&self, purpose: Purpose, context: &[u8], plain: &[u8], rng: &dyn Rng) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random(rng);
        let payload = Payload { msg: plain, aad: context };
        // Encryption fails for texts beyond 256 GiB only.
        let sealed =
            self.cipher(purpose).encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
        [&nonce[..], &sealed].concat()
    }

    /// Decrypts what [`SecretKey::seal`] made with the same purpose and context.
    pub fn open(
        &self,
        purpose: Purpose,
        context: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: context };
        let plain = self.cipher(purpose).decrypt(&XNonce::from(*nonce), payload).ok()?;
        Some(Zeroizing::new(plain))
    }

    fn cipher(&self, purpose: Purpose) -> XChaCha20Poly1305 {
        let key = Zeroizing::new(hmac(&self.0[..], &[purpose.label()]));
        XChaCha20Poly1305::new((&*key).into())
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length; the error type is the trait's.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else {
        return [0; 32];
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Zeros;
    impl Rng for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    fn key(byte: u8) -> SecretKey {
        SecretKey::parse(&BASE64.encode(&[byte; 32])).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_with_the_same_key_purpose_and_context_only() {
        let sealed = key(1).seal(Purpose::SigningKeys, b"kid", b"secret", &Zeros);
        assert_eq!(&**key(1).open(Purpose::SigningKeys, b"kid", &sealed).unwrap(), b"secret");
        assert!(key(2).open(Purpose::SigningKeys, b"kid", &sealed).is_none());
        assert!(key(1).open(Purpose::Cursors, b"kid", &sealed).is_none());
        assert!(key(1).open(Purpose::SigningKeys, b"other", &sealed).is_none());
        assert!(key(1).open(Purpose::SigningKeys, b"kid", &sealed[1..]).is_none());
        assert!(key(1).open(Purpose::SigningKeys, b"kid", b"").is_none());
    }

    #[test]
    fn a_key_is_32_bytes_in_base64() {
        assert!(SecretKey::parse(&BASE64.encode(&[0; 32])).is_some());
        for text in ["", "secret", &BASE64.encode(&[0; 31]), &BASE64.encode(&[0; 33])] {
            assert!(SecretKey::parse(text).is_none(), "{text}");
        }
    }

    /// RFC 4231, test case 2.
    #[test]
    fn authentication_is_hmac_sha_256() {
        let mac = hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(crate::domain::encoding::HEX.encode(&mac), expected);
    }
}
