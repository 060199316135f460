//! `migrate`, `backup`, `restore`

use std::fs;
use std::sync::Arc;

use rollcall_testkit::build::workspace;

use crate::service;
use crate::shell::Shell;

#[test]
fn a_database_is_what_it_was_after_a_restore() {
    let state = tempfile::tempdir().unwrap();
    let builder = service::builder().state_dir(state.path());
    let admin = Shell::at(Arc::new(builder.start())).signed_in_as_admin();
    let kept = admin.create_user("kept@example.com");
    let place = ["--app", workspace().to_str().unwrap(), "--state", state.path().to_str().unwrap()];

    admin.run(&[&["backup", "monday.db"], &place[..]].concat()).expect(0);
    assert!(admin.file("monday.db").is_file());
    admin
        .run(&[&["backup", "monday.db"], &place[..]].concat())
        .expect(1)
        .saying("is there already");
    let lost = admin.create_user("lost@example.com");

    admin.run(&[&["restore", "monday.db"], &place[..]].concat()).expect(2).saying("--yes");
    admin.run(&["users", "get", &lost]).expect(0);
    let restored = admin.run(&[&["--json", "restore", "monday.db", "--yes"], &place[..]].concat());
    assert_eq!(restored.expect(0).stdout, "");
    admin.run(&["users", "get", &kept]).expect(0);
    admin.run(&["users", "get", &lost]).expect(4);
}

#[test]
fn it_says_what_it_needs_where_rollcall_is_not() {
    let nobody = Shell::nobody();
    for command in [&["migrate"][..], &["backup", "b"], &["restore", "b", "--yes"]] {
        nobody.run(command).expect(2).saying("--app");
    }
    assert!(fs::read_dir(nobody.file("")).unwrap().next().is_none());
}
