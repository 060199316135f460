//! A Postgres of the test's own.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::process::{POLL, Process};

/// How long a start may take.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running Postgres with an empty database in a temporary folder. It is
/// killed and removed on drop.
pub struct Postgres {
    /// `postgres://postgres@127.0.0.1:PORT/postgres`; it asks for no password.
    pub url: String,
    /// The port that it listens on, on 127.0.0.1.
    pub port: u16,
    settings: Vec<String>,
    process: Option<Process>,
    folder: TempDir,
}

impl Postgres {
    /// Makes a database and starts it, with the default settings: commits are
    /// on disk when they are acknowledged.
    ///
    /// # Panics
    ///
    /// When the programs of Postgres are not on this machine, or fail.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with settings such as `max_connections=200`.
    ///
    /// # Panics
    ///
    /// As [`Postgres::start`].
    pub fn start_with(settings: &[&str]) -> Self {
        Self::start_in(folder(), settings.iter().map(ToString::to_string).collect())
    }

    /// The same with TLS, which clients may use or not. Certificate and key are
    /// PEM.
    ///
    /// # Panics
    ///
    /// As [`Postgres::start`].
    pub fn start_with_tls(certificate: &str, key: &str) -> Self {
        let folder = folder();
        let mut settings = vec!["ssl=on".to_owned()];
        for (name, pem) in [("ssl_cert_file", certificate), ("ssl_key_file", key)] {
            let file = folder.path().join(name);
            fs::write(&file, pem).expect("a file can be written");
            fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");
            give_away(&file);
            settings.push(format!("{name}={}", file.display()));
        }
        Self::start_in(folder, settings)
    }

    fn start_in(folder: TempDir, settings: Vec<String>) -> Self {
        let output = program("initdb")
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .args(["--username=postgres", "--auth=trust", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C", "--no-instructions"])
            .output()
            .expect("initdb can be run");
        assert!(
            output.status.success(),
            "initdb failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let port = free_port();
        let mut postgres = Self {
            url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
            port,
            settings,
            process: None,
            folder,
        };
        postgres.resume();
        postgres
    }

    /// Kills it at once (SIGKILL), every process of it. The data stays.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            // Stopped, it makes no more of them while they are counted.
            kill(process.pid(), Signal::STOP);
            let mut pids = Vec::new();
            tree(process.pid(), &mut pids);
            pids.iter().for_each(|&pid| kill(pid, Signal::KILL));
            drop(process);
            // A new one refuses to start while any of them has its memory.
            while pids.iter().any(|pid| is_alive(*pid)) {
                thread::sleep(POLL);
            }
        }
    }

    /// Starts it again after [`Postgres::kill`], on the same port and data.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn resume(&mut self) {
        let process = Process::start(
            program("postgres")
                .arg("-D")
                .arg(self.folder.path().join("data"))
                .arg("-k")
                .arg(self.folder.path())
                .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
                .args(self.settings.iter().flat_map(|setting| ["-c", setting])),
        );
        process
            .stderr
            .find(START_LIMIT, |line| line.contains("ready to accept connections").then_some(()))
            .unwrap_or_else(|| panic!("Postgres did not start:\n{}", process.stderr.text()));
        self.process = Some(process);
    }

    /// Stops it where it is (SIGSTOP): connections stay and nothing answers.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after [`Postgres::freeze`].
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let mut pids = Vec::new();
        if let Some(process) = &self.process {
            tree(process.pid(), &mut pids);
        }
        pids.iter().for_each(|&pid| kill(pid, signal));
    }

    /// What it has logged since it was started.
    pub fn log(&self) -> String {
        self.process.as_ref().map_or_else(String::new, |process| process.stderr.text())
    }

    /// Runs SQL with `psql` and returns the rows as lines of columns with `|`
    /// between them.
    ///
    /// # Panics
    ///
    /// When a statement fails.
    pub fn query(&self, sql: &str) -> String {
        query(&self.url, sql)
    }

    /// Makes another database, which is empty, and returns its URL.
    ///
    /// # Panics
    ///
    /// As [`Postgres::query`].
    pub fn database(&self) -> String {
        database(&self.url)
    }
}

