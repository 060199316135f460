//! Power that is lost between the question who calls and the commit is lost.

use http::Method;
use rollcall::store::database::Statement;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, TestApp};

/// What others do to a person with this address.
const LOSSES: [&[&str]; 3] = [
    &["UPDATE users SET suspended_at = 1 WHERE email = $1"],
    &["UPDATE sessions SET ended_at = 1 \
       WHERE user_id = (SELECT id FROM users WHERE email = $1)"],
    &[
        "DELETE FROM user_roles WHERE user_id = (SELECT id FROM users WHERE email = $1)",
        "UPDATE users SET version = version + 1 WHERE email = $1",
    ],
];
/// And to a key of this name.
const REVOKED: &[&str] = &["DELETE FROM api_keys WHERE name = $1"];

/// What a key needs for it.
const POWERS: [&str; 4] = ["users:read", "users:write", "roles:write", "api-keys:write"];
/// What gives somebody power, or makes somebody.
const GIVING: [&str; 8] =
    ["user", "import", "batch", "roles", "role", "role's permissions", "key", "invitation"];

/// Does it, to the user with this id.
async fn give(caller: &Client, what: &str, id: &str) -> Response {
    match what {
        "user" | "import" | "batch" => {
            let user = json!({"email": "new@example.com", "name": "New", "roles": ["reader"]});
            give_user(caller, what, user).await
        }
        "roles" => {
            let roles = json!({"roles": ["reader"]});
            caller.with("if-match", "*").put(format!("/api/v1/users/{id}/roles"), roles).await
        }
        "role" => {
            let role = json!({"name": "other", "permissions": ["users:read"]});
            caller.post("/api/v1/roles", role).await
        }
        "role's permissions" => {
            let permissions = json!({"permissions": ["users:read"]});
            caller.with("if-match", "*").put("/api/v1/roles/user", permissions).await
        }
        "key" => {
            let key = json!({"name": "other", "permissions": ["users:read"]});
            caller.post("/api/v1/api-keys", key).await
        }
        "invitation" => {
            let invitation = json!({"email": "new@example.com", "roles": ["reader"]});
            caller.post("/api/v1/invitations", invitation).await
        }
        other => panic!("nothing is called {other}"),
    }
}

/// Makes a user in one of the ways.
async fn give_user(caller: &Client, what: &str, user: Value) -> Response {
    match what {
        "user" => caller.post("/api/v1/users", user).await,
        "import" => {
            let path = "/api/v1/users/import";
            caller.send(Method::POST, path, "application/x-ndjson", user.to_string()).await
        }
        _ => {
            let operations = [json!({"op": "create", "user": user})];
            let body = json!({"mode": "all", "operations": operations});
            caller.post("/api/v1/users/batch", body).await
        }
    }
}

/// Who there is, and what everybody but those who act may do.
async fn given(app: &TestApp) -> Vec<String> {
    let mut rows = Vec::new();
    for sql in [
        "SELECT email FROM users ORDER BY 1",
        "SELECT r.role FROM user_roles r JOIN users u ON u.id = r.user_id \
         WHERE u.email = 'alice@example.com' ORDER BY 1",
        "SELECT name, permissions FROM roles ORDER BY 1",
        "SELECT name FROM api_keys WHERE name <> 'key' ORDER BY 1",
        "SELECT email FROM invitations ORDER BY 1",
        "SELECT kind FROM events ORDER BY id",
    ] {
        rows.push(format!("{:?}", app.sql(sql, Vec::new()).await));
    }
    rows
}

/// Somebody to give something to, and something to give.
async fn receiver(app: &TestApp) -> Client {
    let role = json!({"name": "reader", "permissions": ["users:read"]});
    app.admin().await.post("/api/v1/roles", role).await.assert_status(201);
    app.user("alice").await
}

async fn gives_nothing(
    app: &TestApp,
    caller: &Client,
    what: &str,
    loss: &[&'static str],
    of: &str,
) {
    let alice = receiver(app).await;
    let before = given(app).await;
    let statement = |sql: &&'static str| Statement::new(*sql, vec![of.into()]);
    app.database.before_commit(loss.iter().map(statement).collect());
    let answer = give(caller, what, &alice.id).await;
    assert_eq!(given(app).await, before, "{what}, {loss:?}: {answer}");
}

#[tokio::test]
async fn whoever_has_the_power_gives_it() {
    for what in GIVING {
        let app = TestApp::new().await;
        let alice = receiver(&app).await;
        let (admin, before) = (app.admin().await, given(&app).await);
        let answer = give(&admin, what, &alice.id).await;
        assert!(answer.status.is_success() && given(&app).await != before, "{what}: {answer}");
    }
}

#[tokio::test]
async fn whoever_loses_their_power_before_the_commit_gives_none() {
    for what in GIVING {
        for loss in LOSSES {
            let app = TestApp::new().await;
            let admin = app.admin().await;
            gives_nothing(&app, &admin, what, loss, &admin.email).await;
        }
    }
}

/// The permissions of a role do not show in the versions of those who have it.
#[tokio::test]
async fn whose_role_loses_its_power_while_a_password_is_hashed_makes_nobody() {
    for what in ["user", "import", "batch"] {
        let app = TestApp::new().await;
        app.role("importer", &["users:write"]).await;
        let importer = app.user_with_roles("importer", &["importer"]).await;
        let loss = "UPDATE roles SET permissions = '', version = version + 1 \
                    WHERE name = 'importer'";
        // The limit is asked right before the first of them is hashed.
        app.database.before_query("INSERT INTO rate_limits", Statement::new(loss, Vec::new()));
        let before = given(&app).await;
        let user = json!({"email": "new@example.com", "name": "New", "password": PASSWORD});
        let answer = give_user(&importer, what, user).await;
        let after = given(&app).await;
        assert_eq!((&before[0], &before[5]), (&after[0], &after[5]), "{what}: {answer}");
    }
}

#[tokio::test]
async fn a_key_that_is_revoked_before_the_commit_gives_nothing() {
    // Only people invite.
    for what in GIVING.into_iter().filter(|what| *what != "invitation") {
        let app = TestApp::new().await;
        let key = app.api_key(&POWERS).await;
        gives_nothing(&app, &key, what, REVOKED, "key").await;
    }
}
