//! `audit`

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::script::{Script, answer};
use crate::shell::Shell;

#[test]
fn what_happened_is_listed_by_kind_actor_and_subject() {
    let admin = Shell::admin();
    let id = admin.create_user("watched@example.com");
    admin.run(&["users", "suspend", &id]).expect(0);
    let me = format!("user:{}", admin.json(&["whoami"])["id"].as_str().unwrap());
    let events = admin.json_lines(&["audit", "list", "--subject", &id, "--actor", &me]);
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["user.suspended", "user.created"]);
    let since = events[0]["at"].as_str().unwrap();
    let later = ["audit", "list", "--subject", &id, "--since", since, "--kind", "user.created"];
    assert_eq!(admin.json_lines(&later), Vec::<serde_json::Value>::new());
}

#[test]
fn a_trail_that_was_seen_is_still_there_and_another_is_not() {
    let admin = Shell::admin();
    let found = admin.json(&["audit", "verify"]);
    assert_eq!(found["intact"], true);
    let seen = format!("{}:{}", found["position"], found["hash"].as_str().unwrap());
    let said = admin.run(&["audit", "verify", "--seen", &seen]).expect(0).stdout;
    assert!(said.starts_with("The chain of "), "{said}");
    let other = format!("{}:{}", found["position"], "0".repeat(64));
    admin.run(&["audit", "verify", "--seen", &other]).expect(1).saying("does not hold");
}

#[test]
fn a_trail_that_ends_before_what_was_seen_does_not_hold() {
    let admin = Shell::admin();
    let seen = format!("1000000:{}", "0".repeat(64));
    let verify = ["audit", "verify", "--seen", &seen];
    admin.run(&verify).expect(1).saying("ends before position 1000000, which was seen");
    let told = admin.run(&[&["--json"], &verify[..]].concat()).expect(1).stderr;
    assert!(told.contains("does not hold"), "{told}");
}

#[test]
fn another_service_has_no_trail() {
    let script = Script::answering(|_| answer("404 Not Found", "", "no such page"));
    let seen = format!("1:{}", "0".repeat(64));
    Shell::program(&script).run(&["audit", "verify", "--seen", &seen]).expect(4);
}

#[test]
fn what_happens_is_followed_until_ctrl_c() {
    let admin = Shell::admin();
    let mut follow =
        admin.command(&["--json", "audit", "follow", "-n", "1", "--kind", "role.created"]);
    admin.run(&["roles", "create", "followed-1"]).expect(0);
    let mut child = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || {
        let event: serde_json::Value =
            serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        event["subject"].as_str().unwrap().to_owned()
    };
    assert_eq!(next(), "role:followed-1");
    admin.run(&["roles", "create", "followed-2"]).expect(0);
    admin.run(&["roles", "create", "followed-3"]).expect(0);
    assert_eq!([next(), next()], ["role:followed-2", "role:followed-3"]);
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
