//! The commands of the README do what it says, as they stand.
//!
//! They speak to port 3000, which may be taken: curl is told, by a configuration
//! file, to connect to the port of the test instead.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};
use rollcall_testkit::build::{forget_package, workspace};
use serde_json::{Value, json};
use tempfile::TempDir;
use unicode_normalization::UnicodeNormalization;

use crate::client::Client;
use crate::service::{ADMIN, PASSWORD};

/// More than a build from nothing takes, in milliseconds.
const LIMIT: u64 = 30 * 60 * 1000;

/// Where the commands run: a free port, and a folder for what they leave behind.
struct Place {
    port: u16,
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = Self {
            port: listener.local_addr().unwrap().port(),
            folder: tempfile::tempdir().unwrap(),
        };
        let curl = format!("connect-to = \"127.0.0.1:3000:127.0.0.1:{}\"\n", place.port);
        fs::write(place.folder.path().join(".curlrc"), curl).unwrap();
        place
    }

    fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A shell in the root folder of the repository, for these commands.
    fn shell(&self, commands: &str) -> Command {
        let mut shell = Command::new("sh");
        forget_package(&mut shell)
            .args(["-euc", commands])
            .current_dir(workspace())
            .env("CURL_HOME", self.folder.path());
        shell
    }

    /// Runs commands to their end and returns what they print.
    fn run(&self, commands: &str) -> String {
        let output = self.shell(commands).stderr(Stdio::inherit()).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}: {commands}\n{printed}", output.status);
        printed
    }

    /// Starts commands at a terminal of their own.
    fn start(&self, shell: Command) -> PtySession {
        spawn_command(shell, Some(LIMIT)).unwrap()
    }
}

/// Presses Ctrl-C, and waits for the end, which must be a clean one.
fn interrupt(mut terminal: PtySession) {
    terminal.send_control('c').unwrap();
    let rest = terminal.exp_eof().unwrap();
    let noise: Vec<_> =
        rest.lines().filter(|line| !line.starts_with('{') && line.trim() != "^C").collect();
    assert_eq!(noise.concat(), "", "{rest}");
    let status = terminal.process().wait().unwrap();
    assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}");
}

/// The shell commands under a heading of the README.
fn commands(heading: &str) -> String {
    let script = workspace().join("scripts/readme");
    let output = Command::new(script).arg(heading).output().unwrap();
    assert!(output.status.success(), "the README has no commands under {heading:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn it_runs_and_makes_an_admin_and_users() {
    let place = Place::new();
    let state = place.folder.path().join("state");
    let mut make_up = place.shell(&commands("Run it"));
    make_up.env("LISTEN", format!("127.0.0.1:{}", place.port)).env("STATE", &state);
    let mut terminal = place.start(make_up);
    terminal.exp_string(&format!("Rollcall:  {}\r\n", place.base_url())).unwrap();
    let told = terminal.exp_string("Ctrl-C ends it.").unwrap();
    assert_secrets_are_private(&state.join("dev.env"));

    assert!(told.contains(&format!("{}/docs\r\n", place.base_url())), "{told}");
    let line = told.lines().find(|line| line.starts_with("curl")).unwrap();
    let mut admin: Value = serde_json::from_str(&place.run(line)).unwrap();
    assert_eq!((&admin["email"], &admin["roles"]), (&json!(ADMIN), &json!(["admin"])));

    let sign_in = commands("Sign in");
    let me: Value = serde_json::from_str(&place.run(&sign_in)).unwrap();
    // What only those who read users may see, nobody sees of themselves.
    admin.as_object_mut().unwrap().remove("private_metadata");
    assert_eq!(me, admin);
    let printed = place.run(&format!("{sign_in}\n{}", commands("Make users")));
    assert!(printed.contains("\"Grace Hopper\"") && printed.contains("\"items\":["), "{printed}");

    let printed = place.run(&format!("{sign_in}\n{}", commands("Make many users")));
    let counted = printed.rsplit('}').next().unwrap().split_whitespace();
    // The admin and Grace Hopper were there before.
    assert_eq!(counted.collect::<Vec<_>>(), ["1200", "201", "1202"], "{printed}");
    everybody_is_read_back_whole(&place).await;
    interrupt(terminal);
}

/// The secrets are for their owner alone.
fn assert_secrets_are_private(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Everybody of the list is there, as the list has them.
async fn everybody_is_read_back_whole(place: &Place) {
    let admin = Client::http1(&place.base_url()).sign_in(ADMIN, PASSWORD).await;
    let list = fs::read_to_string(workspace().join("examples/users.ndjson")).unwrap();
    let expected: Vec<Value> =
        list.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut found = Vec::new();
    let mut path = "/api/v1/users?limit=200".to_owned();
    loop {
        let page = admin.get(&path).await.expect(200).json();
        for user in page["items"].as_array().unwrap() {
            let [email, name, metadata] = ["email", "name", "metadata"].map(|member| &user[member]);
            found.push(json!({"email": email, "name": name, "metadata": metadata}));
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/users?limit=200&cursor={cursor}");
    }
    assert_eq!(found.len(), 2 + expected.len());
    for (found, expected) in found[2..].iter().zip(&expected) {
        let mut expected = expected.clone();
        // Names and addresses are kept in their normal form, metadata as they came.
        for member in ["email", "name"] {
            expected[member] = json!(expected[member].as_str().unwrap().nfc().collect::<String>());
        }
        assert_eq!(found, &expected);
    }
}

#[test]
fn it_is_deployed_by_spin() {
    let place = Place::new();
    // The host has the flags of Spin; it stands in for it where there is none.
    let bin = place.folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let program = std::env::var_os("ROLLCALL_SPIN");
    let program = program.map_or_else(|| rollcall_testkit::build::host().to_owned(), Into::into);
    std::os::unix::fs::symlink(program, bin.join("spin")).unwrap();
    let path = std::env::var("PATH").unwrap();
    let config = place.folder.path().join("runtime-config.toml");
    fs::write(&config, format!("state_dir = {:?}\n", place.folder.path().join("state"))).unwrap();

    let mut spin = place.shell(&commands("Deploy it"));
    spin.env("PATH", format!("{}:{path}", bin.display()))
        .env("SPIN_HTTP_LISTEN_ADDR", format!("127.0.0.1:{}", place.port))
        .env("RUNTIME_CONFIG_FILE", config);
    let mut terminal = place.start(spin);
    // Spin writes the word before it in bold.
    terminal.exp_string(&place.base_url()).unwrap();
    let ready = place.run("curl -fsS --retry 10 --retry-connrefused http://127.0.0.1:3000/readyz");
    assert!(ready.starts_with("{\"status\":\"ok\""), "{ready}");
    terminal.send_control('c').unwrap();
    terminal.exp_eof().unwrap();
}

#[test]
fn every_target_that_it_names_is_in_the_makefile() {
    for file in ["README.md", "CONTRIBUTING.md", "tests/README.md"] {
        let text = fs::read_to_string(workspace().join(file)).unwrap();
        let commands = text.lines().flat_map(|line| {
            let in_text = line.split("`make ").skip(1).filter_map(target);
            in_text.chain(line.strip_prefix("make ").and_then(target))
        });
        for target in commands {
            let output = Command::new("make")
                .args(["--dry-run", &target])
                .current_dir(workspace())
                .output()
                .unwrap();
            assert!(output.status.success(), "{file}: make {target}");
        }
    }
}

/// The target that a command which goes on like this makes.
fn target(rest: &str) -> Option<String> {
    rest.split(['`', ' ']).next().filter(|target| !target.is_empty()).map(str::to_owned)
}
