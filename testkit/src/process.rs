//! A child process in a process group of its own, with what it prints.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// A running program. It is killed, with all that it started, on drop.
pub(crate) struct Process {
    child: Child,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
}

impl Process {
    /// Starts `command` and gathers what it prints.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
        let stdout = Output::gather(child.stdout.take());
        let stderr = Output::gather(child.stderr.take());
        Self { child, stdout, stderr }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Sends a signal to it and to all that it started.
    pub(crate) fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        // It may have ended already.
        let _ = group.map(|group| kill_process_group(group, signal));
    }

    /// Waits for its end, at most for `limit`; then it is killed.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(status) = self.status() {
                return Some(status);
            }
            thread::sleep(POLL);
        }
        self.kill();
        None
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        // Gone is gone, however it was found.
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How often something is looked at again.
pub(crate) const POLL: Duration = Duration::from_millis(5);

/// What a program has printed so far.
#[derive(Clone, Default)]
pub(crate) struct Output(Arc<(Mutex<Gathered>, Condvar)>);

#[derive(Default)]
struct Gathered {
    text: String,
    ended: bool,
}

impl Output {
    fn gather(pipe: Option<impl Read + Send + 'static>) -> Self {
        let output = Self::default();
        let copy = output.clone();
        thread::spawn(move || {
            let mut lines = BufReader::new(pipe.expect("the pipe was asked for"));
            let mut line = Vec::new();
            while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
                copy.lock().text.push_str(&String::from_utf8_lossy(&line));
                copy.0.1.notify_all();
                line.clear();
            }
            copy.lock().ended = true;
            copy.0.1.notify_all();
        });
        output
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it until now.
    pub(crate) fn text(&self) -> String {
        self.lock().text.clone()
    }

    /// All of it, once the program closed the stream: at most `limit` is waited
    /// for that.
    pub(crate) fn all(&self, limit: Duration) -> String {
        self.find(limit, |_| None::<()>);
        self.text()
    }

    /// Waits for the first line in which `find` finds something, at most for
    /// `limit`, or until the program closed the stream.
    pub(crate) fn find<T>(&self, limit: Duration, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut gathered = self.lock();
        loop {
            if let Some(found) = gathered.text.lines().find_map(&find) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if gathered.ended || left.is_zero() {
                return None;
            }
            gathered = self
                .0
                .1
                .wait_timeout(gathered, left)
                .map_or_else(|error| error.into_inner().0, |(gathered, _)| gathered);
        }
    }
}
