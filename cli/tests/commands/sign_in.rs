//! Who calls: `login`, `logout`, `whoami`, `sessions`, keys and tokens.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use crate::service::{ADMIN, PASSWORD};
use crate::shell::{Run, Shell};

#[test]
fn nobody_is_told_to_sign_in() {
    let nobody = Shell::nobody();
    for command in [&["users", "list"][..], &["whoami"], &["logout"], &["audit", "verify"]] {
        let ran = nobody.run(command).expect(3).saying("rollcall login");
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn who_signs_in_is_known_until_they_sign_out() {
    let admin = Shell::admin();
    let me = admin.json(&["whoami"]);
    assert_eq!((&me["email"], &me["roles"]), (&ADMIN.into(), &serde_json::json!(["admin"])));
    let said = admin.run(&["logout"]).expect(0).stdout;
    assert_eq!(said, format!("Signed out of {}.\n", admin.url()));
    admin.run(&["whoami"]).expect(3);
}

#[test]
fn the_service_that_was_signed_in_to_is_the_one_that_is_meant() {
    let admin = Shell::admin();
    let mut elsewhere = admin.command(&["whoami"]);
    elsewhere.env_remove("ROLLCALL_URL");
    elsewhere.run("").expect(0);
}

#[test]
fn only_its_owner_reads_a_session() {
    let admin = Shell::admin();
    let mode = |path: &str| fs::metadata(admin.file(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(".config/rollcall/sessions.json"), 0o600);
    assert_eq!(mode(".config/rollcall"), 0o700);
}

#[test]
fn a_wrong_password_signs_nobody_in() {
    let nobody = Shell::nobody();
    let login = ["login", "--email", "nobody@example.com", "--password-stdin"];
    nobody.feed(&login, "wrong").expect(3).saying("invalid_credentials");
    nobody.run(&["whoami"]).expect(3);
}

#[test]
fn signing_in_anew_ends_the_session_before() {
    let admin = Shell::admin();
    let id = admin.create_user("twice@example.com");
    let twice = Shell::nobody();
    for _ in 0..2 {
        let login = ["login", "--email", "twice@example.com", "--password-stdin"];
        twice.feed(&login, PASSWORD).expect(0);
    }
    assert_eq!(admin.json_lines(&["sessions", "list", "--user", &id]).len(), 1);
    admin.run(&["sessions", "end", "--user", &id]).expect(2).saying("--yes");
    admin.run(&["sessions", "end", "--user", &id, "--yes"]).expect(0);
    twice.run(&["whoami"]).expect(3);
}

#[test]
fn an_access_token_that_has_ended_is_refreshed_and_kept() {
    let admin = Shell::admin();
    let file = admin.file(".config/rollcall/sessions.json");
    let kept = |name: &str| {
        let kept: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        kept["sessions"][admin.url()][name].clone()
    };
    let before = (kept("access_token"), kept("refresh_token"));
    let text = fs::read_to_string(&file).unwrap();
    let ended = text.replace(&kept("expires_at").to_string(), "1");
    fs::write(&file, ended).unwrap();
    admin.run(&["whoami"]).expect(0);
    assert_ne!((kept("access_token"), kept("refresh_token")), before);
    assert!(kept("expires_at").as_u64().unwrap() > 1);
}

#[test]
fn programs_that_refresh_at_the_same_time_keep_the_session() {
    let admin = Shell::admin();
    let file = admin.file(".config/rollcall/sessions.json");
    for _ in 0..3 {
        let text = fs::read_to_string(&file).unwrap();
        let mut kept: serde_json::Value = serde_json::from_str(&text).unwrap();
        kept["sessions"][admin.url()]["expires_at"] = 1.into();
        fs::write(&file, kept.to_string()).unwrap();
        let programs: Vec<_> = (0..8).map(|_| admin.command(&["whoami"])).collect();
        thread::scope(|scope| {
            for mut program in programs {
                scope.spawn(move || program.run("").expect(0));
            }
        });
    }
}

#[test]
fn a_key_may_what_it_was_made_for_until_it_is_revoked() {
    let admin = Shell::admin();
    let made = admin.json(&["keys", "create", "ci", "-p", "users:read", "--expires", "90d"]);
    let program = Shell::nobody().with("ROLLCALL_API_KEY", made["key"].as_str().unwrap());
    assert_eq!(program.json(&["whoami"]), serde_json::json!({"kind": "api_key"}));
    program.run(&["users", "list"]).expect(0);
    program.run(&["roles", "list"]).expect(3).saying("roles:read");
    let id = made["id"].as_str().unwrap();
    let listed = admin.json_lines(&["keys", "list", "--all"]);
    let listed = listed.iter().find(|key| key["id"] == id).unwrap();
    assert_eq!((&listed["name"], listed.get("key")), (&"ci".into(), None));
    admin.run(&["keys", "delete", id, "--yes"]).expect(0);
    program.run(&["users", "list"]).expect(3).saying("unauthenticated");
}

#[test]
fn a_key_and_a_token_are_one_too_many() {
    let both = Shell::nobody().with("ROLLCALL_API_KEY", "a").with("ROLLCALL_TOKEN", "b");
    both.run(&["users", "list"]).expect(2).saying("which is meant");
}

#[test]
fn dots_are_nobodys_id() {
    let admin = Shell::admin();
    let other = Shell::admin();
    for id in [".", ".."] {
        admin.run(&["sessions", "end", id, "--yes"]).expect(2).saying("no id or name");
        admin.run(&["users", "get", id]).expect(2);
    }
    other.run(&["whoami"]).expect(0);
}
