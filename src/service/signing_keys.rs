//! The keys that sign access tokens: made on first use, kept encrypted, rotated
//! by age and by command, remembered in the instance for a bounded time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Context, access};
use crate::app::App;
use crate::domain::access_token::{Claims, SigningKey};
use crate::domain::event::{Actor, EventKind, Subject};
use crate::domain::role::Permission;
use crate::domain::secret::Purpose;
use crate::domain::signing_key::{self, INSTANCE_MAX_AGE, KeyRecord, KeyState, LEAD};
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::store::database::DatabaseError;
use crate::store::events;
use crate::store::keys::{self, SealedKey};

/// What is wrong where the database is that of another secret.
pub const OTHER_SECRET: &str = "secret_key is not the one that the database was written with";

/// How far the clocks of instances may differ: so much later does a key go.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// The keys as this instance saw them last.
#[derive(Default)]
pub struct KeyRing {
    seen: Mutex<Option<Seen>>,
}

#[derive(Clone)]
struct Seen {
    keys: Arc<Keys>,
    at: Timestamp,
}

/// The keys of one look at the table, each beside what is known of it.
#[derive(Default)]
struct Keys {
    records: Vec<KeyRecord>,
    pairs: Vec<SigningKey>,
}

impl Keys {
    fn pair(&self, kid: &str) -> Option<&SigningKey> {
        self.pairs.iter().find(|pair| pair.kid() == kid)
    }

    fn published(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        let published = self.records.iter().filter(move |record| record.is_published(now));
        published.filter_map(|record| self.pair(&record.kid))
    }
}

impl KeyRing {
    /// Signs claims with the key that signs now, and makes the next one when it is
    /// due. The claims are those of a request that is answered either way: making
    /// the next key is tried again with the next request if it fails.
    pub async fn sign(&self, app: &App, cx: &Context, claims: &Claims) -> Result<String> {
        let keys = self.require_one(app, cx).await?;
        let now = app.now();
        let Some(record) = signing_key::signing(&keys.records, now) else {
            return Err(Error::internal("there is no signing key"));
        };
        let (algorithm, max_age) = (app.config.signing_algorithm, app.config.signing_key_max_age);
        let is_made = signing_key::next(&keys.records, now).is_some();
        if !is_made && record.is_due(algorithm, max_age, now) {
            let _ = self.make(app, cx, Actor::Service, Turn::Next).await;
            let _ = self.load(app).await;
        }
        let token = keys.pair(&record.kid).and_then(|pair| pair.sign(claims));
        token.ok_or_else(|| Error::internal("the access token could not be signed"))
    }

    /// Whether one of the keys signed this token, which is good now.
    pub async fn verify(&self, app: &App, kid: &str, token: &str) -> Result<bool> {
        let mut keys = self.current(app).await?;
        if keys.pair(kid).is_none() {
            keys = self.load(app).await?;
        }
        let (url, now) = (&app.config.public_url, app.now());
        let key = keys.published(now).find(|key| key.kid() == kid);
        Ok(key.is_some_and(|key| key.verify(token, url, url, now)))
    }

    /// Fails if the keys that there are cannot be read.
    pub async fn check(&self, app: &App) -> Result<()> {
        self.current(app).await.map(drop)
    }

    /// The public keys, RFC 7517.
    pub async fn jwks(&self, app: &App, cx: &Context) -> Result<Value> {
        let keys = self.require_one(app, cx).await?;
        let jwks: Vec<_> = keys.published(app.now()).map(SigningKey::jwk).collect();
        Ok(json!({"keys": jwks}))
    }

    async fn require_one(&self, app: &App, cx: &Context) -> Result<Arc<Keys>> {
        let keys = self.current(app).await?;
        if signing_key::signing(&keys.records, app.now()).is_some() {
            return Ok(keys);
        }
        self.make(app, cx, Actor::Service, Turn::First).await?;
        self.load(app).await
    }

