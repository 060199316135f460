//! The keys that sign access tokens: made on first use, kept encrypted,
//! remembered in the instance for a bounded time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::App;
use crate::domain::access_token::{Algorithm, SigningKey};
use crate::domain::secret::Purpose;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::store::keys::{self, SealedKey};

/// How long an instance may go without a look at the table.
const MAX_AGE: Duration = Duration::from_secs(60);

/// The keys as this instance saw them last.
#[derive(Default)]
pub struct KeyRing {
    seen: Mutex<Option<Seen>>,
}

#[derive(Clone)]
struct Seen {
    keys: Arc<Vec<SigningKey>>,
    at: Timestamp,
}

impl KeyRing {
    /// The key that signs now.
    pub async fn signing(&self, app: &App) -> Result<SigningKeyRef> {
        let keys = self.current(app).await?;
        let keys = if keys.is_empty() { self.create_first(app).await? } else { keys };
        if keys.is_empty() {
            return Err(Error::internal("there is no signing key"));
        }
        Ok(SigningKeyRef(keys))
    }

    /// Whether one of the keys signed this token, which is good now.
    pub async fn verify(&self, app: &App, kid: &str, token: &str) -> Result<bool> {
        let has = |keys: &[SigningKey]| keys.iter().any(|key| key.kid() == kid);
        let mut keys = self.current(app).await?;
        if !has(&keys) {
            keys = self.load(app).await?;
        }
        let url = &app.config.public_url;
        let key = keys.iter().find(|key| key.kid() == kid);
        Ok(key.is_some_and(|key| key.verify(token, url, url, app.now())))
    }

    /// The public keys, RFC 7517.
    pub async fn jwks(&self, app: &App) -> Result<Value> {
        self.signing(app).await?;
        let keys = self.current(app).await?;
        Ok(json!({"keys": keys.iter().map(SigningKey::jwk).collect::<Vec<_>>()}))
    }

    async fn current(&self, app: &App) -> Result<Arc<Vec<SigningKey>>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match seen {
            Some(seen) if app.now().since(seen.at) < MAX_AGE => Ok(seen.keys),
            _ => self.load(app).await,
        }
    }

    async fn load(&self, app: &App) -> Result<Arc<Vec<SigningKey>>> {
        let at = app.now();
        let rows = app.store.query(keys::all()).await?;
        let open = |row| open(app, keys::from_row(row)?);
        let keys = Arc::new(rows.into_iter().map(open).collect::<Result<Vec<_>>>()?);
        let seen = Seen { keys: Arc::clone(&keys), at };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(keys)
    }

    async fn create_first(&self, app: &App) -> Result<Arc<Vec<SigningKey>>> {
        let key = SigningKey::generate(Algorithm::EdDsa);
        let (secret, bytes) = (&app.config.secret_key, key.to_bytes());
        let sealed = secret.seal(Purpose::SigningKeys, key.kid().as_bytes(), &bytes, &*app.rng);
        let sealed = SealedKey {
            kid: key.kid().to_owned(),
            algorithm: key.algorithm(),
            sealed,
            created_at: app.now(),
        };
        app.store.query(keys::insert_first(&sealed)).await?;
        self.load(app).await
    }
}

/// The key that signs, kept alive with the others.
pub struct SigningKeyRef(Arc<Vec<SigningKey>>);

impl SigningKeyRef {
    /// The key. The ring is never empty when a reference is given out.
    pub fn get(&self) -> Option<&SigningKey> {
        self.0.first()
    }
}

fn open(app: &App, key: SealedKey) -> Result<SigningKey> {
    let secret = &app.config.secret_key;
    let bytes = secret.open(Purpose::SigningKeys, key.kid.as_bytes(), &key.sealed);
    let opened = bytes.and_then(|bytes| SigningKey::from_bytes(key.algorithm, &bytes));
    opened.ok_or_else(|| {
        Error::internal(
            "a signing key cannot be decrypted: secret_key is not the one that it was stored with",
        )
    })
}
