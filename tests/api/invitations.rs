//! `/api/v1/invitations`, and registering with one.

use std::time::Duration;

use insta::assert_snapshot;
use rollcall::store::database::Statement;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, TestApp};

const INVITATIONS: &str = "/api/v1/invitations";
const REGISTER: &str = "/api/v1/registrations";
const ADA: &str = "ada@example.com";

fn registration(email: &str, token: &str) -> Value {
    json!({"email": email, "name": "Ada", "password": PASSWORD, "invitation": token})
}

/// Invites Ada to these roles, and returns the token in the mail.
async fn invite(app: &TestApp, inviter: &Client, roles: Value) -> String {
    let body = json!({"email": ADA, "roles": roles});
    inviter.post(INVITATIONS, body).await.assert_status(201);
    app.token_to(ADA, "invitation").await
}

/// A user who may invite, and otherwise what `support` may.
async fn inviter(app: &TestApp) -> Client {
    let inviter = app.user("inviter").await;
    app.sql(
        "INSERT INTO roles (name, permissions, created_at, updated_at, version) \
         VALUES ('support', 'invitations:write roles:write users:read', 0, 0, 1)",
        Vec::new(),
    )
    .await;
    let grant = "INSERT INTO user_roles (user_id, role) VALUES ($1, 'support')";
    app.sql(grant, vec![inviter.id.as_str().into()]).await;
    inviter
}

#[tokio::test]
async fn whoever_is_invited_is_a_user_as_soon_as_they_register() {
    for mode in ["invite", "open"] {
        let app = TestApp::with(&[("registration", mode)]).await;
        let admin = app.admin().await;
        let invitation = admin.post(INVITATIONS, json!({"email": ADA})).await;
        insta::allow_duplicates! {
            assert_snapshot!(invitation, @r#"
            201 Created
            content-type: application/json
            ratelimit: "invitation";r=99;t=36
            ratelimit-policy: "invitation";q=100;w=3600

            {
              "created_at": "2026-01-01T00:00:00.000000Z",
              "email": "ada@example.com",
              "expires_at": "2026-01-08T00:00:00.000000Z",
              "id": "[id 1]",
              "invited_by": "[id 2]",
              "roles": [
                "user"
              ]
            }
            "#);
        }
        let mail = app.mail_to(ADA, "invitation").await;
        assert!(mail["text"].as_str().unwrap().contains("Admin invites you"), "{mail:#}");
        let token = app.token_to(ADA, "invitation").await;
        let answer = app.anon().post(REGISTER, registration("ADA@example.com", &token)).await;
        assert_eq!(answer.assert_status(202).body, json!({"status": "accepted"}));
        let ada = app.sign_in(ADA).await;
        let me = ada.get("/api/v1/me").await;
        assert_eq!(me.text_at("/email_verified_at"), "2026-01-01T00:00:02.000000Z");
        assert_eq!(me.body["roles"], json!(["user"]));
        assert_eq!(app.mails_to(ADA).await.len(), 1, "there is nothing left to prove");
        assert_eq!(admin.get(INVITATIONS).await.body["items"], json!([]));
        let id = invitation.text_at("/id");
        let of_it = app.events().await.into_iter().filter(|event| event.ends_with(&id));
        let expected = [
            format!("invitation.created by user:{}, of invitation:{id}", admin.id),
            format!("invitation.accepted by user:{}, of invitation:{id}", ada.id),
        ];
        assert_eq!(of_it.collect::<Vec<_>>(), expected);
        let again = app.anon().post(REGISTER, registration(ADA, &token)).await;
        assert_eq!(again.assert_status(422).field_errors(), [("invitation", "invalid_token")]);
    }
}

#[tokio::test]
async fn by_invitation_only_means_that() {
    let app = TestApp::with(&[("registration", "invite")]).await;
    let admin = app.admin().await;
    let before = app.contents();
    let body = json!({"email": ADA, "name": "Ada", "password": PASSWORD});
    let answer = app.anon().post(REGISTER, body).await;
    answer.assert_problem(403, "invitation_required");
    assert_eq!(app.contents(), before);
    let token = invite(&app, &admin, json!(["user"])).await;
    let answer = app.anon().post(REGISTER, registration("eve@example.com", &token)).await;
    assert_eq!(answer.assert_status(422).field_errors(), [("email", "not_invited")]);
    app.anon().post(REGISTER, registration(ADA, &token)).await.assert_status(202);
}

#[tokio::test]
async fn who_registers_otherwise_is_invited_no_longer() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let token = invite(&app, &admin, json!(["user"])).await;
    let body = json!({"email": ADA, "name": "Ada", "password": PASSWORD});
    app.anon().post(REGISTER, body).await.assert_status(202);
    let proof = json!({"token": app.token_to(ADA, "verify_email").await});
    app.anon().post("/api/v1/email-verifications/confirm", proof).await.assert_status(204);
    assert_eq!(admin.get(INVITATIONS).await.body["items"], json!([]));
    let answer = app.anon().post(REGISTER, registration(ADA, &token)).await.assert_status(422);
    assert_eq!(answer.field_errors(), [("invitation", "invalid_token")]);
}

