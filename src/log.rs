//! The log: lines of JSON on standard output, which every host collects.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::app::{Background, Timer};
use crate::domain::time::{Clock, Timestamp};

/// Where lines of the log go.
pub trait Log: Send + Sync {
    /// Writes one line of JSON.
    fn line(&self, line: &str);
}

/// How long lines are gathered.
const WINDOW: Duration = Duration::from_millis(50);
/// How much is gathered at most, in bytes.
const BLOCK: usize = 16 << 10;

/// A log whose lines are written together when many come at once.
///
/// A write costs the host a sixth of a short request. So a line is written at once
/// if none was for [`WINDOW`]; otherwise it waits, that long at most, for those that
/// come after it.
pub struct Gathering {
    gathered: Arc<Mutex<Gathered>>,
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    background: Arc<dyn Background>,
}

struct Gathered {
    write: fn(&str),
    lines: String,
    written_at: Timestamp,
    /// Somebody is on the way who will write them.
    is_awaited: bool,
}

impl Gathering {
    /// A log that nothing was written to; `write` gets whole lines.
    pub fn new(
        write: fn(&str),
        clock: Arc<dyn Clock>,
        timer: Arc<dyn Timer>,
        background: Arc<dyn Background>,
    ) -> Self {
        let written_at = Timestamp::from_micros(0);
        let gathered = Gathered { write, lines: String::new(), written_at, is_awaited: false };
        Self { gathered: Arc::new(Mutex::new(gathered)), clock, timer, background }
    }

    fn write_later(&self) {
        // Whatever becomes of the task, when it goes the lines are written.
        let writer =
            Writer { gathered: Arc::clone(&self.gathered), clock: Arc::clone(&self.clock) };
        let window = self.timer.sleep(WINDOW);
        self.background.spawn(Box::pin(async move {
            let _writer = writer;
            window.await;
        }));
    }
}

impl Log for Gathering {
    fn line(&self, line: &str) {
        let mut gathered = lock(&self.gathered);
        gathered.lines.push_str(line);
        gathered.lines.push('\n');
        // Even to ask for the time is a call of the host.
        if gathered.is_awaited && gathered.lines.len() < BLOCK {
            return;
        }
        let now = self.clock.now();
        let is_alone = !gathered.is_awaited && now.since(gathered.written_at) > WINDOW;
        if is_alone || gathered.lines.len() >= BLOCK {
            gathered.write(now);
        } else {
            gathered.is_awaited = true;
            drop(gathered);
            self.write_later();
        }
    }
}

impl Gathered {
    fn write(&mut self, now: Timestamp) {
        if self.lines.is_empty() {
            return;
        }
        (self.write)(&self.lines);
        self.lines.clear();
        self.written_at = now;
    }
}

/// Writes what was gathered, when it is dropped.
struct Writer {
    gathered: Arc<Mutex<Gathered>>,
    clock: Arc<dyn Clock>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut gathered = lock(&self.gathered);
        gathered.is_awaited = false;
        gathered.write(self.clock.now());
    }
}

fn lock(gathered: &Mutex<Gathered>) -> MutexGuard<'_, Gathered> {
    gathered.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes to standard output. A log that cannot be written must not break a request.
pub fn stdout(lines: &str) {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::BoxFuture;
    use futures_util::FutureExt;
    use std::cell::RefCell;
    use std::future::ready;
    use std::sync::atomic::{AtomicI64, Ordering};

    thread_local! {
        static WRITTEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    fn write(lines: &str) {
        WRITTEN.with_borrow_mut(|written| written.push(lines.to_owned()));
    }

    fn written() -> Vec<String> {
        WRITTEN.take()
    }

    /// Time that passes when it is told to, and work that waits for it.
    #[derive(Default)]
    struct World {
        now: AtomicI64,
        work: Mutex<Vec<BoxFuture<'static, ()>>>,
    }

    impl Clock for World {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(1)
                .plus(Duration::from_millis(self.now.load(Ordering::SeqCst).unsigned_abs()))
        }
    }

    impl Timer for World {
        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(ready(()))
        }
    }

    impl Background for World {
        fn spawn(&self, work: BoxFuture<'static, ()>) {
            self.work.lock().unwrap().push(work);
        }
    }

    impl World {
        fn pass(&self, millis: i64) {
            self.now.fetch_add(millis, Ordering::SeqCst);
        }

        fn take_work(&self) -> Vec<BoxFuture<'static, ()>> {
            std::mem::take(&mut *self.work.lock().unwrap())
        }
    }

    fn world_and_log() -> (Arc<World>, Gathering) {
        let world = Arc::new(World::default());
        (world.clone(), Gathering::new(write, world.clone(), world.clone(), world))
    }

    #[test]
    fn lines_that_come_alone_are_written_at_once() {
        let (world, log) = world_and_log();
        for line in ["one", "two"] {
            log.line(line);
            assert_eq!(written(), [format!("{line}\n")]);
            world.pass(51);
        }
        assert!(world.take_work().is_empty());
    }

    #[test]
    fn lines_that_come_together_are_written_together() {
        let (world, log) = world_and_log();
        for line in ["one", "two", "three"] {
            log.line(line);
            world.pass(1);
        }
        assert_eq!(written(), ["one\n"]);
        let work = world.take_work();
        assert_eq!(work.len(), 1);
        for work in work {
            work.now_or_never().unwrap();
        }
        assert_eq!(written(), ["two\nthree\n"]);
    }

    #[test]
    fn lines_are_written_when_nobody_waits_any_longer() {
        let (world, log) = world_and_log();
        log.line("one");
        log.line("two");
        drop(world.take_work());
        assert_eq!(written(), ["one\n", "two\n"]);
        log.line("three");
        assert_eq!(world.take_work().len(), 1, "the next ones are waited for again");
    }

    #[test]
    fn much_is_written_before_the_time() {
        let (world, log) = world_and_log();
        log.line("one");
        log.line(&"x".repeat(BLOCK));
        assert_eq!(written().len(), 2);
        drop(world.take_work());
        assert_eq!(written(), [""; 0]);
    }
}
