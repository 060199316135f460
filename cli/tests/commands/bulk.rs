//! `import`, `export`

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::shell::Shell;

/// Two users, and between them a line that is none.
const USERS: &str = r#"{"external_id": "bulk-1", "email": "bulk-1@example.com", "name": "One"}
{"external_id": "bulk-2", "email": "nowhere", "name": ""}
{"external_id": "bulk-3", "email": "bulk-3@example.com", "name": "Three"}
"#;

/// What a summary counts.
fn counts(told: &Value) -> [u64; 5] {
    ["lines", "created", "updated", "unchanged", "failed"].map(|name| {
        let count = told["summary"][name].as_u64();
        count.unwrap_or_else(|| panic!("{name} in {told:#}"))
    })
}

#[test]
fn what_is_good_is_imported_and_what_is_not_is_named_by_its_line() {
    let admin = Shell::admin();
    fs::write(admin.file("users.ndjson"), USERS.replace("bulk", "first")).unwrap();

    let tried = admin.run(&["import", "users.ndjson", "--dry-run"]).expect(1);
    assert_eq!(tried.stdout, "3 lines: would be 2 created, 0 updated, 0 unchanged, 1 refused\n");
    admin.run(&["users", "get", "first-1@example.com"]).expect(4);

    let done = admin.run(&["import", "users.ndjson"]).expect(1);
    assert_eq!(done.stdout, "3 lines: 2 created, 0 updated, 0 unchanged, 1 refused\n");
    let told: Vec<_> = done.stderr.lines().collect();
    let [email, name] = &told[..] else { panic!("{told:#?}") };
    assert!(email.starts_with("line 2: email: must be an email address"), "{email}");
    assert!(name.starts_with("line 2: name: must not be empty"), "{name}");
    admin.run(&["users", "get", "first-3@example.com"]).expect(0);
}

#[test]
fn a_line_that_is_something_else_is_told_without_a_field() {
    let admin = Shell::admin();
    let told = admin.feed(&["import", "-"], "[]\n3\n").expect(1).stderr;
    let told: Vec<_> = told.lines().collect();
    let [list, number] = &told[..] else { panic!("{told:#?}") };
    assert!(list.starts_with("line 1: must be "), "{list}");
    assert!(number.starts_with("line 2: must be "), "{number}");
}

#[test]
fn an_import_that_is_repeated_changes_nothing() {
    let admin = Shell::admin();
    let good: String = USERS.lines().step_by(2).map(|line| format!("{line}\n")).collect();
    let good = good.replace("bulk", "again");
    admin.feed(&["import", "-"], &good).expect(0);
    let again = admin.feed(&["--json", "import", "-"], &good).expect(0);
    let summary: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(counts(&summary), [2, 0, 0, 2, 0]);
    let changed = good.replace("Three", "Drei");
    let changed = admin.feed(&["--json", "import", "-"], &changed).expect(0);
    let summary: Value = serde_json::from_str(&changed.stdout).unwrap();
    assert_eq!(counts(&summary), [2, 0, 1, 1, 0]);
}

#[test]
fn what_is_refused_goes_to_the_file_that_is_named() {
    let admin = Shell::admin();
    let csv = "email,name\nfile-1@example.com,One\nnowhere,Two\n";
    fs::write(admin.file("users.csv"), csv).unwrap();
    let done = admin.run(&["import", "users.csv", "--failures", "refused.ndjson"]).expect(1);
    assert_eq!(done.stderr, "");
    let refused = fs::read_to_string(admin.file("refused.ndjson")).unwrap();
    let refused: Value = serde_json::from_str(&refused).unwrap();
    assert_eq!((&refused["line"], &refused["status"]), (&json!(3), &json!("failed")));
    assert_eq!(refused["error"]["errors"][0]["field"], "email");
}

#[test]
fn programs_get_what_is_refused_and_the_summary_as_json() {
    let admin = Shell::admin();
    let done = admin.feed(&["--json", "import", "-"], &USERS.replace("bulk", "json")).expect(1);
    assert_eq!(done.stderr, "");
    let told: Vec<Value> =
        done.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [refused, summary] = &told[..] else { panic!("{told:#?}") };
    assert_eq!(refused["line"], 2);
    assert_eq!(counts(summary), [3, 2, 0, 0, 1]);
}

#[test]
fn who_may_not_import_is_told_so() {
    let admin = Shell::admin();
    let made = admin.json(&["keys", "create", "reader", "-p", "users:read"]);
    let reader = Shell::nobody().with("ROLLCALL_API_KEY", made["key"].as_str().unwrap());
    let many: String = USERS.repeat(20_000);
    reader.feed(&["import", "-"], &many).expect(3).saying("users:write");
    reader.run(&["import", "no-such-file"]).expect(1).saying("no-such-file");
}

#[test]
fn an_export_is_what_an_import_takes() {
    let admin = Shell::admin();
    let id = admin.create_user("exported@example.com");
    let exported = admin.run(&["export"]).expect(0).stdout;
    let users = exported.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let user = users.into_iter().find(|user| user["id"] == id.as_str()).unwrap();
    assert_eq!(user["email"], "exported@example.com");

    admin.run(&["export", "--format", "csv", "-o", "users.csv"]).expect(0);
    let csv = fs::read_to_string(admin.file("users.csv")).unwrap();
    assert!(csv.lines().next().unwrap().contains("email"), "{csv}");
    assert!(csv.contains("exported@example.com"), "{csv}");
    let mode = fs::metadata(admin.file("users.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!admin.file("users.csv.part").exists());
}

#[test]
fn an_export_of_some_has_those_only() {
    let admin = Shell::admin();
    let id = admin.create_user("only-this@example.com");
    let filter = ["export", "--filter", r#"email eq "only-this@example.com""#];
    let lines = admin.json_lines(&filter);
    let [user] = &lines[..] else { panic!("{lines:#?}") };
    assert_eq!(user["id"], id.as_str());
    admin.run(&["export", "--filter", "nonsense", "-o", "none"]).expect(1);
    assert!(!admin.file("none").exists());
}
