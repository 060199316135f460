//! Who computes and who waits, in one instance. Nobody waits for another request
//! by a lock, which would trap: who waits looks again and again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rollcall_argon2id::Memory;

use crate::app::Timer;
use crate::domain::time::{Clock, Timestamp};
use crate::error::{Error, Result};
use crate::line::{Line, Place};

/// How many hashes an instance computes at a time. It has one thread, and hashes that
/// take turns on it drive each other's memory out of the caches: two at a time bring
/// no more hashes and twice the wait for everybody else (docs/performance.md).
const AT_A_TIME: u32 = 1;
/// How long a waiting hash sleeps before it looks whether it may begin, at most; and at
/// least, as a part of what it waits for: looks cost those who compute.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(100);
const LOOKS: u32 = 16;
/// What a hash is taken to last before one was seen.
const FIRST_GUESS: Duration = Duration::from_millis(20);

/// Where hashes wait for their turn.
pub(super) struct Desk {
    /// Those that compute, and behind them those that wait.
    line: Line,
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    /// Nobody waits longer than that, or goes on waiting where it would take longer.
    patience: Duration,
}

struct State {
    free: Vec<Memory>,
    /// How long hashes last at present, by the last ones: longer where other
    /// instances want the same cores.
    lasting: Duration,
    /// When the last one began.
    began: Timestamp,
}

impl Desk {
    pub(super) fn new(clock: Arc<dyn Clock>, timer: Arc<dyn Timer>, patience: Duration) -> Self {
        let began = Timestamp::from_micros(0);
        let state = State { free: Vec::new(), lasting: FIRST_GUESS, began };
        Self { line: Line::default(), state: Mutex::new(state), clock, timer, patience }
    }

    /// A memory to compute in, as soon as it is this request's turn. Whoever would
    /// wait too long is sent away as soon as that shows, most at once: more than the
    /// cores can hash is not worth queueing.
    pub(super) async fn lend(&self) -> Result<Lent<'_>> {
        let place = self.line.join();
        let begin = self.clock.now();
        while let Some(rounds) = rounds(place.before()) {
            let now = self.clock.now();
            let lasting = self.state().lasting;
            let expected = lasting.saturating_mul(rounds);
            if now.since(begin).saturating_add(expected) > self.patience {
                return Err(Error::unavailable("more hashes than the cores can compute"));
            }
            let passed = now.since(self.state().began);
            let rest = expected.saturating_sub(passed);
            // Who is next looks when the one before should have ended, others before that:
            // of those before them some may leave.
            let rest = rest.checked_div(rounds).unwrap_or_default();
            // One that takes longer than it should may be of another kind, and take far longer.
            let least = expected.max(passed.saturating_sub(expected));
            let rest = rest.max(least.checked_div(LOOKS).unwrap_or_default());
            self.timer.sleep(rest.min(LOOK_AT_LEAST_EVERY)).await;
        }
        let begin = self.clock.now();
        let mut state = self.state();
        state.began = begin;
        Ok(Lent { desk: self, memory: state.free.pop(), begin, _place: place })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how many hashes to end whoever has so many before it waits; `None` where it is
/// its turn.
fn rounds(before: u32) -> Option<u32> {
    before.checked_div(AT_A_TIME).filter(|rounds| *rounds > 0)
}

/// A memory that goes back when it is dropped: after the hash, after an error, and
/// when the request is given up.
pub(super) struct Lent<'a> {
    desk: &'a Desk,
    memory: Option<Memory>,
    begin: Timestamp,
    _place: Place<'a>,
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

    /// Keeps for how long it was asked.
    #[derive(Default)]
    struct Recorder(Mutex<Vec<Duration>>);

    impl Timer for Recorder {
        fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
            self.0.lock().unwrap().push(duration);
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
            (Duration::from_millis(40), [1, 19, 0]),
            (Duration::from_secs(1), [1, 4, 15]),
            (Duration::from_secs(3), [1, 1, 18]),
            (Duration::from_secs(5), [1, 0, 19]),
        ] {
            let (_, desk) = desk(lasting);
            assert_eq!(outcomes(&desk), expected, "{lasting:?}");
            // Requests that were given up leave their places to others.
            desk.state().lasting = lasting;
            assert_eq!(outcomes(&desk), expected, "{lasting:?}, again");
        }
    }

    #[test]
    fn who_waits_looks_when_its_turn_may_come() {
        let (clock, recorder) = (Arc::new(Still::default()), Arc::new(Recorder::default()));
        let desk = Desk::new(clock.clone(), recorder.clone(), Duration::from_secs(4));
        desk.state().lasting = Duration::from_millis(32);
        let _first = desk.lend().now_or_never().unwrap();
        clock.0.store(10_000, Ordering::Relaxed);
        let (mut second, mut third) = (Box::pin(desk.lend()), Box::pin(desk.lend()));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_none());
        drop((second, third));
        // The first takes longer than it should, and longer still.
        for now in [40_000, 352_000, 3_000_000] {
            clock.0.store(now, Ordering::Relaxed);
            assert!(desk.lend().now_or_never().is_none());
        }
        let slept = recorder.0.lock().unwrap().clone();
        assert_eq!(slept, [22, 27, 2, 20, 100].map(Duration::from_millis));
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
