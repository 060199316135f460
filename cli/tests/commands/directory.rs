//! `users`, `roles`, `invitations`

use serde_json::json;

use crate::shell::Shell;

#[test]
fn a_user_is_created_changed_and_deleted() {
    let admin = Shell::admin();
    let made = admin.json(&[
        "users",
        "create",
        "--email",
        "grace@example.com",
        "--name",
        "Grace",
        "--external-id",
        "crm-1",
        "--metadata",
        r#"{"plan": "pro", "seats": 3}"#,
        "--private-metadata",
        r#"{"score": 1}"#,
    ]);
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["metadata"], json!({"plan": "pro", "seats": 3}));
    assert_eq!(made["private_metadata"], json!({"score": 1}));

    let changed = admin.json(&[
        "users",
        "update",
        id,
        "--name",
        "Grace Hopper",
        "--metadata",
        r#"{"seats": null}"#,
        "--no-external-id",
        "--if-version",
        "1",
    ]);
    assert_eq!(changed["name"], "Grace Hopper");
    assert_eq!(changed["metadata"], json!({"plan": "pro"}));
    assert_eq!((&made["external_id"], &changed["external_id"]), (&json!("crm-1"), &json!(null)));
    assert_eq!(admin.json(&["users", "get", id]), changed);

    let late = ["users", "update", id, "--name", "Late", "--if-version", "1"];
    admin.run(&late).expect(5).saying("precondition_failed");
    assert!(!admin.json(&["users", "suspend", id])["suspended_at"].is_null());
    assert!(admin.json(&["users", "unsuspend", id])["suspended_at"].is_null());

    admin.run(&["users", "delete", id]).expect(2).saying("--yes");
    let said = admin.run(&["users", "delete", id, "--yes"]).expect(0).stdout;
    assert_eq!(said, "Deleted grace@example.com.\n");
    admin.run(&["users", "get", id]).expect(4).saying("not_found");
}

#[test]
fn what_the_service_refuses_is_told_field_by_field() {
    let admin = Shell::admin();
    let wrong = ["users", "create", "--email", "grace", "--name", ""];
    let told = admin.run(&wrong).expect(1).saying("validation_failed").saying("\n  email: must be");
    assert!(
        told.stderr.contains("\n  name: must not be empty (required)\n  request: "),
        "{told:#?}"
    );
    let told = admin.run(&[&["--json"], &wrong[..]].concat()).expect(1);
    assert_eq!(told.stdout, "");
    let problem: serde_json::Value = serde_json::from_str(&told.stderr).unwrap();
    assert_eq!(problem["errors"][1]["code"], "required");
}

#[test]
fn an_address_is_taken_once() {
    let admin = Shell::admin();
    admin.create_user("taken@example.com");
    let again = ["users", "create", "--email", "taken@example.com", "--name", "Other"];
    admin.run(&again).expect(5).saying("email_taken");
}

#[test]
fn roles_are_made_given_changed_and_taken() {
    let admin = Shell::admin();
    admin.run(&["roles", "create", "helper", "-p", "users:read,sessions:read"]).expect(0);
    let change = ["roles", "update", "helper", "--add", "audit:read", "--remove", "sessions:read"];
    assert_eq!(admin.json(&change)["permissions"], json!(["audit:read", "users:read"]));

    let id = admin.create_user("helper@example.com");
    let given = admin.json(&["users", "roles", &id, "--add", "helper"]);
    assert_eq!(given, json!({"id": id, "roles": ["helper", "user"]}));
    admin.run(&["roles", "delete", "helper", "--yes"]).expect(5);
    assert_eq!(admin.run(&["users", "roles", &id]).expect(0).stdout, "helper\nuser\n");
    admin.run(&["users", "roles", &id, "--set", "user"]).expect(0);
    admin.run(&["roles", "delete", "helper", "--yes"]).expect(0);
    admin.run(&["roles", "get", "helper"]).expect(4);
}

#[test]
fn an_empty_list_is_none() {
    let admin = Shell::admin();
    admin.run(&["roles", "create", "emptied", "-p", "users:read"]).expect(0);
    let role = admin.json(&["roles", "update", "emptied", "--set", ""]);
    assert_eq!(role["permissions"], json!([]));
    let id = admin.create_user("emptied@example.com");
    assert_eq!(admin.json(&["users", "roles", &id, "--set", ""])["roles"], json!([]));
    admin.run(&["users", "roles", &id, "--set", "user,"]).expect(1);
}

#[test]
fn somebody_is_invited_until_the_invitation_is_taken_back() {
    let admin = Shell::admin();
    let made = admin.json(&["invitations", "create", "guest@example.com"]);
    assert_eq!(made["roles"], json!(["user"]));
    let id = made["id"].as_str().unwrap();
    let is_listed = || {
        let listed = admin.json_lines(&["invitations", "list", "--all"]);
        listed.iter().any(|invitation| invitation["id"] == id)
    };
    assert!(is_listed());
    admin.run(&["invitations", "delete", id]).expect(2).saying("--yes");
    assert!(is_listed());
    admin.run(&["invitations", "delete", id, "--yes"]).expect(0);
    assert!(!is_listed());
}

#[test]
fn users_are_found_by_a_part_of_their_address_or_name() {
    let admin = Shell::admin();
    let id = admin.create_user("Needle@haystack.example.com");
    let found = |arguments: &[&str]| {
        let users = admin.json_lines(arguments);
        users.into_iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let only = vec![id.clone()];
    assert_eq!(found(&["users", "find", "haystack"]), only);
    assert_eq!(found(&["users", "find", r#"hay" or "stack"#]), Vec::<String>::new());
    assert_eq!(found(&["users", "list", "--email", "needle@haystack.example.com"]), only);
    let filter = r#"email sw "needle@" and role eq "user""#;
    assert_eq!(found(&["users", "list", "--filter", filter, "--sort", "-created_at"]), only);
    assert_eq!(admin.json(&["users", "get", "needle@HAYSTACK.example.com"])["id"], id);
    admin.run(&["users", "get", "nobody@haystack.example.com"]).expect(4);
    admin.run(&["users", "list", "--filter", "nonsense"]).expect(1).saying("filter: ");
}
