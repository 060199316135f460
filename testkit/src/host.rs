//! An application that runs, on the host of this repository or on a real Spin.

use std::env;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use tempfile::TempDir;

use crate::build;
use crate::process::{POLL, Process};

/// How long a start may take. Compiling a component for the first time is most
/// of it.
const START_LIMIT: Duration = Duration::from_secs(120);

/// How long an orderly end may take.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A running application. It is killed on drop.
pub struct Host {
    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub base_url: String,
    /// The port that it listens on.
    pub port: u16,
    /// The process that was started.
    pub pid: u32,
    process: Process,
    state_dir: PathBuf,
    /// Goes with the host, unless the test has a folder of its own.
    _temporary: Option<TempDir>,
}

/// An application that did not start.
#[derive(Debug)]
pub struct Refused {
    /// How the process ended; `None` when it neither ended nor got ready.
    pub status: Option<ExitStatus>,
    /// What it printed on its standard error.
    pub stderr: String,
}

/// How to start an application. One builder starts as many as it is asked to.
#[derive(Clone, Debug)]
pub struct Builder {
    manifest: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    state_dir: Option<PathBuf>,
    ready_path: String,
    listen: String,
}

impl Host {
    /// Starts at a manifest: a `spin.toml`, or the folder that has one.
    pub fn builder(manifest: impl Into<PathBuf>) -> Builder {
        Builder {
            manifest: manifest.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            state_dir: None,
            ready_path: "/.well-known/spin/health".to_owned(),
            listen: "127.0.0.1:0".to_owned(),
        }
    }

    /// The URL of a path, which starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// What it and its components have printed on the standard output.
    pub fn stdout(&self) -> String {
        self.process.stdout.text()
    }

    /// What it and its components have printed on the standard error; of a real Spin,
    /// without what it says when nothing is wrong.
    pub fn stderr(&self) -> String {
        let text = self.process.stderr.text();
        let lines = text.split_inclusive('\n');
        lines.filter(|line| !is_spin() || !is_announcement(line)).collect()
    }

    /// What its components have printed on the standard output, from the files where
    /// every host keeps it.
    ///
    /// # Panics
    ///
    /// When there are no such files.
    pub fn log(&self) -> String {
        let files = std::fs::read_dir(self.state_dir.join("logs")).expect("there is a log");
        let paths = files.map(|file| file.expect("the folder can be read").path());
        let of_stdout = paths.filter(|path| path.to_string_lossy().ends_with("_stdout.txt"));
        of_stdout.map(|path| std::fs::read_to_string(path).expect("a log is UTF-8")).collect()
    }

    /// Waits until a line of the standard error contains `text`.
    ///
    /// # Panics
    ///
    /// When it does not within ten seconds.
    pub fn wait_for_stderr(&self, text: &str) {
        let found = |line: &str| line.contains(text).then_some(());
        self.process
            .stderr
            .find(Duration::from_secs(10), found)
            .unwrap_or_else(|| panic!("no {text:?} in:\n{}", self.stderr()));
    }

    /// Its resident memory in KiB, with that of the processes it started.
    /// Linux only: elsewhere 0.
    pub fn resident_kib(&self) -> u64 {
        resident_kib(self.pid)
    }

    /// Lets no file of it, and of the processes it started, grow beyond so many bytes, as
    /// a full disk would not; `None` takes the limit away.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub fn limit_files(&self, bytes: Option<u64>) {
        for pid in family(self.pid) {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            // The hard limit stays, so that the other may go up again.
            let limit = Rlimit { current: bytes, maximum: None };
            prlimit(pid, Resource::Fsize, limit).expect("its limits may be set");
        }
    }

    /// Kills it at once (SIGKILL), as a power cut of the process would.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// Ends it in an orderly way (SIGTERM) and returns how it ended; `None`
    /// when it had to be killed.
    pub fn stop(self) -> Option<ExitStatus> {
        self.end(Signal::TERM)
    }

    /// Ends it as Ctrl-C does (SIGINT).
    pub fn interrupt(self) -> Option<ExitStatus> {
        self.end(Signal::INT)
    }

    fn end(mut self, signal: Signal) -> Option<ExitStatus> {
        self.process.signal(signal);
        self.process.wait(STOP_LIMIT)
    }
}

impl Builder {
    /// Sets a variable of the application on the command line.
    #[must_use]
    pub fn variable(self, name: &str, value: &str) -> Self {
        self.arg("--variable").arg(format!("{name}={value}"))
    }

    /// Sets an environment variable of the process.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Adds an argument to `up`.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Gives the runtime configuration file.
    #[must_use]
    pub fn runtime_config(self, file: impl AsRef<Path>) -> Self {
        self.arg("--runtime-config-file").arg(file.as_ref())
    }

