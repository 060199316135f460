//! How it prints: tables, JSON, what is wrong, and to whom nobody listens.

use std::io;
use std::process::Stdio;

use serde_json::Value;

use crate::shell::Shell;

#[test]
fn a_list_stops_at_its_limit_and_says_so() {
    let admin = Shell::admin();
    (0..3).for_each(|n| drop(admin.create_user(&format!("listed-{n}@example.com"))));
    let some = admin.run(&["--json", "users", "list", "--limit", "2"]).expect(0).saying("--all");
    assert_eq!(some.stdout.lines().count(), 2);
    let all = admin.run(&["--json", "users", "list", "--all"]).expect(0);
    assert!(all.stdout.lines().count() > 3);
    assert_eq!(all.stderr, "");
}

#[test]
fn a_table_has_no_colours_where_there_is_no_terminal() {
    let admin = Shell::admin();
    let table = admin.run(&["users", "list"]).expect(0).stdout;
    let mut lines = table.lines();
    let titles: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(titles, ["ID", "EMAIL", "NAME", "ROLES", "VERIFIED", "CREATED", "SUSPENDED"]);
    assert!(lines.next().unwrap().contains("  admin@example.com  "));
    assert!(!table.contains('\u{1b}'));
    assert!(!admin.run(&["doctor"]).expect(0).stdout.contains('\u{1b}'));
}

#[test]
fn a_reader_that_went_away_is_no_panic() {
    let admin = Shell::admin();
    for command in [&["users", "list"][..], &["--json", "users", "list"], &["completions", "bash"]]
    {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output = admin.command(command).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(
            (output.status.code(), &output.stderr[..]),
            (Some(141), &b""[..]),
            "{command:?}"
        );
    }
}

#[test]
fn a_service_that_is_not_there_is_another_exit_code_than_one_that_refuses() {
    let away =
        Shell::nobody().with("ROLLCALL_API_KEY", "k").with("ROLLCALL_URL", "http://127.0.0.1:1");
    away.run(&["users", "list"]).expect(6).saying("http://127.0.0.1:1: it is not reached");
    away.run(&["doctor"]).expect(1);
}

#[test]
fn a_wrong_command_line_is_refused_before_anything_is_sent() {
    let admin = Shell::admin();
    let wrong = [
        &["users", "lst"][..],
        &["users", "create"],
        &["users", "update", "1"],
        &["users", "list", "--limit", "0"],
        &["users", "create", "--email", "a@example.com", "--name", "A", "--metadata", "[]"],
        &["roles", "update", "user"],
        &["sessions", "end"],
        &["keys", "create", "k", "-p", "users:read", "--expires", "soon"],
        &["--url", "ftp://example.com", "whoami"],
        &["audit", "list", "--since", "yesterday"],
        &["audit", "verify", "--seen", "1"],
        &["audit", "follow", "-n", "201"],
        &["--timeout", "0s", "whoami"],
        &["--timeout", "soon", "whoami"],
    ];
    for command in wrong {
        let ran = admin.run(command).expect(2);
        assert_eq!(ran.stdout, "", "{command:?}");
    }
}

#[test]
fn help_tells_the_exit_codes_and_every_command_helps() {
    let nobody = Shell::nobody();
    let help = nobody.run(&["--help"]).expect(0).stdout;
    assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{help}");
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<_> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert!(commands.len() > 12, "{commands:?}");
    for command in commands {
        nobody.run(&["help", command]).expect(0);
    }
}

#[test]
fn every_shell_gets_its_completions() {
    let nobody = Shell::nobody();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = nobody.run(&["completions", shell]).expect(0).stdout;
        assert!(script.contains("reset-factors"), "{shell}");
    }
    nobody.run(&["completions", "tcsh"]).expect(2);
}

#[test]
fn the_doctor_looks_at_everything_that_the_caller_may_see() {
    let admin = Shell::admin();
    let findings = admin.json_lines(&["doctor"]);
    let of = |check: &str| {
        let found = findings.iter().find(|finding| finding["check"] == check);
        found.unwrap_or_else(|| panic!("{check} in {findings:#?}"))["status"].clone()
    };
    let fine = ["reachable", "version", "clock", "settings", "database", "migrations", "transport"];
    let fine = fine.into_iter().chain(["origins", "caller", "tokens", "audit"]);
    fine.for_each(|check| assert_eq!(of(check), "ok", "{check}"));
    // This one is for tests: nothing is mailed, and it does not know its port.
    assert_eq!((of("mail"), of("public_url")), ("warn".into(), "warn".into()));
    admin.run(&["doctor", "--strict"]).expect(1);
}

#[test]
fn the_doctor_names_what_is_wrong_and_what_to_do() {
    let sick = crate::service::builder().variable("log_level", "loud").start();
    let ran = Shell::at(sick.into()).run(&["--json", "doctor"]).expect(1);
    let findings = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let failed: Vec<_> = findings.filter(|finding| finding["status"] == "fail").collect();
    let [settings] = &failed[..] else { panic!("{failed:#?}") };
    assert_eq!(settings["check"], "settings");
    assert!(settings["detail"].as_str().unwrap().contains("log_level"), "{settings:#}");
    assert!(settings["advice"].is_string(), "{settings:#}");
}
