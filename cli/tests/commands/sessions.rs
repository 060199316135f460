//! The sessions that are kept.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::script::{Script, answer, problem};
use crate::service::{ADMIN, PASSWORD};
use crate::shell::{Run, Shell};

/// What is no file of sessions.
const DAMAGED: [&str; 4] = ["", "{", "[]", r#"{"current": null, "sessions": 3}"#];

/// Whether there is a session that is kept.
fn is_kept(shell: &Shell) -> bool {
    shell.sessions().contains("ada@example.com")
}

#[test]
fn a_session_that_could_not_be_ended_is_kept() {
    let away = Shell::towards("http://127.0.0.1:1").with_session();
    away.run(&["logout"]).expect(6).saying("is kept").saying("--forget");
    assert!(is_kept(&away));
    away.run(&["logout", "--forget"]).expect(0).saying("has not ended");
    assert!(!is_kept(&away));
    away.run(&["logout"]).expect(3);

    let script = Script::answering(|_| answer("404 Not Found", "", "no such page"));
    let other = Shell::towards(&script.url).with_session();
    other.run(&["logout"]).expect(4).saying("is kept");
    assert!(is_kept(&other));
}

#[test]
fn a_session_that_has_ended_by_itself_is_forgotten() {
    let script = Script::answering(|_| problem("401 Unauthorized", "unauthenticated"));
    let ended = Shell::towards(&script.url).with_session();
    ended.run(&["logout"]).expect(0);
    assert!(!is_kept(&ended));
}

#[test]
fn a_key_of_the_environment_does_not_sign_out() {
    let script = Script::answering(|_| answer("204 No Content", "", ""));
    let program = Shell::program(&script).with_session();
    program.run(&["logout"]).expect(0);
    assert!(!is_kept(&program));
    program.run(&["logout"]).expect(3);
    let help = program.run(&["logout", "--help"]).expect(0).stdout;
    assert!(help.contains("ROLLCALL_API_KEY"), "{help}");
}

#[test]
fn a_damaged_file_of_sessions_is_named() {
    for text in DAMAGED {
        let nobody = Shell::nobody().with_sessions(text);
        for command in [&["whoami"][..], &["logout"], &["users", "list"]] {
            nobody
                .run(command)
                .expect(1)
                .saying("/rollcall/sessions.json")
                .saying("rollcall login");
        }
        let mut elsewhere = nobody.command(&["whoami"]);
        elsewhere.env_remove("ROLLCALL_URL");
        elsewhere.run("").expect(1).saying("/rollcall/sessions.json");
        assert_eq!(nobody.sessions(), text);
    }
}

#[test]
fn who_signs_in_needs_no_sessions_that_can_be_read() {
    let admin = Shell::admin();
    for text in DAMAGED {
        let again = Shell::nobody().with_sessions(text);
        let login = ["login", "--email", ADMIN, "--password-stdin", "--url", admin.url()];
        again.command(&login).env_remove("ROLLCALL_URL").run("wrong").expect(3);
        assert_eq!(again.sessions(), text);
        let ran = again.command(&login).env_remove("ROLLCALL_URL").run(PASSWORD).expect(0);
        ran.saying("sessions.json is damaged");
        again.run(&["whoami"]).expect(0);
        again.feed(&login, PASSWORD).expect(0);
    }
}

#[test]
fn a_credential_that_is_no_text_is_not_passed_over() {
    let program = Shell::towards("http://127.0.0.1:1").with_session();
    for name in ["ROLLCALL_API_KEY", "ROLLCALL_TOKEN"] {
        let mut command = program.command(&["whoami"]);
        command.env(name, OsStr::from_bytes(b"rck_\xff"));
        command.run("").expect(2).saying(name);
    }
}