/// A lock on a table, which is held until it is dropped.
pub struct Lock {
    psql: Child,
}

impl Lock {
    /// Locks a table of the database at `url` for everybody who would write to it.
    ///
    /// # Panics
    ///
    /// When `psql` is not on this machine, or the server refuses.
    pub fn of(url: &str, table: &str) -> Self {
        let psql = program("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut psql = psql.expect("psql can be run");
        let commands = format!("BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE; SELECT 'locked';\n");
        let stdin = psql.stdin.as_mut().expect("it is piped");
        stdin.write_all(commands.as_bytes()).expect("psql reads");
        let mut told = String::new();
        let stdout = psql.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut told).expect("psql tells");
        assert_eq!(told.trim_end(), "locked");
        Self { psql }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // At the end of its input, psql goes, and its transaction with it.
        drop(self.psql.stdin.take());
        let _ = self.psql.wait();
    }
}

/// Makes another database on the server at `url`, and returns its URL.
///
/// # Panics
///
/// When `psql` is not on this machine, or the server refuses.
pub fn database(url: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let name = format!("made_{}_{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    query(url, &format!("CREATE DATABASE {name}"));
    let (server, _) = url.rsplit_once('/').expect("the URL names a database");
    format!("{server}/{name}")
}

/// Runs SQL with `psql` on the database at `url` and returns the rows as lines of
/// columns with `|` between them.
///
/// # Panics
///
/// When a statement fails.
pub fn query(url: &str, sql: &str) -> String {
    let output = program("psql")
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args(["--set", "ON_ERROR_STOP=1", "--command", sql, url])
        .output()
        .expect("psql can be run");
    assert!(output.status.success(), "psql failed:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    give_away(folder.path());
    folder
}

/// Makes a file the property of the user that Postgres runs as.
fn give_away(path: &Path) {
    if let Some((user, group)) = unprivileged() {
        chown(path, Some(user), Some(group)).expect("root may give files away");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process and its descendants. Those of Postgres are process groups of their
/// own.
fn tree(pid: u32, pids: &mut Vec<u32>) {
    pids.push(pid);
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    for child in children.unwrap_or_default().split_whitespace() {
        if let Ok(child) = child.parse() {
            tree(child, pids);
        }
    }
}

fn kill(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // It may have ended already.
    let _ = pid.map(|pid| kill_process(pid, signal));
}

/// Whether a process still has memory: one that only waits for its parent to
/// notice its end has none.
fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| status.contains("VmRSS:"))
}

/// A program of Postgres, which refuses to run as root: then as somebody else.
fn program(name: &str) -> Command {
    let mut command = Command::new(find(name));
    if let Some((user, group)) = unprivileged() {
        command.uid(user).gid(group);
    }
    // Where that user may be.
    command.current_dir("/");
    command
}

/// Finds a program on the PATH, or where Debian keeps it: of several versions
/// the newest.
fn find(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(found) =
        env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
    {
        return found;
    }
    let versions = Path::new("/usr/lib/postgresql");
    let version = |folder: &PathBuf| {
        let name = folder.file_name().and_then(OsStr::to_str);
        name.and_then(|name| name.parse::<u32>().ok())
    };
    fs::read_dir(versions)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|folder| folder.join("bin").join(name).is_file())
        .max_by_key(version)
        .map(|folder| folder.join("bin").join(name))
        .unwrap_or_else(|| {
            panic!(
                "{name} is neither on the PATH nor in {}: install PostgreSQL",
                versions.display()
            )
        })
}

/// The user and group to be instead of root: `postgres`, or else `nobody`.
fn unprivileged() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("there are users");
    let ids = |name: &str| {
        let fields = users
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.first() == Some(&name))?;
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    let found = ids("postgres").or_else(|| ids("nobody"));
    Some(found.expect("there is a user postgres or nobody"))
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("there is a free port")
        .port()
}
