//! `/api/v1/roles` and `/api/v1/permissions`.

use insta::assert_snapshot;
use rollcall::domain::role::Permission;
use rollcall::store::database::{Database, Dialect, Statement};
use serde_json::json;

use crate::support::TestApp;

const ROLES: &str = "/api/v1/roles";

#[tokio::test]
async fn a_role_is_made_replaced_and_deleted() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let role = json!({"name": "support", "permissions": ["users:read", "own:thing", "users:read"]});
    assert_snapshot!(admin.post(ROLES, role).await, @r#"
    201 Created
    content-type: application/json
    etag: "1"
    location: /api/v1/roles/support

    {
      "built_in": false,
      "created_at": "2026-01-01T00:00:00.000000Z",
      "name": "support",
      "permissions": [
        "own:thing",
        "users:read"
      ],
      "updated_at": "2026-01-01T00:00:00.000000Z",
      "version": 1
    }
    "#);
    let path = format!("{ROLES}/support");
    let permissions = json!({"name": "support", "permissions": ["sessions:read"]});
    admin.put(&path, permissions.clone()).await.assert_problem(428, "precondition_required");
    let first = admin.with("if-match", "\"1\"");
    assert_snapshot!(first.put(&path, permissions.clone()).await, @r#"
    200 OK
    content-type: application/json
    etag: "2"

    {
      "built_in": false,
      "created_at": "2026-01-01T00:00:00.000000Z",
      "name": "support",
      "permissions": [
        "sessions:read"
      ],
      "updated_at": "2026-01-01T00:00:00.000000Z",
      "version": 2
    }
    "#);
    first.put(&path, permissions).await.assert_problem(412, "precondition_failed");
    let replaced = admin.get(&path).await.assert_status(200);
    assert_eq!(replaced.body["permissions"], json!(["sessions:read"]));
    first.delete(&path).await.assert_problem(412, "precondition_failed");
    admin.delete(&path).await.assert_status(204);
    admin.get(&path).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn nobody_takes_a_role_for_one_of_its_name_that_was_deleted() {
    let app = TestApp::new().await;
    let (admin, path) = (app.admin().await, format!("{ROLES}/support"));
    app.role("support", &["users:read"]).await;
    let seen = admin.get(&path).await.assert_status(200);
    let tag = seen.header("etag").unwrap();
    admin.delete(&path).await.assert_status(204);
    app.clock.advance(std::time::Duration::from_micros(1));
    app.role("support", &["users:write"]).await;
    admin.with("if-none-match", tag).get(&path).await.assert_status(200);
    let seen = admin.with("if-match", tag);
    let none = json!({"permissions": []});
    seen.put(&path, none).await.assert_problem(412, "precondition_failed");
    seen.delete(&path).await.assert_problem(412, "precondition_failed");
}

#[tokio::test]
async fn roles_are_listed_by_name_and_some_are_always_there() {
    let app = TestApp::new().await;
    app.role("support", &[]).await;
    let admin = app.admin().await;
    let first = admin.get(format!("{ROLES}?limit=2")).await.assert_status(200);
    let names = |body: &serde_json::Value| {
        let items = body["items"].as_array().unwrap().iter();
        items.map(|item| (item["name"].clone(), item["built_in"].clone())).collect::<Vec<_>>()
    };
    let entry = |name, built_in| (json!(name), json!(built_in));
    assert_eq!(names(&first.body), [entry("admin", true), entry("support", false)]);
    let next = format!("{ROLES}?limit=2&cursor={}", first.text_at("/next_cursor"));
    assert_eq!(first.header("link"), Some(&*format!("<{next}>; rel=\"next\"")));
    let second = admin.get(next).await.assert_status(200);
    assert_eq!(names(&second.body), [entry("user", true)]);
    assert_eq!(second.body["next_cursor"], json!(null));
}

#[tokio::test]
async fn roles_are_listed_in_the_order_of_bytes_whatever_the_collation_of_the_database() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    // As `CREATE DATABASE` does, for a language that has `aa` behind `z`.
    if app.database.dialect() == Dialect::Postgres {
        let danish = "ALTER TABLE roles ALTER COLUMN name TYPE TEXT COLLATE \"da-x-icu\"";
        app.sql(danish, Vec::new()).await;
    }
    for role in ["zz", "ab", "aa", "a-b", "a1"] {
        app.role(role, &[]).await;
    }
    let mut names = Vec::new();
    let mut next = Some(format!("{ROLES}?limit=2"));
    while let Some(path) = next {
        let page = admin.get(path).await.assert_status(200).body;
        names.extend(page["items"].as_array().unwrap().iter().map(|role| role["name"].clone()));
        next = page["next_cursor"].as_str().map(|next| format!("{ROLES}?limit=2&cursor={next}"));
    }
    assert_eq!(names, ["a-b", "a1", "aa", "ab", "admin", "user", "zz"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_role_is_told_by_its_place() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let role = json!({"name": "No Role", "permissions": ["users:read", "*", "Users:Read", 1]});
    let answer = admin.post(ROLES, role).await.assert_problem(422, "validation_failed");
    let expected = [
        ("name", "invalid_role"),
        ("permissions.1", "invalid_permission"),
        ("permissions.2", "invalid_permission"),
        ("permissions.3", "wrong_type"),
    ];
    assert_eq!(answer.field_errors(), expected);
    app.role("support", &[]).await;
    let again = json!({"name": "support", "permissions": []});
    admin.post(ROLES, again).await.assert_problem(409, "role_exists");
    let renamed = json!({"name": "other", "permissions": []});
    let answer = admin.with("if-match", "*").put(format!("{ROLES}/support"), renamed).await;
    assert_eq!(answer.field_errors(), [("name", "read_only")]);
}

#[tokio::test]
async fn nobody_puts_into_a_role_or_takes_out_of_it_what_they_do_not_hold() {
    let app = TestApp::new().await;
    app.role("lead", &["roles:write", "users:read"]).await;
    app.role("strong", &["keys:write"]).await;
    let lead = app.user_with_roles("lead", &["lead"]).await.with("if-match", "*");
    let before = app.contents();
    for (name, permissions) in [("new", json!(["keys:write"])), ("new", json!(["users:write"]))] {
        let role = json!({"name": name, "permissions": permissions});
        lead.post(ROLES, role).await.assert_problem(403, "forbidden");
    }
    let own = format!("{ROLES}/lead");
    let more = json!({"permissions": ["roles:write", "users:read", "users:write"]});
    lead.put(&own, more).await.assert_problem(403, "forbidden");
    let strong = format!("{ROLES}/strong");
    lead.put(&strong, json!({"permissions": []})).await.assert_problem(403, "forbidden");
    lead.delete(&strong).await.assert_problem(403, "forbidden");
    assert_eq!(app.contents(), before);
    let role = json!({"name": "new", "permissions": ["users:read"]});
    lead.post(ROLES, role).await.assert_status(201);
}

#[tokio::test]
async fn what_a_role_allows_changes_at_the_next_request() {
    let app = TestApp::new().await;
    app.role("reader", &["users:read"]).await;
    let reader = app.user_with_roles("reader", &["reader"]).await;
    reader.get("/api/v1/users").await.assert_status(200);
    let admin = app.admin().await.with("if-match", "*");
    let role = format!("{ROLES}/reader");
    admin.put(&role, json!({"permissions": []})).await.assert_status(200);
    reader.get("/api/v1/users").await.assert_problem(403, "forbidden");
    admin.put(&role, json!({"permissions": ["users:read"]})).await.assert_status(200);
    reader.get("/api/v1/users").await.assert_status(200);
}

#[tokio::test]
async fn a_role_that_somebody_holds_stays() {
    let app = TestApp::new().await;
    app.role("support", &[]).await;
    let alice = app.user_with_roles("alice", &["support"]).await;
    let (admin, role) = (app.admin().await, format!("{ROLES}/support"));
    admin.delete(&role).await.assert_problem(409, "role_in_use");
    admin.delete(format!("/api/v1/users/{}", alice.id)).await.assert_status(204);
    admin.delete(&role).await.assert_status(204);
}

#[tokio::test]
async fn of_giving_a_role_and_deleting_it_one_comes_first() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let (role, path) = (format!("{ROLES}/support"), format!("/api/v1/users/{}/roles", alice.id));
    for _ in 0..25 {
        app.role("support", &[]).await;
        let admin = admin.with("if-match", "*");
        let give = admin.put(&path, json!({"roles": ["support"]}));
        let (given, deleted) = tokio::join!(give, admin.delete(&role));
        match (given.status.as_u16(), deleted.status.as_u16()) {
            (200, 409) => {
                admin.put(&path, json!({"roles": []})).await.assert_status(200);
                admin.delete(&role).await.assert_status(204);
            }
            (422, 204) => {}
            _ => panic!("{given}\n{deleted}"),
        }
    }
}

#[tokio::test]
async fn clients_learn_which_permissions_there_are() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let list = alice.get("/api/v1/permissions").await.assert_status(200).body;
    let expected = Permission::CHECKED
        .iter()
        .map(|(name, meaning)| json!({"name": name.as_str(), "description": meaning}));
    assert_eq!(list, json!({"items": expected.collect::<Vec<_>>(), "next_cursor": null}));
}

#[test]
fn the_documentation_lists_the_same_permissions() {
    let documentation = include_str!("../../docs/authorization.md");
    let documented = documentation.lines().filter(|line| line.starts_with("| `"));
    let checked = Permission::CHECKED.iter();
    let checked: Vec<_> =
        checked.map(|(name, meaning)| format!("| `{name}` | {meaning} |")).collect();
    assert_eq!(documented.collect::<Vec<_>>(), checked);
}

#[tokio::test]
async fn versions_do_not_begin_again_where_another_role_of_the_name_comes_and_goes_meanwhile() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let deleted = "INSERT INTO events (id, kind, actor, subject, at, request_id) \
         VALUES ('019b76da-a801-7000-8000-000000000001', 'role.deleted', 'service', \
                 'role:support', 1, 'r')";
    app.database.before_commit(vec![Statement::new(deleted, Vec::new())]);
    let role = json!({"name": "support", "permissions": []});
    admin.post(ROLES, role.clone()).await.assert_problem(409, "busy");
    let made = admin.post(ROLES, role).await.assert_status(201);
    assert!(made.body["version"].as_i64().unwrap() > 1, "{made}");
}