    async fn current(&self, app: &App) -> Result<Arc<Keys>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match seen {
            Some(seen) if app.now().since(seen.at) < INSTANCE_MAX_AGE => Ok(seen.keys),
            _ => self.load(app).await,
        }
    }

    async fn load(&self, app: &App) -> Result<Arc<Keys>> {
        let at = app.now();
        let mut keys = Keys::default();
        for row in app.store.query(keys::all()).await? {
            let key = keys::from_row(row)?;
            keys.pairs.push(open(app, &key)?);
            keys.records.push(key.record);
        }
        let keys = Arc::new(keys);
        let seen = Seen { keys: Arc::clone(&keys), at };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(keys)
    }

    /// Makes a key and says whether it did, or another instance was faster.
    async fn make(&self, app: &App, cx: &Context, actor: Actor, turn: Turn) -> Result<bool> {
        let now = app.now();
        let (activates_at, after) = match turn {
            // Nobody can have a copy of the JWKS yet.
            Turn::First => (now, Timestamp::from_micros(i64::MIN)),
            Turn::Next => (now.plus(LEAD), now),
        };
        let key = SigningKey::generate(app.config.signing_algorithm);
        let kid = key.kid().to_owned();
        let record = KeyRecord {
            kid: kid.clone(),
            algorithm: key.algorithm(),
            created_at: now,
            activates_at,
            retires_at: None,
        };
        let retires_at = activates_at.plus(app.config.access_token_ttl).plus(CLOCK_SKEW);
        let subject = Some(Subject::SigningKey(kid.clone()));
        let event = cx.event(app, now, actor, EventKind::SigningKeyCreated, subject);
        let listed = (record.clone(), KeyState::Next);
        let statements = [
            keys::lock(),
            keys::insert(&seal(app, &key, record), after),
            keys::retire_others(&kid, retires_at),
            keys::delete_retired(now),
            events::append(&event),
        ];
        // A key that nobody asked for is made beside what the request is about.
        let committed = match actor {
            Actor::Service => app.store.commit(statements).await,
            _ => cx.commit(app, statements, &listed).await,
        };
        match committed {
            Ok(()) => Ok(true),
            Err(DatabaseError::Guard { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Which key is made.
#[derive(Clone, Copy)]
enum Turn {
    /// The one that signs at once, because there is none.
    First,
    /// The one that signs next.
    Next,
}

/// A signing key and what it does.
pub type ListedKey = (KeyRecord, KeyState);

/// The keys that are published, the newest first.
pub async fn list(app: &App, cx: &Context) -> Result<Vec<ListedKey>> {
    let order = " ORDER BY target.activates_at DESC";
    let (caller, rows) = access::caller_with(app, cx, keys::records(), order).await?;
    caller.require(&Permission::KEYS_READ)?;
    let records = rows.into_iter().map(keys::record_from_row).collect::<Result<Vec<_>, _>>()?;
    let now = app.now();
    let states = records.iter().map(|record| record.state(&records, now)).collect::<Vec<_>>();
    let listed = records.into_iter().zip(states);
    Ok(listed.filter(|(_, state)| *state != KeyState::Retired).collect())
}

/// Makes the key that signs next, unless there is one already, and returns it.
pub async fn rotate(app: &App, cx: &Context) -> Result<ListedKey> {
    let caller = access::caller(app, cx).await?;
    caller.require(&Permission::KEYS_WRITE)?;
    app.keys.require_one(app, cx).await?;
    let is_made = app.keys.make(app, cx, caller.actor(), Turn::Next).await?;
    let keys = app.keys.load(app).await?;
    let next = signing_key::next(&keys.records, app.now()).cloned();
    let next = next.ok_or_else(|| Error::internal("there is no next signing key"))?;
    let listed = (next, KeyState::Next);
    if !is_made {
        cx.commit(app, [], &listed).await?;
    }
    Ok(listed)
}

fn seal(app: &App, key: &SigningKey, record: KeyRecord) -> SealedKey {
    let (secret, bytes) = (&app.config.secret_key, key.to_bytes());
    let sealed = secret.seal(Purpose::SigningKeys, key.kid().as_bytes(), &bytes, &*app.rng);
    SealedKey { record, sealed }
}

fn open(app: &App, key: &SealedKey) -> Result<SigningKey> {
    let (secret, record) = (&app.config.secret_key, &key.record);
    let bytes = secret.open(Purpose::SigningKeys, record.kid.as_bytes(), &key.sealed);
    let opened = bytes.and_then(|bytes| SigningKey::from_bytes(record.algorithm, &bytes));
    opened.ok_or_else(|| Error::unavailable(OTHER_SECRET))
}
