//! What a caller shows, read before anything is asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::encoding::HEX;
use crate::domain::presented_token::{self, Presented};
use crate::domain::secret::sha256;
use crate::domain::time::Timestamp;
use crate::domain::token::ApiKeyToken;
use crate::error::{Error, Result};
use crate::store::callers::Lookup;

/// What a caller shows for itself; not believed yet.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// Nothing.
    #[default]
    None,
    /// Something that is no credential of ours.
    Garbage,
    /// The bootstrap token, or what claims to be it.
    Bearer(String),
    /// An access token that could be ours.
    AccessToken(Arc<AccessToken>),
    /// What could be an API key, by its hash.
    ApiKey([u8; 32]),
}

/// An access token of the right form that has not expired, by its own word.
pub struct AccessToken {
    pub(super) text: Arc<str>,
    /// The SHA-256 of the text.
    pub(super) hash: [u8; 32],
    pub(super) claims: Presented,
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessToken").field("claims", &self.claims).finish_non_exhaustive()
    }
}

impl AccessToken {
    /// The SHA-256 of its text.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// When it ends, by its own word, in whole seconds.
    pub fn expires_at(&self) -> Timestamp {
        self.claims.expires_at
    }
}

/// How many tokens an instance remembers, and how long the longest of them is.
const TOKENS: usize = 128;
const TOKEN_BYTES: usize = 2 << 10;

/// The tokens that an instance has read: who calls once calls again, and to decode and
/// to hash a token costs as much as to answer from memory. It says nothing about what a
/// token is worth, which is asked for every time.
#[derive(Default)]
pub struct ReadTokens(Mutex<HashMap<Arc<str>, Arc<AccessToken>>>);

impl ReadTokens {
    /// What a token says that could be ours and has not expired, by its own word.
    fn read(&self, text: &str, now: Timestamp) -> Option<Arc<AccessToken>> {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = tokens.get(text) {
            if token.claims.expires_at > now {
                return Some(Arc::clone(token));
            }
            tokens.remove(text);
        }
        let claims = presented_token::read(text, now)?;
        let (text, hash) = (Arc::from(text), sha256(text.as_bytes()));
        let token = Arc::new(AccessToken { text, hash, claims });
        if token.text.len() <= TOKEN_BYTES {
            if tokens.len() >= TOKENS {
                tokens.clear();
            }
            tokens.insert(Arc::clone(&token.text), Arc::clone(&token));
        }
        Some(token)
    }
}

impl Credentials {
    /// Reads what stands behind `Bearer`.
    pub fn read(tokens: &ReadTokens, bearer: &str, now: Timestamp) -> Self {
        if let Some(token) = tokens.read(bearer, now) {
            return Self::AccessToken(token);
        }
        match ApiKeyToken::parse(bearer) {
            Some(key) => Self::ApiKey(key.hash()),
            None => Self::Bearer(bearer.to_owned()),
        }
    }

    /// Whether this could be a credential of somebody.
    pub fn is_plausible(&self) -> bool {
        self.lookup().is_ok()
    }

    /// Who the caller claims to be, by an id that stays when its tokens change.
    pub fn claimed(&self) -> Option<String> {
        match self {
            Self::AccessToken(token) => Some(format!("user:{}", token.claims.user)),
            Self::ApiKey(hash) => Some(format!("api_key:{}", HEX.encode(hash))),
            Self::None | Self::Garbage | Self::Bearer(_) => None,
        }
    }

    /// The same of a caller who may be nobody: what they show, if anything.
    pub fn shown(&self) -> String {
        match self {
            Self::AccessToken(token) => token.text.to_string(),
            Self::Bearer(text) => text.clone(),
            Self::ApiKey(hash) => HEX.encode(hash),
            Self::None | Self::Garbage => String::new(),
        }
    }

    /// What to look for to know who that is.
    pub(super) fn lookup(&self) -> Result<Lookup> {
        match self {
            Self::AccessToken(token) => Ok(Lookup::Session(token.claims.session)),
            Self::ApiKey(hash) => Ok(Lookup::ApiKey(*hash)),
            Self::None | Self::Garbage | Self::Bearer(_) => Err(Error::Unauthenticated),
        }
    }
}
