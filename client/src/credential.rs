//! Who calls.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::error::{Error, Result};
use crate::model::SignedIn;

/// A token with less time left is refreshed before it is used.
const MARGIN: Duration = Duration::from_secs(30);

/// What is shown to the service.
#[derive(Default)]
pub enum Credential {
    /// Nothing.
    #[default]
    None,
    /// An API key, an access token or the bootstrap token, as it is.
    Bearer(String),
    /// A session, whose tokens are refreshed when they end.
    Session(Box<Session>),
}

impl Credential {
    /// An API key, an access token or the bootstrap token.
    pub fn bearer(token: impl Into<String>) -> Self {
        Self::Bearer(token.into())
    }

    /// The session whose tokens `store` keeps.
    ///
    /// # Errors
    ///
    /// [`Error::SignedOut`] if it keeps none, [`Error::Tokens`] if it fails.
    pub fn session(store: impl TokenStore + 'static) -> Result<Self> {
        let tokens = store.load().map_err(Error::Tokens)?.ok_or(Error::SignedOut)?;
        let session = Session { store: Box::new(store), tokens: Mutex::new(tokens) };
        Ok(Self::Session(Box::new(session)))
    }
}

/// The tokens of a session.
#[derive(Clone, Serialize, Deserialize)]
pub struct Tokens {
    /// Is shown to the service.
    pub access_token: String,
    /// Gets the next pair; good once.
    pub refresh_token: String,
    /// When the access token ends, in seconds since 1970, by this machine's clock.
    pub expires_at: u64,
}

impl From<&SignedIn> for Tokens {
    fn from(answer: &SignedIn) -> Self {
        Self {
            access_token: answer.access_token.clone(),
            refresh_token: answer.refresh_token.clone(),
            expires_at: now().saturating_add(answer.expires_in),
        }
    }
}

impl fmt::Debug for Tokens {
    /// Tells no token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Where the tokens of a session are kept, by one process or by several.
///
/// A refresh token is good once, so who refreshes holds the lock from the look at
/// what is kept to the end.
pub trait TokenStore: Send + Sync {
    /// Keeps every other process from refreshing until what it gives is dropped.
    ///
    /// # Errors
    ///
    /// When the lock cannot be had.
    fn lock(&self) -> io::Result<Box<dyn Send>>;

    /// The tokens of now, which another process may have refreshed.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    fn load(&self) -> io::Result<Option<Tokens>>;

    /// Keeps these from now on.
    ///
    /// # Errors
    ///
    /// When they cannot be kept.
    fn save(&self, tokens: &Tokens) -> io::Result<()>;
}

/// A session, and where its tokens are kept.
pub struct Session {
    store: Box<dyn TokenStore>,
    tokens: Mutex<Tokens>,
}

impl Session {
    /// An access token that is good for a while, and is not the one that was
    /// `refused`.
    pub(crate) async fn access_token<F>(&self, refused: Option<&str>, refresh: F) -> Result<String>
    where
        F: AsyncFnOnce(String) -> Result<SignedIn>,
    {
        let is_good =
            |tokens: &Tokens| tokens.is_fresh() && refused != Some(tokens.access_token.as_str());
        // One at a time in this process, and by the lock in all of them.
        let mut tokens = self.tokens.lock().await;
        if !is_good(&tokens) {
            let _lock = self.store.lock().map_err(Error::Tokens)?;
            let kept = self.store.load().map_err(Error::Tokens)?.ok_or(Error::SignedOut)?;
            *tokens = if is_good(&kept) {
                kept
            } else {
                let next = Tokens::from(&refresh(kept.refresh_token).await?);
                self.store.save(&next).map_err(Error::Tokens)?;
                next
            };
        }
        Ok(tokens.access_token.clone())
    }
}

impl Tokens {
    fn is_fresh(&self) -> bool {
        self.expires_at > now().saturating_add(MARGIN.as_secs())
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