#[tokio::test]
async fn where_nobody_can_register_nobody_is_invited() {
    let app = TestApp::with(&[("registration", "closed")]).await;
    let admin = app.admin().await;
    let before = app.contents();
    let answer = admin.post(INVITATIONS, json!({"email": ADA})).await;
    answer.assert_problem(403, "registration_closed");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn nobody_invites_to_more_than_they_may_do() {
    let app = TestApp::new().await;
    let inviter = inviter(&app).await;
    let invite =
        async |roles: Value| inviter.post(INVITATIONS, json!({"email": ADA, "roles": roles})).await;
    invite(json!(["admin"])).await.assert_problem(403, "forbidden");
    invite(json!(["user", "admin"])).await.assert_problem(403, "forbidden");
    invite(json!(["support", "user", "support"])).await.assert_status(201);
    for (roles, code) in [
        (json!(["nonesuch"]), "unknown_role"),
        (json!([]), "required"),
        (json!("user"), "wrong_type"),
        (json!([1]), "wrong_type"),
        (json!(["No Role"]), "invalid_role"),
        (json!(vec!["user"; 17]), "too_many"),
    ] {
        let answer = invite(roles).await.assert_status(422);
        assert_eq!(answer.field_errors(), [("roles", code)]);
    }
    let token = app.token_to(ADA, "invitation").await;
    app.anon().post(REGISTER, registration(ADA, &token)).await.assert_status(202);
    let ada = app.sign_in(ADA).await;
    assert_eq!(ada.get("/api/v1/me").await.body["roles"], json!(["support", "user"]));
}

#[tokio::test]
async fn an_invitation_gives_no_power_that_whoever_invited_has_lost() {
    let app = TestApp::new().await;
    let inviter = inviter(&app).await;
    let token = invite(&app, &inviter, json!(["support"])).await;
    let demote = "DELETE FROM user_roles WHERE user_id = $1 AND role = 'support'";
    app.sql(demote, vec![inviter.id.as_str().into()]).await;
    let answer = app.anon().post(REGISTER, registration(ADA, &token)).await;
    assert_eq!(answer.assert_status(422).field_errors(), [("invitation", "invalid_token")]);
}

#[tokio::test]
async fn an_invitation_of_whoever_may_invite_no_longer_is_none() {
    for loss in [
        "DELETE FROM user_roles WHERE user_id = $1",
        "UPDATE users SET suspended_at = 1 WHERE id = $1",
        "DELETE FROM users WHERE id = $1",
    ] {
        let app = TestApp::new().await;
        let inviter = inviter(&app).await;
        let token = invite(&app, &inviter, json!(["user"])).await;
        app.sql(loss, vec![inviter.id.as_str().into()]).await;
        let answer = app.anon().post(REGISTER, registration(ADA, &token)).await;
        assert_eq!(answer.assert_status(422).field_errors(), [("invitation", "invalid_token")]);
        let token = invite(&app, &app.admin().await, json!(["user"])).await;
        app.anon().post(REGISTER, registration(ADA, &token)).await.assert_status(202);
    }
}

/// What has become of an inviter who changes right before the invitation is accepted.
async fn accept_while(app: &TestApp, change: &[&'static str]) -> Response {
    let inviter = inviter(app).await;
    let token = invite(app, &inviter, json!(["support"])).await;
    let statement = |sql: &&'static str| Statement::new(*sql, vec![inviter.id.as_str().into()]);
    app.database.before_commit(change.iter().map(statement).collect());
    app.anon().post(REGISTER, registration(ADA, &token)).await
}

#[tokio::test]
async fn whoever_loses_their_power_before_the_invitation_is_accepted_gives_none() {
    let changed = "UPDATE users SET version = version + 1 WHERE id = $1";
    for loss in [
        &["UPDATE users SET suspended_at = 1, version = version + 1 WHERE id = $1"][..],
        &["DELETE FROM user_roles WHERE user_id = $1", changed],
        &["DELETE FROM users WHERE id = $1"],
    ] {
        let app = TestApp::new().await;
        let answer = accept_while(&app, loss).await.assert_status(422);
        assert_eq!(answer.field_errors(), [("invitation", "invalid_token")], "{loss:?}");
        let credentials = json!({"email": ADA, "password": PASSWORD});
        let sign_in = app.anon().post("/api/v1/sessions", credentials).await;
        sign_in.assert_problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn whoever_changes_and_may_still_invite_keeps_nobody_from_accepting() {
    let app = TestApp::new().await;
    let renamed = "UPDATE users SET name = 'Renamed', version = version + 1 WHERE id = $1";
    accept_while(&app, &[renamed]).await.assert_status(202);
    let me = app.sign_in(ADA).await.get("/api/v1/me").await;
    assert_eq!(me.body["roles"], json!(["support"]));
}

#[tokio::test]
async fn invitations_are_listed_revoked_and_replaced() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let first = invite(&app, &admin, json!(["user"])).await;
    let second = invite(&app, &admin, json!(["user"])).await;
    app.anon().post(REGISTER, registration(ADA, &first)).await.assert_status(422);
    let bob = admin.post(INVITATIONS, json!({"email": "bob@example.com"})).await;
    let bob = bob.assert_status(201).text_at("/id");

    let page = admin.get("/api/v1/invitations?limit=1").await.assert_status(200);
    assert_eq!(page.text_at("/items/0/email"), ADA);
    let next = format!("/api/v1/invitations?limit=1&cursor={}", page.text_at("/next_cursor"));
    assert_eq!(page.header("link"), Some(&*format!("<{next}>; rel=\"next\"")));
    let page = admin.get(next).await.assert_status(200);
    assert_eq!(
        (page.text_at("/items/0/id"), &page.body["next_cursor"]),
        (bob.clone(), &Value::Null)
    );

    let ada = admin.get(INVITATIONS).await.text_at("/items/0/id");
    admin.delete(format!("{INVITATIONS}/{ada}")).await.assert_status(204);
    admin.delete(format!("{INVITATIONS}/{ada}")).await.assert_problem(404, "not_found");
    admin.delete(format!("{INVITATIONS}/x")).await.assert_problem(404, "not_found");
    app.anon().post(REGISTER, registration(ADA, &second)).await.assert_status(422);
    let events = app.events().await;
    assert!(
        events.contains(&format!("invitation.revoked by user:{}, of invitation:{ada}", admin.id)),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_user_is_not_invited() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let answer = admin.post(INVITATIONS, json!({"email": alice.email})).await;
    answer.assert_problem(409, "email_taken");
    // Whoever became one meanwhile cannot accept.
    let token = invite(&app, &admin, json!(["user"])).await;
    app.user("ada").await;
    let before = app.contents();
    let answer = app.anon().post(REGISTER, registration(ADA, &token)).await;
    answer.assert_problem(409, "email_taken");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn an_invitation_ends_after_a_week() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let token = invite(&app, &admin, json!(["user"])).await;
    app.clock.advance(Duration::from_secs(7 * 86_400));
    app.anon().post(REGISTER, registration(ADA, &token)).await.assert_status(422);
}

#[tokio::test]
async fn of_many_who_accept_one_invitation_at_the_same_time_one_succeeds() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let token = invite(&app, &admin, json!(["user"])).await;
    let anon = app.anon();
    let accept = |_| anon.post(REGISTER, registration(ADA, &token));
    assert_eq!(TestApp::race(32, accept).await, 1);
}
