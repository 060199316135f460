//! The files that commands read and write.

use std::fs;
use std::os::unix::fs::symlink;

use crate::script::{Script, answer, problem};
use crate::shell::Shell;

/// A line that is refused, and how it ended.
const REFUSED: &str = r#"{"line":1,"status":"failed","error":{"code":"c","detail":"D","errors":[]}}
{"summary":{"lines":1,"created":0,"updated":0,"unchanged":0,"failed":1,"dry_run":false,"complete":true}}
"#;
/// How it ended where nothing was refused.
const TAKEN: &str = r#"{"summary":{"lines":1,"created":1,"updated":0,"unchanged":0,"failed":0,"dry_run":false,"complete":true}}
"#;

/// A service whose imports tell this.
fn importing(told: &'static str) -> Script {
    Script::answering(move |_| answer("200 OK", "content-type: application/x-ndjson\r\n", told))
}

#[test]
fn what_is_refused_is_not_written_over_what_is_imported() {
    let program = Shell::program(&importing(REFUSED));
    let input = program.file("users.ndjson");
    fs::write(&input, "{}\n").unwrap();
    symlink("users.ndjson", program.file("symbolic")).unwrap();
    fs::hard_link(&input, program.file("hard")).unwrap();
    for failures in ["users.ndjson", "./users.ndjson", "symbolic", "hard"] {
        let import = ["import", "users.ndjson", "--failures", failures];
        program.run(&import).expect(2).saying("the same file");
        assert_eq!(fs::read_to_string(&input).unwrap(), "{}\n", "{failures}");
    }
}

#[test]
fn what_is_refused_is_not_written_over_the_standard_input() {
    let program = Shell::program(&importing(REFUSED));
    let input = program.file("users.ndjson");
    fs::write(&input, "{}\n").unwrap();
    let mut import = program.command(&["import", "-", "--failures", "users.ndjson"]);
    let output = import.stdin(fs::File::open(&input).unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(fs::read_to_string(&input).unwrap(), "{}\n");
}

#[test]
fn a_folder_is_no_list_of_users() {
    let script = importing(TAKEN);
    let program = Shell::program(&script);
    fs::create_dir(program.file("folder")).unwrap();
    program.run(&["import", "folder"]).expect(2).saying("folder is a folder");
    program.run(&["import", "no-such-file"]).expect(1).saying("no-such-file: ");
}

#[test]
fn an_import_that_does_not_begin_leaves_the_failures_of_the_last_one() {
    let script = Script::answering(|_| problem("401 Unauthorized", "unauthenticated"));
    let program = Shell::program(&script);
    fs::write(program.file("refused.ndjson"), "before").unwrap();
    program.feed(&["import", "-", "--failures", "refused.ndjson"], "{}\n").expect(3);
    assert_eq!(fs::read_to_string(program.file("refused.ndjson")).unwrap(), "before");
}

#[test]
fn there_are_failures_of_this_import_or_none() {
    let import = ["import", "-", "--failures", "refused.ndjson"];
    let failing = Shell::program(&importing(REFUSED));
    failing.feed(&import, "{}\n").expect(1);
    let told = fs::read_to_string(failing.file("refused.ndjson")).unwrap();
    assert_eq!(told.lines().collect::<Vec<_>>(), REFUSED.lines().take(1).collect::<Vec<_>>());

    let fine = Shell::program(&importing(TAKEN));
    fine.feed(&import, "{}\n").expect(0);
    assert!(!fine.file("refused.ndjson").exists());
    fs::write(fine.file("refused.ndjson"), "before").unwrap();
    fine.feed(&import, "{}\n").expect(0);
    assert_eq!(fs::read_to_string(fine.file("refused.ndjson")).unwrap(), "");
}
