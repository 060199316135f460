//! What else of the outside world an app has: time, randomness, timers, the log,
//! other servers and what is done after a response, all in the hands of the test.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use rollcall::app::{Background, Timer};
use rollcall::domain::time::{Clock, Rng, Timestamp};
use rollcall::http_client::{HttpClient, Unreachable};
use rollcall::log::Log;
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

/// A timer that never runs out, or always at once, or when the test says so.
#[derive(Default)]
pub(crate) struct ManualTimer {
    /// So long a sleep is over at once, in microseconds.
    over: AtomicU64,
    ticks: Arc<AtomicU64>,
}

impl ManualTimer {
    /// It never runs out.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// From now on, whoever sleeps has slept long enough.
    pub(crate) fn run_out(&self) {
        self.run_out_up_to(Duration::MAX);
    }

    /// From now on, whoever sleeps so long or less has slept long enough.
    pub(crate) fn run_out_up_to(&self, limit: Duration) {
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        self.over.store(micros, Ordering::SeqCst);
    }

    /// Waits for something while time passes for whoever sleeps meanwhile.
    pub(crate) async fn running<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            if let Poll::Ready(done) = futures_util::poll!(work.as_mut()) {
                return done;
            }
            self.ticks.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    }
}

impl Timer for ManualTimer {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if duration.as_micros() <= u128::from(self.over.load(Ordering::SeqCst)) {
            return Box::pin(std::future::ready(()));
        }
        let ticks = Arc::clone(&self.ticks);
        let begin = ticks.load(Ordering::SeqCst);
        Box::pin(std::future::poll_fn(move |_| {
            // Nobody is woken: who lets time pass polls.
            if ticks.load(Ordering::SeqCst) == begin { Poll::Pending } else { Poll::Ready(()) }
        }))
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

/// Work after responses, which waits until the test lets it go on.
#[derive(Default)]
pub(crate) struct ManualBackground(Mutex<Vec<BoxFuture<'static, ()>>>);

impl ManualBackground {
    /// Does what waits, all at the same time.
    pub(crate) async fn run(&self) {
        let work = std::mem::take(&mut *self.0.lock().unwrap());
        futures_util::future::join_all(work).await;
    }
}

impl Background for ManualBackground {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().push(work);
    }
}

/// Another server: it answers every request with the same status, and remembers
/// what it was sent.
pub(crate) struct FakeServer {
    status: AtomicU64,
    requests: Mutex<Vec<Request<String>>>,
}

impl FakeServer {
    /// It answers 200.
    pub(crate) fn new() -> Self {
        Self { status: AtomicU64::new(200), requests: Mutex::default() }
    }

    /// From now on it answers with this status; 0 is not at all.
    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status.into(), Ordering::SeqCst);
    }

    /// What it was sent since the last call.
    pub(crate) fn take(&self) -> Vec<Request<String>> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

impl HttpClient for FakeServer {
    fn send(
        &self,
        request: Request<String>,
        _: Duration,
    ) -> BoxFuture<'_, Result<Response<Vec<u8>>, Unreachable>> {
        self.requests.lock().unwrap().push(request);
        let status = u16::try_from(self.status.load(Ordering::SeqCst)).unwrap();
        Box::pin(async move {
            // Others may go on meanwhile, as they may while a real one thinks.
            tokio::task::yield_now().await;
            match status {
                0 => Err(Unreachable("connection refused".to_owned())),
                status => Ok(Response::builder().status(status).body(Vec::new()).unwrap()),
            }
        })
    }
}

/// A timer that has always run out: what only pauses goes on.
pub(crate) struct AtOnce;

impl Timer for AtOnce {
    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
