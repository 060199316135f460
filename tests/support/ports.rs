//! What else of the outside world an app has: time, randomness, timers and the
//! log, all in the hands of the test.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use rollcall::app::{Log, Timer};
use rollcall::domain::time::{Clock, Rng, Timestamp};
use rollcall::store::database::BoxFuture;
use serde_json::Value;

/// A clock that stands still until it is moved.
pub(crate) struct FixedClock(AtomicI64);

impl FixedClock {
    /// It shows 2026-01-01T00:00:00Z.
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(1_767_225_600_000_000))
    }

    /// Moves it on.
    pub(crate) fn advance(&self, by: Duration) {
        self.0.store(self.now().plus(by).micros(), Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Randomness that is the same in every run: SplitMix64.
pub(crate) struct SeededRng(AtomicU64);

impl SeededRng {
    /// The same seed gives the same bytes.
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Rng for SeededRng {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut word = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let random = (word ^ (word >> 31)).to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }
}

/// A timer that never runs out, or always at once.
pub(crate) struct ManualTimer(AtomicBool);

impl ManualTimer {
    /// It never runs out.
    pub(crate) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// From now on, whoever sleeps has slept long enough.
    pub(crate) fn run_out(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Timer for ManualTimer {
    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        if self.0.load(Ordering::SeqCst) {
            Box::pin(std::future::ready(()))
        } else {
            Box::pin(std::future::pending())
        }
    }
}

/// A log that is kept.
#[derive(Default)]
pub(crate) struct CapturedLog(Mutex<Vec<String>>);

impl CapturedLog {
    /// The lines since the last call, read as JSON.
    pub(crate) fn take(&self) -> Vec<Value> {
        let lines = std::mem::take(&mut *self.0.lock().unwrap());
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Log for CapturedLog {
    fn line(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}
