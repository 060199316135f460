//! Somebody at a shell, in a home of their own.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rollcall_testkit::Host;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::script::Script;
use crate::service::{self, ADMIN, BOOTSTRAP_TOKEN, PASSWORD};

/// Where sessions are kept.
const SESSIONS: &str = ".config/rollcall/sessions.json";

/// Somebody at a shell.
pub(crate) struct Shell {
    home: TempDir,
    url: String,
    /// Runs as long as somebody speaks to it.
    _host: Option<Arc<Host>>,
    environment: Vec<(&'static str, String)>,
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Shell {
    /// Nobody, at the shared service.
    pub(crate) fn nobody() -> Self {
        Self::at(service::shared())
    }

    /// Nobody, at this service.
    pub(crate) fn at(host: Arc<Host>) -> Self {
        Self { _host: Some(host.clone()), ..Self::towards(&host.base_url) }
    }

    /// Nobody, at whatever has this address.
    pub(crate) fn towards(url: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let environment = vec![("ROLLCALL_URL", url.to_owned())];
        Self { home, url: url.to_owned(), _host: None, environment }
    }

    /// A program with a key, at a service that says what the test tells it to.
    pub(crate) fn program(script: &Script) -> Self {
        Self::towards(&script.url).with("ROLLCALL_API_KEY", "k")
    }

    /// The first admin, signed in at the shared service.
    pub(crate) fn admin() -> Self {
        Self::nobody().signed_in_as_admin()
    }

    /// The first admin, made now if there is none, and signed in.
    pub(crate) fn signed_in_as_admin(self) -> Self {
        let made = self
            .command(&["bootstrap", "--email", ADMIN, "--name", "Ada", "--password-stdin"])
            .env("ROLLCALL_BOOTSTRAP_TOKEN", BOOTSTRAP_TOKEN)
            .run(PASSWORD);
        assert!([Some(0), Some(5)].contains(&made.code), "{made:#?}");
        self.feed(&["login", "--email", ADMIN, "--password-stdin"], PASSWORD).expect(0);
        self
    }

    /// The same with a variable of the environment.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// The same with a session, which it says it has there.
    pub(crate) fn with_session(self) -> Self {
        let session = json!({
            "email": "ada@example.com", "access_token": "a", "refresh_token": "r",
            "expires_at": 1u64 << 40,
        });
        let kept = json!({"current": self.url, "sessions": {self.url.as_str(): session}});
        self.with_sessions(&kept.to_string())
    }

    /// The same with this in the file of its sessions.
    pub(crate) fn with_sessions(self, text: &str) -> Self {
        fs::create_dir_all(self.file(".config/rollcall")).unwrap();
        fs::write(self.file(SESSIONS), text).unwrap();
        self
    }

    /// The file of its sessions.
    pub(crate) fn sessions(&self) -> String {
        fs::read_to_string(self.file(SESSIONS)).unwrap()
    }

    /// Where the service is that it speaks to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A file in its home.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The command, not run yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        let path = std::env::var_os("PATH").unwrap();
        // Whoever runs the tests may have a session of their own.
        command.env_clear().env("PATH", path).env("HOME", self.home.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.home.path()).args(arguments);
        command
    }

    /// Runs a command, with an empty standard input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.feed(arguments, "")
    }

    /// Runs a command that reads this.
    pub(crate) fn feed(&self, arguments: &[&str], input: &str) -> Ran {
        self.command(arguments).run(input)
    }

    /// Runs a command that must succeed and tell one JSON value, and gives it.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let values = self.json_lines(arguments);
        let [value] = &values[..] else { panic!("one value: {values:#?}") };
        value.clone()
    }

    /// The same for any number of values.
    pub(crate) fn json_lines(&self, arguments: &[&str]) -> Vec<Value> {
        let ran = self.run(&[&["--json"], arguments].concat()).expect(0);
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Asks the API for what no command does, with the session of this shell.
    pub(crate) fn api(&self, path: &str, body: &Value) -> Value {
        let kept: Value = serde_json::from_str(&self.sessions()).unwrap();
        let url = &self.url;
        let token = kept["sessions"][url]["access_token"].as_str().unwrap();
        let output = Command::new("curl")
            .args(["-fsS", "-H", &format!("Authorization: Bearer {token}")])
            .args(["--json", &body.to_string(), &format!("{url}/api/v1/{path}")])
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error} {output:?}"))
    }

    /// Creates a user with the password of everybody, and gives the id.
    pub(crate) fn create_user(&self, email: &str) -> String {
        let arguments = ["--json", "users", "create", "--email", email, "--name", "Somebody"];
        let ran = self.feed(&[&arguments[..], &["--password-stdin"]].concat(), PASSWORD).expect(0);
        let user: Value = serde_json::from_str(&ran.stdout).unwrap();
        user["id"].as_str().unwrap().to_owned()
    }
}

/// A command that is run to its end.
pub(crate) trait Run {
    /// Runs it with this on its standard input.
    fn run(&mut self, input: &str) -> Ran;
}

impl Run for Command {
    fn run(&mut self, input: &str) -> Ran {
        self.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn().unwrap();
        // It may end without reading all of it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// The same, which must have ended with this exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The same, which must have said this on the standard error.
    #[track_caller]
    pub(crate) fn saying(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{self:#?}");
        self
    }
}
