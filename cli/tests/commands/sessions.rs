//! The sessions that are kept.

use crate::script::{Script, answer, problem};
use crate::shell::Shell;

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
