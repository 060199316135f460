//! Opaque tokens: typed by a prefix, 256 bits of secrecy, and a checksum that
//! turns typing errors and garbage away without a query.

use super::encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::id::SessionId;
use super::secret::{Purpose, SecretKey, equal, sha256};
use super::time::{Rng, random};

const CHECKSUM_BYTES: usize = 4;

/// Writes `bytes` behind a prefix, with their checksum.
pub(super) fn encode(prefix: &str, bytes: &[u8]) -> String {
    let checksum = sha256(&[prefix.as_bytes(), bytes].concat());
    let (checksum, _) = checksum.split_at(CHECKSUM_BYTES);
    format!("{prefix}{}", BASE64URL_NOPAD.encode(&[bytes, checksum].concat()))
}

/// Reads what [`encode`] wrote with the same prefix.
pub(super) fn decode<const N: usize>(prefix: &str, token: &str) -> Option<[u8; N]> {
    let bytes = BASE64URL_NOPAD.decode(token.strip_prefix(prefix)?.as_bytes())?;
    let (bytes, _) = bytes.split_first_chunk::<N>()?;
    (encode(prefix, bytes) == token).then_some(*bytes)
}

/// A refresh token: the `generation`th of a session.
///
/// It is not stored, not even hashed: its secret part is an HMAC over the
/// session's seed, its id and the generation, under the operator's key. Neither
/// the database nor the key alone can make one, an old one is told from a
/// forged one without a history, and a repeated refresh gets the very successor
/// that the first one got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session that it continues.
    pub session: SessionId,
    /// How often the session was refreshed before this token was given out.
    pub generation: u32,
    secret: [u8; 32],
}

impl RefreshToken {
    const PREFIX: &str = "rcr_";

    /// The token of a session's generation.
    pub fn of(key: &SecretKey, session: SessionId, seed: &[u8; 16], generation: u32) -> Self {
        let parts: [&[u8]; 3] = [seed, session.bytes(), &generation.to_be_bytes()];
        let secret = key.authenticate(Purpose::RefreshTokens, &parts);
        Self { session, generation, secret }
    }

    /// Reads a token's form. [`RefreshToken::is_genuine`] says whether we made it.
    pub fn parse(token: &str) -> Option<Self> {
        let bytes: [u8; 52] = decode(Self::PREFIX, token)?;
        let (session, rest) = bytes.split_first_chunk::<16>()?;
        let (generation, rest) = rest.split_first_chunk::<4>()?;
        let secret: [u8; 32] = rest.try_into().ok()?;
        let generation = u32::from_be_bytes(*generation);
        Some(Self { session: SessionId::from_bytes(*session), generation, secret })
    }

    /// Whether this service made the token for the session with this seed.
    pub fn is_genuine(&self, key: &SecretKey, seed: &[u8; 16]) -> bool {
        equal(&Self::of(key, self.session, seed, self.generation).secret, &self.secret)
    }

    /// The text that the client keeps.
    pub fn reveal(&self) -> String {
        let generation = self.generation.to_be_bytes();
        let bytes = [&self.session.bytes()[..], &generation, &self.secret].concat();
        encode(Self::PREFIX, &bytes)
    }
}

/// What somebody holds who has shown the first of two factors. It opens nothing
/// but the question for the second. Only its hash is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeToken([u8; 32]);

impl ChallengeToken {
    const PREFIX: &str = "rcm_";

    /// A new one.
    pub fn new(rng: &dyn Rng) -> Self {
        Self(random(rng))
    }

    /// Reads a token's form.
    pub fn parse(token: &str) -> Option<Self> {
        decode(Self::PREFIX, token).map(Self)
    }

    /// What is stored of it.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&self.0)
    }

    /// The text that the client keeps.
    pub fn reveal(&self) -> String {
        encode(Self::PREFIX, &self.0)
    }
}

/// An API key: 256 random bits. Only its hash is stored.
pub struct ApiKeyToken(Zeroizing<[u8; 32]>);

impl ApiKeyToken {
    const PREFIX: &str = "rck_";

    /// A new one.
    pub fn new(rng: &dyn Rng) -> Self {
        Self(Zeroizing::new(random(rng)))
    }

    /// Reads a key's form; whether there is such a key, its hash tells.
    pub fn parse(token: &str) -> Option<Self> {
        decode(Self::PREFIX, token).map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The text that its holder keeps.
    pub fn reveal(&self) -> String {
        encode(Self::PREFIX, &self.0[..])
    }

    /// What is stored and looked up.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&self.0[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u8; 16] = [7; 16];

    fn key() -> SecretKey {
        SecretKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap()
    }

    #[test]
    fn a_refresh_token_reads_back_and_is_genuine() {
        let session = SessionId::from_bytes([9; 16]);
        let token = RefreshToken::of(&key(), session, &SEED, 3);
        let read = RefreshToken::parse(&token.reveal()).unwrap();
        assert_eq!(read, token);
        assert!(read.is_genuine(&key(), &SEED));
        assert!(!read.is_genuine(&key(), &[8; 16]));
        let next = RefreshToken { generation: 4, ..read };
        assert!(!next.is_genuine(&key(), &SEED));
    }

    #[test]
    fn a_token_with_any_character_changed_is_no_token() {
        let token = RefreshToken::of(&key(), SessionId::from_bytes([9; 16]), &SEED, 0).reveal();
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(RefreshToken::parse(&changed), None, "{changed}");
        }
        for other in ["", "rcr_", "rcr_AAAA", &token[1..], &token[..token.len() - 1]] {
            assert_eq!(RefreshToken::parse(other), None, "{other}");
        }
    }
}
