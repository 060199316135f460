//! At a terminal: what is asked, what is shown, and Ctrl-C.

use std::process::Command;
use std::time::SystemTime;

use data_encoding::BASE32_NOPAD;
use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};
use serde_json::json;

use crate::service::{ADMIN, PASSWORD};
use crate::shell::Shell;

/// More than any answer takes, in milliseconds.
const LIMIT: u64 = 60_000;

fn at_a_terminal(shell: &Shell, arguments: &[&str]) -> PtySession {
    let mut command = shell.command(arguments);
    command.env("TERM", "xterm");
    spawn_command(command, Some(LIMIT)).unwrap()
}

#[track_caller]
fn expect_exit(session: &mut PtySession, code: i32) -> String {
    let rest = session.exp_eof().unwrap();
    let status = session.process().wait().unwrap();
    assert!(matches!(status, WaitStatus::Exited(_, found) if found == code), "{status:?}\n{rest}");
    rest
}

#[test]
fn a_password_is_asked_for_and_not_shown() {
    drop(Shell::admin());
    let nobody = Shell::admin();
    nobody.run(&["logout"]).expect(0);
    let mut session = at_a_terminal(&nobody, &["login"]);
    session.exp_string("Email: ").unwrap();
    session.send_line(ADMIN).unwrap();
    session.exp_string("Password: ").unwrap();
    session.send_line(PASSWORD).unwrap();
    let shown = expect_exit(&mut session, 0);
    assert!(shown.contains("Signed in"), "{shown}");
    assert!(!shown.contains(PASSWORD), "{shown}");
    nobody.run(&["whoami"]).expect(0);
}

#[test]
fn a_second_factor_is_asked_for_where_there_is_one() {
    let admin = Shell::admin();
    admin.create_user("twofold@example.com");
    let twofold = Shell::nobody();
    let login = ["login", "--email", "twofold@example.com", "--password-stdin"];
    twofold.feed(&login, PASSWORD).expect(0);
    let secret = twofold.api("me/factors/totp", &json!({}));
    let secret = BASE32_NOPAD.decode(secret["secret"].as_str().unwrap().as_bytes()).unwrap();
    let secret: [u8; 20] = secret.try_into().unwrap();
    let app = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let code = json!({"code": app.generate(now).to_string()});
    let codes = twofold.api("me/factors/totp/confirm", &code);

    twofold.feed(&login, PASSWORD).expect(2).saying("--code");
    let mut session = at_a_terminal(&twofold, &login[..3]);
    session.exp_string("Password: ").unwrap();
    session.send_line(PASSWORD).unwrap();
    session.exp_string("Code of the app, or a recovery code: ").unwrap();
    session.send_line(codes["recovery_codes"][0].as_str().unwrap()).unwrap();
    expect_exit(&mut session, 0);
    let next = app.generate(now + 30).to_string();
    twofold.feed(&[&login[..], &["--code", &next]].concat(), PASSWORD).expect(0);
}

#[test]
fn ctrl_c_at_a_password_leaves_a_terminal_that_echoes() {
    let nobody = Shell::nobody();
    // Another program looks at the terminal afterwards; at the start it echoes.
    let program = env!("CARGO_BIN_EXE_rollcall");
    let commands = format!("stty echo; {program} login --email a; echo code $?; stty -a");
    let mut shell = Command::new("sh");
    shell.args(["-c", &commands]).env("ROLLCALL_URL", nobody.url());
    let mut session = spawn_command(shell, Some(LIMIT)).unwrap();
    session.exp_string("Password: ").unwrap();
    session.send_control('c').unwrap();
    session.exp_string("code 130").unwrap();
    let modes = session.exp_eof().unwrap();
    assert!(modes.contains(" echo "), "{modes}");
}

#[test]
fn who_does_not_say_yes_deletes_nothing() {
    let admin = Shell::admin();
    let id = admin.create_user("spared@example.com");
    let mut session = at_a_terminal(&admin, &["users", "delete", &id]);
    session.exp_string("Delete spared@example.com (Somebody) for ever? [y/N]").unwrap();
    session.send_line("").unwrap();
    expect_exit(&mut session, 1);
    let mut session = at_a_terminal(&admin, &["users", "delete", &id]);
    session.exp_string("[y/N]").unwrap();
    session.send_line("y").unwrap();
    expect_exit(&mut session, 0);
    admin.run(&["users", "get", &id]).expect(4);
}

#[test]
fn who_does_not_say_yes_takes_no_invitation_back() {
    let admin = Shell::admin();
    let made = admin.json(&["invitations", "create", "asked@example.com"]);
    let id = made["id"].as_str().unwrap();
    let mut session = at_a_terminal(&admin, &["invitations", "delete", id]);
    session.exp_string(&format!("Take the invitation {id} back? [y/N]")).unwrap();
    session.send_line("n").unwrap();
    expect_exit(&mut session, 1);
    admin.run(&["invitations", "delete", id, "--yes"]).expect(0);
}

#[test]
fn there_are_colours_at_a_terminal_and_none_where_nobody_wants_them() {
    let nobody = Shell::nobody();
    let mut session = at_a_terminal(&nobody, &["doctor"]);
    assert!(expect_exit(&mut session, 0).contains("\u{1b}[1m"));
    let nobody = nobody.with("NO_COLOR", "1");
    let mut session = at_a_terminal(&nobody, &["doctor"]);
    assert!(!expect_exit(&mut session, 0).contains('\u{1b}'));
}
