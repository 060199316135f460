//! Changes of users, followed.

use rollcall::transport::grpc::pb::{WatchUsersRequest, WatchUsersResponse};
use serde_json::json;
use tonic::{Code, Status, Streaming};

use crate::support::TestApp;
use crate::support::client::Client;

async fn watch(client: &Client, token: &str) -> Result<Streaming<WatchUsersResponse>, Status> {
    let request = WatchUsersRequest { resume_token: token.to_owned() };
    Ok(client.users().watch_users(request).await?.into_inner())
}

/// The next change as `kind of name`, and the token behind it.
async fn next(app: &TestApp, stream: &mut Streaming<WatchUsersResponse>) -> (String, String) {
    loop {
        let answer = app.timer.running(stream.message()).await.unwrap().unwrap();
        if let Some(change) = answer.change {
            let user = change.user.map_or("nobody".to_owned(), |user| user.name);
            return (format!("{} of {user}", change.kind), answer.resume_token);
        }
    }
}

#[tokio::test]
async fn changes_come_in_order_and_from_a_token_on() {
    let app = TestApp::new().await;
    let (admin, before) = (app.admin().await, app.user("before").await);
    let mut stream = watch(&admin, "").await.unwrap();
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!(first.change, None);

    let alice = app.user("alice").await;
    let path = format!("/api/v1/users/{}", alice.id);
    assert_eq!(next(&app, &mut stream).await.0, "user.created of alice");
    admin.patch(&path, json!({"name": "Ada"})).await.assert_status(200);
    admin.act(format!("{path}/suspend")).await.assert_status(200);
    let (updated, token) = next(&app, &mut stream).await;
    assert_eq!(updated, "user.updated of Ada");
    assert_eq!(next(&app, &mut stream).await.0, "user.suspended of Ada");
    drop(stream);

    admin.delete(&path).await.assert_status(204);
    admin.delete(format!("/api/v1/users/{}", before.id)).await.assert_status(204);
    let mut resumed = watch(&admin, &token).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(next(&app, &mut resumed).await.0);
    }
    // A user that is gone is no longer told.
    assert_eq!(
        seen,
        ["user.suspended of nobody", "user.deleted of nobody", "user.deleted of nobody"]
    );

    let mut all = watch(&admin, &first.resume_token).await.unwrap();
    assert_eq!(next(&app, &mut all).await.0, "user.created of nobody");
}

#[tokio::test]
async fn many_events_that_are_no_changes_are_passed_over() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let token = watch(&admin, "").await.unwrap().message().await.unwrap().unwrap().resume_token;
    for _ in 0..210 {
        app.sign_in("admin@example.com").await;
    }
    app.user("alice").await;
    let mut stream = watch(&admin, &token).await.unwrap();
    assert_eq!(next(&app, &mut stream).await.0, "user.created of alice");
}

#[tokio::test]
async fn without_changes_there_are_signs_of_life() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let mut stream = watch(&admin, "").await.unwrap();
    let first = stream.message().await.unwrap().unwrap();
    let sign = app.timer.running(stream.message()).await.unwrap().unwrap();
    assert_eq!((sign.change, sign.resume_token), (None, first.resume_token));
}

#[tokio::test]
async fn following_ends_with_the_permission_to() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    for (client, token, code) in [
        (&alice, "", Code::PermissionDenied),
        (&app.anon(), "", Code::Unauthenticated),
        (&admin, "made up", Code::InvalidArgument),
    ] {
        let refused = watch(client, token).await.unwrap().message().await.unwrap_err();
        assert_eq!(refused.code(), code);
    }

    app.role("reader", &["users:read"]).await;
    let reader = app.user_with_roles("reader", &["reader"]).await;
    let mut stream = watch(&reader, "").await.unwrap();
    stream.message().await.unwrap();
    admin.act(format!("/api/v1/users/{}/suspend", reader.id)).await.assert_status(200);
    let ended = app.timer.running(stream.message()).await.unwrap_err();
    assert_eq!(ended.code(), Code::Unauthenticated);
}
