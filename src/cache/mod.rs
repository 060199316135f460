//! Remembers what was read, for a bounded time: in a key-value store that all
//! instances share, in the instance itself, or in both.
//!
//! An entry is sealed under its name, so that a store can make none up, and says
//! itself when it ends. It hangs on the epochs of what it was made of: a commit
//! begins new ones, and whatever was read before no longer fits. A store that
//! forgets or repeats an epoch can show an entry until it ends, and no longer. A
//! store that fails is a miss, and is left alone for a moment.

mod entry;
#[cfg(target_family = "wasm")]
pub mod spin;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::encoding::HEX;
use futures_util::future::{Either, join_all, select};

use crate::app::Timer;
use crate::config::CacheConfig;
use crate::domain::secret::SecretKey;
use crate::domain::time::{Clock, Rng, Timestamp, random};
use crate::store::database::{BoxFuture, Row, Touch};
use entry::Entry;

/// How long a look waits for the store. The database answers sooner than a store
/// that takes longer.
const LOOK_PATIENCE: Duration = Duration::from_millis(50);
/// How long a change waits for it. A look at another instance may see what was
/// there before if this is not enough, until the entry ends.
const FORGET_PATIENCE: Duration = Duration::from_millis(500);
/// How long a store that failed is left alone.
const REST: Duration = Duration::from_secs(1);
/// How many times as long as it held up a store is left alone that did. Spin's own waits
/// for a lock of its file by standing still, for up to five seconds, in which nothing
/// else of the instance goes on and no patience ends.
const REST_OF_HELD_UP: u32 = 10;
/// How long the instance remembers by itself.
pub const INSTANCE_MAX_AGE: Duration = Duration::from_secs(1);
/// How much it remembers.
const INSTANCE_ENTRIES: usize = 1_000;

/// Why a store did not do what it was asked; for nobody to act on.
#[derive(Debug)]
pub struct Failed;

/// A key-value store: values by keys, without a promise.
pub trait KeyValue: Send + Sync {
    /// The value of a key, if there is one.
    fn get(&self, key: String) -> BoxFuture<'_, Result<Option<Vec<u8>>, Failed>>;

    /// Writes a value.
    fn set(&self, key: String, value: Vec<u8>) -> BoxFuture<'_, Result<(), Failed>>;
}

/// What is remembered of an instance and of a store.
pub struct Cache {
    config: CacheConfig,
    secret: SecretKey,
    store: Arc<dyn KeyValue>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    timer: Arc<dyn Timer>,
    near: Mutex<HashMap<String, (Row, Fresh)>>,
    changes: AtomicU64,
    resting_until: Mutex<Option<Timestamp>>,
    held_up_until: Mutex<Option<Timestamp>>,
}

/// What a look saw besides a row: what a row that is read after it hangs on.
pub struct Seen {
    epochs: Option<Vec<String>>,
    changes: u64,
    at: Timestamp,
    ends_at: Timestamp,
}

impl Seen {
    /// How long the instance may give again what it made of the row.
    pub fn fresh(&self) -> Fresh {
        let until = self.ends_at.min(self.at.plus(INSTANCE_MAX_AGE));
        Fresh { from: self.at, until, changes: self.changes }
    }
}

/// How long the instance may give again what it made of rows.
#[derive(Debug, Clone, Copy)]
pub struct Fresh {
    /// When the last of the rows was asked for: a clock may be set back.
    from: Timestamp,
    until: Timestamp,
    /// How many changes the instance had made when the first of the rows was read.
    changes: u64,
}

impl Fresh {
    /// How long what was made of these rows and of others, if of those at all.
    pub fn and(self, others: Option<Self>) -> Option<Self> {
        let others = others?;
        let (from, until) = (self.from.max(others.from), self.until.min(others.until));
        Some(Self { from, until, changes: self.changes.min(others.changes) })
    }
}

/// A change of what may be remembered is being made.
pub struct Changing<'a>(&'a Cache);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.changes.fetch_add(1, Ordering::Relaxed);
        self.0.near().clear();
    }
}

impl Cache {
    /// A cache over a store, which is asked only if the settings say so.
    pub fn new(
        config: CacheConfig,
        secret: SecretKey,
        store: Arc<dyn KeyValue>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        timer: Arc<dyn Timer>,
    ) -> Self {
        Self {
            config,
            secret,
            store,
            clock,
            rng,
            timer,
            near: Mutex::default(),
            changes: AtomicU64::new(0),
            resting_until: Mutex::default(),
            held_up_until: Mutex::default(),
        }
    }

    /// Whether anything is remembered at all.
    pub fn is_on(&self) -> bool {
        self.config.shared || self.config.instance
    }

    /// Whether the instance remembers by itself.
    pub fn is_near(&self) -> bool {
        self.config.instance
    }

    /// Whether the instance may give it again now.
    pub fn is_fresh(&self, fresh: Fresh, now: Timestamp) -> bool {
        let is_young = fresh.from <= now && now < fresh.until;
        is_young && fresh.changes == self.changes.load(Ordering::Relaxed)
    }

