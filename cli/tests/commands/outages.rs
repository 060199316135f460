//! Services that answer nothing, or something else.

use serde_json::Value;

use crate::script::{Script, answer, problem};
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

#[test]
fn a_proxy_that_reaches_no_service_is_no_service() {
    for status in ["502 Bad Gateway", "504 Gateway Timeout"] {
        let script = Script::answering(|_| answer(status, "", "<h1>nginx</h1>"));
        Shell::program(&script).run(&["users", "list"]).expect(6).saying(&script.url);
    }
}

#[test]
fn the_doctor_takes_a_busy_service_for_no_other() {
    let script = Script::answering(|_| problem("429 Too Many Requests", "too_many_requests"));
    let ran = Shell::program(&script).run(&["doctor"]).expect(1);
    assert!(ran.stdout.contains("busy") && !ran.stdout.contains("else answers"), "{ran:#?}");

    let script = Script::answering(|line| match line {
        "GET /readyz HTTP/1.1" => answer("200 OK", "", r#"{"status":"ok","checks":[]}"#),
        "GET /livez HTTP/1.1" => answer("200 OK", "", ""),
        _ => problem("429 Too Many Requests", "too_many_requests"),
    });
    let findings = Shell::program(&script).run(&["--json", "doctor"]).expect(1).stdout;
    let findings = findings.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    for finding in
        findings.filter(|finding| ["mail", "caller"].map(Value::from).contains(&finding["check"]))
    {
        assert_eq!(finding["advice"], "The service is busy: try again later.", "{finding:#}");
    }
}
