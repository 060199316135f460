//! Spin's timer, and how an instance steps aside on Spin.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spin_sdk::sqlite::wit::sqlite::Connection;
use spin_sdk::wasip3::wit_bindgen::yield_async;

use crate::app::Timer;
use crate::domain::time::{Clock, Timestamp};
use crate::store::database::BoxFuture;

/// How long it takes where it is worth nothing: a database that is far away, or a thread
/// that many others want, whom a timer gives more room.
const LONG: Duration = Duration::from_millis(10);
/// How long it is not tried again then.
const REST: Duration = Duration::from_secs(10);

/// Timers of the host. They last a millisecond at least, so for stepping aside there is a
/// shorter way: the host hands every statement of SQLite to another thread, and serves
/// others until it is back, which takes 50 us where nobody else wants the thread. To
/// yield does not give the thread back.
pub struct SpinTimer {
    clock: Arc<dyn Clock>,
    database: Option<&'static str>,
    aside: Arc<Mutex<Aside>>,
}

#[derive(Default)]
struct Aside {
    /// For nothing else: who waits for a lock on it would hold up the hash.
    connection: Option<Arc<Connection>>,
    rests_until: Option<Timestamp>,
}

impl SpinTimer {
    /// A timer. It steps aside by this database of SQLite, if any, and looks at the clock
    /// how long that takes.
    pub fn new(clock: Arc<dyn Clock>, database: Option<&'static str>) -> Self {
        Self { clock, database, aside: Arc::default() }
    }

    /// What to step aside by, unless there is no such thing here.
    fn connection(&self) -> Option<Arc<Connection>> {
        let database = self.database?;
        let mut aside = lock(&self.aside);
        let now = self.clock.now();
        if aside.rests_until.is_some_and(|until| now < until) {
            return None;
        }
        if aside.connection.is_none() {
            aside.connection = Connection::open(database).ok().map(Arc::new);
            aside.rests_until = aside.connection.is_none().then(|| now.plus(REST));
        }
        aside.connection.clone()
    }
}

impl Timer for SpinTimer {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(spin_sdk::time::sleep(duration))
    }

    fn step_aside(&self) -> Option<BoxFuture<'static, ()>> {
        let connection = self.connection()?;
        let (aside, clock) = (Arc::clone(&self.aside), Arc::clone(&self.clock));
        Some(Box::pin(async move {
            let begin = clock.now();
            let went = connection.execute("SELECT 1", &[]);
            let end = clock.now();
            if went.is_err() || end.since(begin) > LONG {
                lock(&aside).rests_until = Some(end.plus(REST));
            }
            // Other requests of this instance stood still meanwhile.
            yield_async().await;
        }))
    }
}

fn lock(aside: &Mutex<Aside>) -> MutexGuard<'_, Aside> {
    aside.lock().unwrap_or_else(PoisonError::into_inner)
}
