//! Whether anything moves on a stream that goes both ways.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::error::{Error, Result};

/// When something moved last, in either direction.
#[derive(Clone)]
pub(crate) struct Pulse {
    last: Arc<Mutex<Instant>>,
    limit: Duration,
}

impl Pulse {
    /// Of a stream on which something moves within this time.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { last: Arc::new(Mutex::new(Instant::now())), limit }
    }

    /// Something moves.
    pub(crate) fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// What comes of this, unless nothing moves for too long.
    pub(crate) async fn watch<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        self.beat();
        let mut work = pin!(work);
        loop {
            let end = self.end();
            match timeout_at(end, &mut work).await {
                Ok(done) => return Ok(done),
                Err(_) if self.end() > end => {}
                Err(_) => return Err(Error::Silent(self.limit)),
            }
        }
    }

    fn end(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) + self.limit
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    // The clock of these tests is moved by hand.
    #[tokio::test(start_paused = true)]
    async fn what_moves_takes_as_long_as_it_takes() {
        let pulse = Pulse::new(LIMIT);
        let work = async {
            for _ in 0..100 {
                sleep(LIMIT / 2).await;
                pulse.beat();
            }
        };
        assert!(pulse.watch(work).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_move_ends_at_the_limit() {
        let pulse = Pulse::new(LIMIT);
        let start = Instant::now();
        let work = async {
            sleep(LIMIT / 2).await;
            pulse.beat();
            std::future::pending::<()>().await;
        };
        assert!(matches!(pulse.watch(work).await, Err(Error::Silent(LIMIT))));
        assert_eq!(start.elapsed().as_secs(), 90);
    }
}