    /// The row that is remembered by this name and still fits, if any.
    pub async fn look(&self, name: &str, touches: &[Touch]) -> (Option<Row>, Seen) {
        let at = self.clock.now();
        let changes = self.changes.load(Ordering::Relaxed);
        let ends_at = at.plus(self.config.max_age);
        let mut seen = Seen { epochs: None, changes, at, ends_at };
        if self.config.instance
            && let Some((row, fresh)) = self.look_near(name, at)
        {
            (seen.at, seen.ends_at) = (fresh.from, fresh.until);
            return (Some(row), seen);
        }
        let Some((value, epochs)) = self.look_far(name, touches).await else {
            return (None, seen);
        };
        let entry = value.and_then(|value| Entry::open(&self.secret, name, &value));
        let entry = entry.filter(|entry| entry.fits(&epochs, at));
        seen.epochs = Some(epochs);
        let Some(entry) = entry else { return (None, seen) };
        seen.ends_at = entry.ends_at;
        self.keep_near(name, &entry.row, &seen);
        (Some(entry.row), seen)
    }

    /// Remembers a row that was read after [`Cache::look`].
    pub async fn keep(&self, name: &str, row: &Row, seen: Seen) {
        self.keep_near(name, row, &seen);
        if let Some(epochs) = seen.epochs {
            let entry = Entry { ends_at: seen.ends_at, epochs, row: row.clone() };
            let value = entry.seal(&self.secret, name, &*self.rng);
            let set = self.asked(self.store.set(name.to_owned(), value));
            self.in_time(FORGET_PATIENCE, Box::pin(set)).await;
        }
    }

    /// What lives as long as a change of these is being made. The instance forgets when
    /// it goes, also because the request is given up: the change may have been made.
    pub fn changing(&self, touches: &[Touch]) -> Option<Changing<'_>> {
        (self.is_on() && !touches.is_empty()).then(|| Changing(self))
    }

    /// Makes the store that is shared forget what was made of these.
    pub async fn forget(&self, touches: &[Touch]) {
        if !self.config.shared {
            return;
        }
        let sets = touches.iter().map(|touch| {
            let epoch = HEX.encode(&random::<16>(&*self.rng));
            self.asked(self.store.set(epoch_name(*touch), epoch.into_bytes()))
        });
        let all = async { join_all(sets).await.into_iter().collect::<Result<Vec<()>, _>>() };
        self.in_time(FORGET_PATIENCE, Box::pin(all)).await;
    }

    fn look_near(&self, name: &str, now: Timestamp) -> Option<(Row, Fresh)> {
        self.near().get(name).filter(|(_, fresh)| self.is_fresh(*fresh, now)).cloned()
    }

    /// Unless something has changed since the look.
    fn keep_near(&self, name: &str, row: &Row, seen: &Seen) {
        if !self.config.instance || self.changes.load(Ordering::Relaxed) != seen.changes {
            return;
        }
        let mut near = self.near();
        if near.len() >= INSTANCE_ENTRIES {
            near.clear();
        }
        near.insert(name.to_owned(), (row.clone(), seen.fresh()));
    }

    /// The value of an entry and the epochs that are now, from the store.
    async fn look_far(
        &self,
        name: &str,
        touches: &[Touch],
    ) -> Option<(Option<Vec<u8>>, Vec<String>)> {
        if !self.config.shared || self.is_resting() {
            return None;
        }
        let names = touches.iter().map(|touch| epoch_name(*touch));
        let gets = std::iter::once(name.to_owned()).chain(names);
        let gets = gets.map(|name| self.asked(self.store.get(name)));
        let all = async { join_all(gets).await.into_iter().collect::<Result<Vec<_>, _>>() };
        let mut values = self.in_time(LOOK_PATIENCE, Box::pin(all)).await?.into_iter();
        let value = values.next().flatten();
        let text = |epoch: Option<Vec<u8>>| {
            String::from_utf8_lossy(&epoch.unwrap_or_default()).into_owned()
        };
        Some((value, values.map(text).collect()))
    }

    /// A call of the store, unless it has held up the instance lately.
    async fn asked<T>(&self, call: BoxFuture<'_, Result<T, Failed>>) -> Result<T, Failed> {
        let begin = self.clock.now();
        if self.held_up().is_some_and(|until| begin < until) {
            return Err(Failed);
        }
        let answer = call.await;
        let end = self.clock.now();
        let lasted = end.since(begin);
        if lasted > FORGET_PATIENCE {
            *self.held_up() = Some(end.plus(lasted.saturating_mul(REST_OF_HELD_UP)));
        }
        answer
    }

    /// Waits for the store so long and no longer; a failure is nobody's business.
    async fn in_time<T>(
        &self,
        patience: Duration,
        work: BoxFuture<'_, Result<T, Failed>>,
    ) -> Option<T> {
        match select(work, self.timer.sleep(patience)).await {
            Either::Left((Ok(value), _)) => Some(value),
            Either::Left((Err(Failed), _)) | Either::Right(_) => {
                *self.resting() = Some(self.clock.now().plus(REST));
                None
            }
        }
    }

    fn is_resting(&self) -> bool {
        self.resting().is_some_and(|until| self.clock.now() < until)
    }

    fn resting(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.resting_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held_up(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.held_up_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn near(&self) -> MutexGuard<'_, HashMap<String, (Row, Fresh)>> {
        self.near.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the epoch of something is kept.
fn epoch_name(touch: Touch) -> String {
    match touch {
        Touch::User(id) => format!("epoch.user.{id}"),
        Touch::Roles => "epoch.roles".to_owned(),
    }
}