    /// Keeps databases and logs in a folder of the caller's, where they outlive
    /// the host. Without it each start has a temporary folder of its own.
    #[must_use]
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(folder.into());
        self
    }

    /// The path that answers 200 when the application is ready: by default
    /// Spin's own, which answers as soon as it listens.
    #[must_use]
    pub fn ready_path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.ready_path);
        self
    }

    /// Listens there instead of on a free port.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not get ready; with what it printed.
    pub fn start(&self) -> Host {
        self.try_start().unwrap_or_else(|refused| {
            panic!("the host did not start ({:?}):\n{}", refused.status, refused.stderr)
        })
    }

    /// The same, for a start that may be refused.
    ///
    /// # Errors
    ///
    /// When it ends or does not get ready.
    pub fn try_start(&self) -> Result<Host, Refused> {
        let temporary = match &self.state_dir {
            Some(_) => None,
            None => Some(tempfile::tempdir().expect("a temporary folder can be made")),
        };
        let state_dir = self
            .state_dir
            .as_deref()
            .or(temporary.as_ref().map(TempDir::path))
            .expect("one of the two is there");
        let mut process = Process::start(
            // Who meets the limit of a file's size gets an error, not a signal.
            Command::new("sh")
                .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
                .arg(program())
                .arg("up")
                .arg("-f")
                .arg(&self.manifest)
                .args(["--listen", &self.listen, "--state-dir"])
                .arg(state_dir)
                // A real Spin copies what components print to its standard error.
                .args(
                    (is_spin() && !self.arguments.contains(&"--quiet".into())).then_some("--quiet"),
                )
                .args(&self.arguments)
                .envs(self.environment.iter().cloned()),
        );
        let deadline = Instant::now() + START_LIMIT;
        let listening = process.stdout.find(START_LIMIT, address);
        if let Some(address) = listening
            && wait_until_ready(&mut process, address, &self.ready_path, deadline)
        {
            return Ok(Host {
                base_url: format!("http://{address}"),
                port: address.port(),
                pid: process.pid(),
                process,
                state_dir: state_dir.to_owned(),
                _temporary: temporary,
            });
        }
        let status = process.wait(Duration::from_secs(1));
        Err(Refused { status, stderr: process.stderr.all(Duration::from_secs(1)) })
    }
}

/// The program that `ROLLCALL_SPIN` names, or else the host.
fn program() -> PathBuf {
    match env::var_os("ROLLCALL_SPIN") {
        Some(spin) => spin.into(),
        None => build::host().to_owned(),
    }
}

fn is_spin() -> bool {
    env::var_os("ROLLCALL_SPIN").is_some()
}

/// Whether a real Spin says so on its standard error when nothing is wrong: at its start,
/// and when a client has gone away.
fn is_announcement(line: &str) -> bool {
    let at_start = ["Logging component stdio to ", "Storing default ", "Preparing Wasm modules "];
    at_start.iter().any(|beginning| line.starts_with(beginning))
        || line.contains("hyper response error: hyper::Error(Body, Error { kind: Reset(")
        || line.trim().is_empty()
}

/// The address in the line that says where the application is served.
fn address(line: &str) -> Option<SocketAddr> {
    line.trim().strip_prefix("Serving http://")?.parse().ok()
}

/// Asks for `path` until it is answered with 200.
fn wait_until_ready(
    process: &mut Process,
    address: SocketAddr,
    path: &str,
    deadline: Instant,
) -> bool {
    while Instant::now() < deadline && process.status().is_none() {
        if status(address, path) == Some(200) {
            return true;
        }
        std::thread::sleep(POLL);
    }
    false
}

/// The status of the answer to a GET request.
fn status(address: SocketAddr, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut line = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut line).ok()?;
    std::str::from_utf8(&line).ok()?.split_once(' ')?.1.parse().ok()
}

/// A process and all those that it, or any of its threads, started.
fn family(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = threads.map(|thread| read(&thread.path().join("children")));
    let children: Vec<u32> = children
        .flat_map(|pids| pids.split_whitespace().flat_map(str::parse).collect::<Vec<_>>())
        .collect();
    std::iter::once(pid).chain(children.into_iter().flat_map(family)).collect()
}

fn resident_kib(pid: u32) -> u64 {
    let resident = |pid: u32| -> Option<u64> {
        let status = read(Path::new(&format!("/proc/{pid}/status")));
        let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        size.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    family(pid).into_iter().filter_map(resident).sum()
}

/// What a file has; nothing, where there is none any longer.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
