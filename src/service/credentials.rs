//! What a caller shows, read before anything is asked.

use crate::domain::encoding::HEX;
use crate::domain::presented_token::{self, Presented};
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
    AccessToken(Box<AccessToken>),
    /// What could be an API key, by its hash.
    ApiKey([u8; 32]),
}

/// An access token of the right form that has not expired, by its own word.
#[derive(Clone)]
pub struct AccessToken {
    pub(super) text: String,
    pub(super) claims: Presented,
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessToken").field("claims", &self.claims).finish_non_exhaustive()
    }
}

impl AccessToken {
    /// When it ends, by its own word, in whole seconds.
    pub fn expires_at(&self) -> Timestamp {
        self.claims.expires_at
    }
}

impl Credentials {
    /// Reads what stands behind `Bearer`.
    pub fn read(bearer: &str, now: Timestamp) -> Self {
        if let Some(claims) = presented_token::read(bearer, now) {
            let text = bearer.to_owned();
            return Self::AccessToken(Box::new(AccessToken { text, claims }));
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
            Self::AccessToken(token) => token.text.clone(),
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
