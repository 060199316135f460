//! What went wrong, in `google.rpc` and in the words of REST.

use rollcall::store::database::DatabaseError;
use rollcall::transport::grpc::pb;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::TestApp;

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap_or_else(|| panic!("{status:?}")).reason
}

#[tokio::test]
async fn every_bad_field_is_told_at_once() {
    let app = TestApp::new().await;
    let user = pb::NewUser {
        email: "nobody".to_owned(),
        password: Some("short".to_owned()),
        roles: vec!["user".to_owned(), "NO".to_owned()],
        ..pb::NewUser::default()
    };
    let before = app.admin().await;
    let (admin, before) = (before, app.contents());
    let request = pb::CreateUserRequest { user: Some(user) };
    let status = admin.users().create_user(request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status)),
        (Code::InvalidArgument, "validation_failed".into())
    );
    let bad = status.get_details_bad_request().unwrap().field_violations;
    let told: Vec<_> = bad.iter().map(|bad| (bad.field.as_str(), bad.reason.as_str())).collect();
    let expected = [
        ("user.email", "invalid_email"),
        ("user.name", "required"),
        ("user.password", "too_short"),
        ("user.roles.1", "invalid_role"),
    ];
    assert_eq!(told, expected);
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_reason_is_the_code_of_the_problem_in_rest() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let taken = pb::NewUser {
        email: "Alice@example.com".to_owned(),
        name: "Other".to_owned(),
        ..pb::NewUser::default()
    };
    let status =
        admin.users().create_user(pb::CreateUserRequest { user: Some(taken) }).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::AlreadyExists, "email_taken".into()));
    let body = json!({"email": "Alice@example.com", "name": "Other"});
    admin.post("/api/v1/users", body).await.assert_problem(409, "email_taken");

    let last = pb::DeleteUserRequest { id: admin.id.clone(), version: None };
    let status = admin.users().delete_user(last).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::FailedPrecondition, "last_admin".into()));

    let list = pb::ListUsersRequest::default();
    let status = alice.users().list_users(list.clone()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::PermissionDenied, "forbidden".into()));
    let status = app.anon().users().list_users(list).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unauthenticated, "unauthenticated".into()));
}

#[tokio::test]
async fn what_may_succeed_later_says_when() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    app.log.take();
    app.database.fail(DatabaseError::Unavailable("disk I/O error".to_owned()));
    let status = admin.users().list_users(pb::ListUsersRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unavailable, "unavailable".into()));
    let retry = status.get_details_retry_info().unwrap();
    assert_eq!(retry.retry_delay, Some(std::time::Duration::from_secs(1)));
    let line = app.log.take().pop().unwrap();
    assert_eq!(line["grpc_status"], 14);
    assert_eq!(
        (line["level"].as_str(), line["code"].as_str()),
        (Some("warn"), Some("unavailable"))
    );
    assert!(line["cause"].as_str().unwrap().contains("disk"), "{line}");
    assert!(!status.message().contains("disk"), "{status:?}");
}

#[tokio::test]
async fn a_call_is_one_line_in_the_log() {
    let app = TestApp::new().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let alice = app.user("alice").await.with("x-request-id", "mine").with("traceparent", trace);
    app.log.take();
    let request = pb::GetUserRequest { id: alice.id.clone() };
    let status = alice.users().get_user(request).await.unwrap_err();
    assert_eq!(status.metadata().get("x-request-id").unwrap(), "mine");
    let expected = json!({
        "time": "2026-01-01T00:00:00.000000Z",
        "level": "info",
        "message": "request",
        "request_id": "mine",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "method": "POST",
        "route": "/rollcall.v1.UserService/GetUser",
        "status": 200,
        "grpc_status": 7,
        "duration_us": 0,
        "code": "forbidden",
        "cause": null,
    });
    assert_eq!(app.log.take(), [expected]);
}
