//! All that a request may use.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::cache::{Cache, KeyValue};
use crate::config::Config;
use crate::domain::id::EventId;
use crate::domain::time::{Clock, Rng, Timestamp};
use crate::http_client::HttpClient;
use crate::log::Log;
use crate::mailer::{self, Mailer};
use crate::password_hasher::PasswordHasher;
use crate::service::credentials::ReadTokens;
use crate::service::health::Writes;
use crate::service::idempotency::Running;
use crate::service::signing_keys::KeyRing;
use crate::store::Store;
use crate::store::database::{BoxFuture, Database};

/// Waits. The host's timer in the component; another one in tests.
pub trait Timer: Send + Sync {
    /// Returns after this time.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Gives the thread to whoever waits for it, and returns as soon as it is free again.
    /// `None` where there is no shorter way to do that than a timer.
    fn step_aside(&self) -> Option<BoxFuture<'static, ()>> {
        None
    }
}

/// The shortest sleep: what hosts make of it is a millisecond or more.
pub const SHORTEST_SLEEP: Duration = Duration::from_micros(50);

/// Does what nobody waits for, after the response. It may be lost: what must be
/// done stands in the database first.
pub trait Background: Send + Sync {
    /// Begins the work.
    fn spawn(&self, work: BoxFuture<'static, ()>);
}

/// The ports and the settings, made once for each instance.
pub struct App {
    /// The settings.
    pub config: Arc<Config>,
    /// The database.
    pub store: Store,
    /// What is remembered of it.
    pub cache: Arc<Cache>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Timers.
    pub timer: Arc<dyn Timer>,
    /// Hashes passwords.
    pub passwords: Arc<dyn PasswordHasher>,
    /// The log.
    pub log: Arc<dyn Log>,
    /// Carries mails.
    pub mailer: Arc<dyn Mailer>,
    /// What is done after the response.
    pub background: Arc<dyn Background>,
    /// The access tokens that were read.
    pub tokens: Arc<ReadTokens>,
    /// The keys that sign access tokens.
    pub keys: Arc<KeyRing>,
    /// Whether changes could be made a moment ago.
    pub writes: Writes,
    /// The repeatable requests that are being done.
    pub running: Running,
    last_event: Arc<Mutex<Option<EventId>>>,
}

/// What the outside world is to an [`App`].
pub struct Ports {
    /// The database.
    pub database: Arc<dyn Database>,
    /// Where a cache may be kept.
    pub key_value: Arc<dyn KeyValue>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Timers.
    pub timer: Arc<dyn Timer>,
    /// Hashes passwords.
    pub passwords: Arc<dyn PasswordHasher>,
    /// The log.
    pub log: Arc<dyn Log>,
    /// Other servers.
    pub http: Arc<dyn HttpClient>,
    /// What is done after the response.
    pub background: Arc<dyn Background>,
}

impl App {
    /// Puts the ports and the settings together.
    pub fn new(config: Config, ports: Ports) -> Self {
        let cache = Arc::new(Cache::new(
            config.cache,
            config.secret_key.clone(),
            ports.key_value,
            Arc::clone(&ports.clock),
            Arc::clone(&ports.rng),
            Arc::clone(&ports.timer),
        ));
        let now = ports.clock.now();
        let store = Store::new(ports.database, Arc::clone(&cache), config.auto_migrate, now);
        let (config, tokens, keys) = (Arc::new(config), Arc::default(), Arc::default());
        let mailer = mailer::of(&config.mail.transport, ports.http);
        let Ports { clock, rng, timer, passwords, log, background, .. } = ports;
        let last_event = Arc::default();
        Self {
            config,
            store,
            cache,
            clock,
            rng,
            timer,
            passwords,
            log,
            mailer,
            background,
            tokens,
            keys,
            writes: Writes::default(),
            running: Running::default(),
            last_event,
        }
    }

    /// The same over another store.
    pub fn over(&self, store: Store) -> Self {
        Self {
            config: Arc::clone(&self.config),
            store,
            cache: Arc::clone(&self.cache),
            clock: Arc::clone(&self.clock),
            rng: Arc::clone(&self.rng),
            timer: Arc::clone(&self.timer),
            passwords: Arc::clone(&self.passwords),
            log: Arc::clone(&self.log),
            mailer: Arc::clone(&self.mailer),
            background: Arc::clone(&self.background),
            tokens: Arc::clone(&self.tokens),
            keys: Arc::clone(&self.keys),
            writes: Writes::default(),
            running: self.running.clone(),
            last_event: Arc::clone(&self.last_event),
        }
    }

    /// The id of an event of this moment, later in order than those before it.
    pub fn new_event_id(&self, now: Timestamp) -> EventId {
        let fresh = EventId::new(now, &*self.rng);
        let mut last = self.last_event.lock().unwrap_or_else(PoisonError::into_inner);
        let id = last.map_or(fresh, |last| fresh.after(last));
        *last = Some(id);
        id
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The clock of the machine.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let micros = since.map(|since| since.as_micros()).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// The random source of the machine.
pub struct SystemRng;

impl Rng for SystemRng {
    #[expect(clippy::expect_used, reason = "without randomness nothing here is safe to go on with")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the host's random source answers");
    }
}
