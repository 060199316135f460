//! `/api/v1/users/{id}/roles`, and who stays an admin.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn a_user_has_exactly_the_roles_that_were_given_last() {
    let app = TestApp::new().await;
    app.role("support", &["users:read"]).await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let path = roles_of(&alice);
    let both = json!({"roles": ["user", "support", "user"]});
    assert_snapshot!(admin.with("if-match", "\"1\"").put(&path, both).await, @r#"
    200 OK
    content-type: application/json
    etag: "2"

    {
      "created_at": "2026-01-01T00:00:00.000000Z",
      "email": "alice@example.com",
      "email_verified_at": null,
      "external_id": null,
      "id": "[id 1]",
      "metadata": {},
      "name": "alice",
      "own_metadata": {},
      "private_metadata": {},
      "roles": [
        "support",
        "user"
      ],
      "suspended_at": null,
      "updated_at": "2026-01-01T00:00:00.000000Z",
      "version": 2
    }
    "#);
    alice.get("/api/v1/users").await.assert_status(200);
    let late = admin.with("if-match", "\"1\"").put(&path, json!({"roles": []})).await;
    late.assert_problem(412, "precondition_failed");
    let none =
        admin.with("if-match", "*").put(&path, json!({"roles": []})).await.assert_status(200);
    assert_eq!(none.body["roles"], json!([]));
    alice.get("/api/v1/users").await.assert_problem(403, "forbidden");
    assert_eq!(alice.get("/api/v1/me").await.body["roles"], json!([]));
}

#[tokio::test]
async fn roles_that_do_not_exist_are_named() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let before = app.contents();
    let roles = json!({"roles": ["user", "nobody", "nothing"]});
    assert_snapshot!(admin.with("if-match", "*").put(roles_of(&alice), roles).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json

    {
      "code": "validation_failed",
      "detail": "Some fields are not acceptable. See errors.",
      "errors": [
        {
          "code": "unknown_role",
          "field": "roles",
          "message": "There is no role nobody."
        },
        {
          "code": "unknown_role",
          "field": "roles",
          "message": "There is no role nothing."
        }
      ],
      "request_id": "[id 1]",
      "status": 422,
      "title": "Validation failed",
      "type": "urn:rollcall:problem:validation_failed"
    }
    "#);
    let user = json!({"email": "b@example.com", "name": "B", "roles": ["nobody"]});
    let answer = admin.post("/api/v1/users", user).await.assert_problem(422, "validation_failed");
    assert_eq!(answer.field_errors(), [("roles", "unknown_role")]);
    let many: Vec<_> = (0..21).map(|number| format!("role-{number}")).collect();
    let answer = admin.with("if-match", "*").put(roles_of(&alice), json!({"roles": many})).await;
    assert_eq!(answer.field_errors(), [("roles", "too_many")]);
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn nobody_gives_or_takes_what_they_do_not_hold() {
    let app = TestApp::new().await;
    app.role("lead", &["roles:write", "users:read", "users:write"]).await;
    app.role("reader", &["users:read"]).await;
    app.role("strong", &["keys:write"]).await;
    let lead = app.user_with_roles("lead", &["lead"]).await;
    let strong = app.user_with_roles("strong", &["strong"]).await;
    let (alice, admin) = (app.user("alice").await, app.admin().await);
    let before = app.contents();
    for (user, roles) in [
        (&lead, json!(["admin"])),
        (&lead, json!(["lead", "strong"])),
        (&alice, json!(["strong"])),
        (&strong, json!([])),
        (&admin, json!(["user"])),
    ] {
        let answer = lead.with("if-match", "*").put(roles_of(user), json!({"roles": roles})).await;
        answer.assert_problem(403, "forbidden");
    }
    for roles in [json!(["admin"]), json!(["strong"])] {
        let user = json!({"email": "b@example.com", "name": "B", "roles": roles});
        lead.post("/api/v1/users", user).await.assert_problem(403, "forbidden");
    }
    assert_eq!(app.contents(), before);
    lead.with("if-match", "*")
        .put(roles_of(&alice), json!({"roles": ["reader"]}))
        .await
        .assert_status(200);
    let user = json!({"email": "b@example.com", "name": "B", "roles": ["reader"]});
    lead.post("/api/v1/users", user).await.assert_status(201);
}

#[tokio::test]
async fn who_may_only_write_users_gives_them_the_usual_role() {
    let app = TestApp::new().await;
    app.role("desk", &["users:write"]).await;
    app.role("nothing", &[]).await;
    let desk = app.user_with_roles("desk", &["desk"]).await;
    for (roles, status) in [(json!(["user"]), 201), (json!(["nothing"]), 403), (json!([]), 403)] {
        let user = json!({"email": "b@example.com", "name": "B", "roles": roles});
        desk.post("/api/v1/users", user).await.assert_status(status);
    }
}

#[tokio::test]
async fn the_last_admin_stays_an_admin() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let before = app.contents();
    let demote = json!({"roles": ["user"]});
    admin
        .with("if-match", "*")
        .put(roles_of(&admin), demote.clone())
        .await
        .assert_problem(409, "last_admin");
    let user = format!("/api/v1/users/{}", admin.id);
    let suspend = admin.act(format!("{user}/suspend")).await;
    suspend.assert_problem(409, "last_admin");
    admin.delete(&user).await.assert_problem(409, "last_admin");
    admin.delete("/api/v1/me").await.assert_problem(409, "last_admin");
    assert_eq!(app.contents(), before);

    // One who is suspended does not count.
    let other = app.user_with_roles("other", &["admin"]).await;
    admin.act(format!("/api/v1/users/{}/suspend", other.id)).await.assert_status(200);
    admin
        .with("if-match", "*")
        .put(roles_of(&admin), demote)
        .await
        .assert_problem(409, "last_admin");
}

#[tokio::test]
async fn of_the_last_two_admins_one_is_left_whatever_they_do_to_each_other() {
    let app = TestApp::new().await;
    let (mut one, mut other) = (app.admin().await, app.user_with_roles("b", &["admin"]).await);
    for round in 0..24 {
        let (first, second) =
            tokio::join!(take_away(&one, &other, round), take_away(&other, &one, round));
        let done = [first.status, second.status].iter().filter(|s| s.is_success()).count();
        assert_eq!(done, 1, "round {round}: {first}\n{second}");
        let left = if first.status.is_success() { one } else { other };
        left.get("/api/v1/users").await.assert_status(200);
        let email = format!("admin{round}@example.com");
        let next = json!({"email": email, "password": PASSWORD, "name": "N", "roles": ["admin"]});
        left.post("/api/v1/users", next).await.assert_status(201);
        (one, other) = (left, app.sign_in(&email).await);
    }
}

async fn take_away(actor: &Client, admin: &Client, round: usize) -> Response {
    let user = format!("/api/v1/users/{}", admin.id);
    match round % 3 {
        0 => {
            actor
                .with("if-match", "*")
                .put(format!("{user}/roles"), json!({"roles": ["user"]}))
                .await
        }
        1 => actor.act(format!("{user}/suspend")).await,
        _ => actor.delete(user).await,
    }
}

fn roles_of(user: &Client) -> String {
    format!("/api/v1/users/{}/roles", user.id)
}
