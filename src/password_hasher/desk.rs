//! Who computes and who waits, in one instance. Nobody waits for another request
//! by a lock, which would trap: who waits looks again and again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rollcall_argon2id::Memory;

use crate::app::Timer;
use crate::domain::time::{Clock, Timestamp};
use crate::error::{Error, Result};

/// How many hashes an instance computes at a time: each takes its own memory.
const AT_A_TIME: u32 = 2;
/// How many may wait for one of those. Spin gives an instance at most sixteen
/// requests at a time, so nobody else is there.
const PLACES: u32 = 14;
/// How often a waiting hash looks whether it may begin.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// What a hash is taken to last before one was seen.
const FIRST_GUESS: Duration = Duration::from_millis(50);

/// Where hashes wait for their turn.
pub(super) struct Desk {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    /// Nobody waits longer than that, or begins to wait where it would take longer.
    patience: Duration,
}

struct State {
    free: Vec<Memory>,
    waiting: u32,
    /// How long hashes last at present, by the last ones: longer where other
    /// instances want the same cores.
    lasting: Duration,
}

impl Desk {
    pub(super) fn new(clock: Arc<dyn Clock>, timer: Arc<dyn Timer>, patience: Duration) -> Self {
        let free = (0..AT_A_TIME).map(|_| Memory::new()).collect();
        let state = Mutex::new(State { free, waiting: 0, lasting: FIRST_GUESS });
        Self { state, clock, timer, patience }
    }

    /// A memory to compute in, as soon as there is one. Whoever would wait too long
    /// is sent away at once: more than the cores can hash is not worth queueing.
    pub(super) async fn lend(&self) -> Result<Lent<'_>> {
        let Some(_place) = self.take_place()? else { return Ok(self.lent()) };
        let begin = self.clock.now();
        while self.clock.now().since(begin) < self.patience {
            self.timer.sleep(LOOK_EVERY).await;
            if !self.state().free.is_empty() {
                return Ok(self.lent());
            }
        }
        Err(Error::unavailable("no hash came to its turn"))
    }

    /// A place in the queue; `None` where there is no need to wait.
    fn take_place(&self) -> Result<Option<Place<'_>>> {
        let mut state = self.state();
        if !state.free.is_empty() {
            return Ok(None);
        }
        let rounds = state.waiting.checked_div(AT_A_TIME).unwrap_or(0).saturating_add(1);
        if state.waiting >= PLACES || state.lasting.saturating_mul(rounds) > self.patience {
            return Err(Error::unavailable("more hashes than the cores can compute"));
        }
        state.waiting = state.waiting.saturating_add(1);
        Ok(Some(Place(self)))
    }

    fn lent(&self) -> Lent<'_> {
        Lent { desk: self, memory: self.state().free.pop(), begin: self.clock.now() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A memory that goes back when it is dropped: after the hash, after an error, and
/// when the request is given up.
pub(super) struct Lent<'a> {
    desk: &'a Desk,
    memory: Option<Memory>,
    begin: Timestamp,
}

impl Lent<'_> {
    pub(super) fn memory(&mut self) -> &mut Memory {
        self.memory.get_or_insert_with(Memory::new)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let lasted = self.desk.clock.now().since(self.begin);
        let mut state = self.desk.state();
        state.free.extend(self.memory.take());
        let sum = state.lasting.saturating_mul(3).saturating_add(lasted);
        state.lasting = sum.checked_div(4).unwrap_or_default();
    }
}

/// A place in the queue, which is left when it is dropped.
struct Place<'a>(&'a Desk);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.waiting = state.waiting.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use futures_util::FutureExt;

    use super::*;
    use crate::store::database::BoxFuture;

    /// Time that passes only when somebody says so, for everybody at once.
    #[derive(Default)]
    struct Still(AtomicI64);

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Ordering::Relaxed))
        }
    }

    struct Never;

    impl Timer for Never {
        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    /// A desk where hashes have lasted so long lately.
    fn desk(lasting: Duration) -> (Arc<Still>, Desk) {
        let clock = Arc::new(Still::default());
        let desk = Desk::new(clock.clone(), Arc::new(Never), Duration::from_secs(4));
        desk.state().lasting = lasting;
        (clock, desk)
    }

    /// How many of 20 who come at once may compute, wait, or are sent away.
    fn outcomes(desk: &Desk) -> [usize; 3] {
        let mut coming: Vec<_> = (0..20).map(|_| Box::pin(desk.lend())).collect();
        let outcomes: Vec<_> = coming.iter_mut().map(|lend| lend.now_or_never()).collect();
        let [mut may, mut waits, mut sent_away] = [0; 3];
        for outcome in &outcomes {
            *match outcome {
                Some(Ok(_)) => &mut may,
                None => &mut waits,
                Some(Err(_)) => &mut sent_away,
            } += 1;
        }
        [may, waits, sent_away]
    }

    #[test]
    fn who_would_wait_too_long_is_sent_away_at_once() {
        for (lasting, expected) in [
            (Duration::from_millis(40), [2, 14, 4]),
            (Duration::from_secs(1), [2, 8, 10]),
            (Duration::from_secs(3), [2, 2, 16]),
            (Duration::from_secs(5), [2, 0, 18]),
        ] {
            let (_, desk) = desk(lasting);
            assert_eq!(outcomes(&desk), expected, "{lasting:?}");
            // Requests that were given up leave their places to others.
            desk.state().lasting = lasting;
            assert_eq!(outcomes(&desk), expected, "{lasting:?}, again");
        }
    }

    #[test]
    fn what_hashes_last_is_learned_from_the_last_ones() {
        let (clock, desk) = desk(Duration::from_millis(40));
        for lasted in [2_000_000, 2_000_000, 40_000, 40_000, 40_000, 40_000, 40_000] {
            let lent = desk.lend().now_or_never();
            clock.0.fetch_add(lasted, Ordering::Relaxed);
            drop(lent);
        }
        let lasting = desk.state().lasting;
        assert!((Duration::from_millis(200)..Duration::from_millis(300)).contains(&lasting));
    }
}
