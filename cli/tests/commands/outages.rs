//! Services that answer nothing, or something else.

use serde_json::Value;

use crate::script::Script;
use crate::shell::Shell;

/// The beginning of an export that goes on for ever.
const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\
                    transfer-encoding: chunked\r\n\r\n5\r\nhalf\n\r\n";

#[test]
fn a_service_that_never_answers_is_not_reached() {
    let script = Script::silent();
    let program = Shell::program(&script);
    for command in [&["users", "list"][..], &["export"], &["import", "-"], &["whoami"]] {
        let hasty = [&["--timeout", "100ms"], command].concat();
        program.run(&hasty).expect(6).saying("does not answer in time");
    }
    let stalled = Shell::program(&Script::stalling(HALF));
    stalled.run(&["export", "--timeout", "100ms"]).expect(6).saying("does not answer in time");
}

#[test]
fn the_doctor_finds_fault_with_a_service_that_does_not_answer() {
    let script = Script::silent();
    let program = Shell::program(&script);
    let ran = program.run(&["--json", "doctor", "--timeout", "100ms"]).expect(1);
    let finding: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&finding["check"], &finding["status"]), (&"reachable".into(), &"fail".into()));
    assert!(finding["detail"].as_str().unwrap().contains("does not answer"), "{finding:#}");
    assert!(finding["advice"].as_str().unwrap().contains("--url"), "{finding:#}");
}
