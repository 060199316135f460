//! Export, import and batch: streams in all three directions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, stream};
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use rollcall::transport::grpc::pb;
use rollcall::transport::grpc::pb::batch_users_request::Operation;
use rollcall::transport::grpc::pb::batch_users_response::Result as Outcome;
use tonic::{Code, Streaming};

use crate::support::TestApp;
use crate::support::client::Client;

fn new_user(name: &str) -> pb::NewUser {
    let email = format!("{name}@example.com");
    pb::NewUser { email, name: name.to_owned(), ..pb::NewUser::default() }
}

fn create(name: &str) -> Operation {
    Operation::Create(pb::CreateUserRequest { user: Some(new_user(name)) })
}

fn operation(key: &str, operation: Operation) -> pb::BatchUsersRequest {
    pb::BatchUsersRequest { key: key.to_owned(), operation: Some(operation) }
}

async fn import(client: &Client, users: Vec<pb::NewUser>) -> Result<pb::ImportUsersResponse, Code> {
    let messages = users.into_iter().map(|user| pb::ImportUsersRequest { user: Some(user) });
    let answer = client.users().import_users(stream::iter(messages)).await;
    answer.map(tonic::Response::into_inner).map_err(|status| status.code())
}

async fn export(client: &Client, cursor: &str) -> Vec<pb::ExportUsersResponse> {
    let request = pb::ExportUsersRequest { cursor: cursor.to_owned(), ..Default::default() };
    all(client.users().export_users(request).await.unwrap().into_inner()).await
}

async fn all<T>(stream: Streaming<T>) -> Vec<T> {
    stream.map(Result::unwrap).collect().await
}

#[tokio::test]
async fn what_is_imported_is_exported_once_each_and_in_order() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let users = (0..450).map(|number| new_user(&format!("user-{number}"))).collect();
    let done = import(&admin, users).await.unwrap();
    assert_eq!((done.received, done.created, done.failures), (450, 450, Vec::new()));

    let calls = app.database.calls();
    let exported = export(&admin, "").await;
    assert_eq!(app.database.calls() - calls, 4, "the end, and pages of 200");
    let ids: Vec<_> = exported.iter().map(|one| one.user.clone().unwrap().id).collect();
    assert_eq!(ids.len(), 451);
    assert!(ids.is_sorted() && ids.iter().collect::<BTreeSet<_>>().len() == 451);

    let rest = export(&admin, &exported[300].cursor).await;
    assert_eq!(rest, exported[301..]);
}

#[tokio::test]
async fn an_import_tells_which_users_were_not_created() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let bad = pb::NewUser { email: "bad".to_owned(), ..new_user("bad") };
    let users = vec![new_user("a"), bad, new_user("b"), new_user("a")];
    let done = import(&admin, users).await.unwrap();
    assert_eq!((done.received, done.created), (4, 2));
    let failed: Vec<_> =
        done.failures.iter().map(|one| (one.index, one.error.as_ref().unwrap().code)).collect();
    assert_eq!(failed, [(1, Code::InvalidArgument.into()), (3, Code::AlreadyExists.into())]);
    assert_eq!(export(&admin, "").await.len(), 3);
}

#[tokio::test]
async fn whoever_may_not_import_learns_so_at_the_first_user() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let before = app.contents();
    assert_eq!(import(&alice, vec![new_user("a")]).await, Err(Code::PermissionDenied));
    assert_eq!(import(&app.anon(), vec![new_user("a")]).await, Err(Code::Unauthenticated));
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn an_export_ends_when_its_caller_may_no_longer_see_users() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    import(&admin, (0..250).map(|number| new_user(&format!("user-{number}"))).collect())
        .await
        .unwrap();
    app.role("reader", &["users:read"]).await;
    let reader = app.user_with_roles("reader", &["reader"]).await;
    let request = pb::ExportUsersRequest::default();
    let mut stream = reader.users().export_users(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    reader.delete("/api/v1/sessions/current").await.assert_status(204);
    let mut received = 1;
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => received += 1,
            Ok(None) => panic!("it went on to its end"),
            Err(status) => break status,
        }
    };
    assert_eq!((received, status.code()), (200, Code::Unauthenticated));
}

#[tokio::test]
async fn each_operation_of_a_batch_has_its_own_result() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let id = alice.id.clone();
    let update = pb::UpdateUserRequest {
        user: Some(pb::User { id: id.clone(), name: "Ada".to_owned(), ..pb::User::default() }),
        ..pb::UpdateUserRequest::default()
    };
    let messages = [
        operation("new", create("new")),
        operation("again", create("new")),
        operation(&"k".repeat(129), create("other")),
        operation("name", Operation::Update(update)),
        operation(
            "roles",
            Operation::ReplaceRoles(pb::ReplaceUserRolesRequest {
                id: id.clone(),
                roles: vec!["nobody".to_owned()],
                version: None,
            }),
        ),
        operation(
            "off",
            Operation::Suspend(pb::SuspendUserRequest { id: id.clone(), version: None }),
        ),
        operation(
            "on",
            Operation::Unsuspend(pb::UnsuspendUserRequest { id: id.clone(), version: None }),
        ),
        operation("gone", Operation::Delete(pb::DeleteUserRequest { id, version: Some(4) })),
        pb::BatchUsersRequest { key: "nothing".to_owned(), operation: None },
    ];
    let answers = admin.users().batch_users(stream::iter(messages)).await.unwrap().into_inner();
    let told: Vec<_> = all(answers)
        .await
        .into_iter()
        .map(|answer| {
            let result = match answer.result.unwrap() {
                Outcome::User(user) => format!("{} {}", user.name, user.version),
                Outcome::Deleted(()) => "deleted".to_owned(),
                Outcome::Error(error) => format!("{:?}", Code::from(error.code)),
            };
            (answer.index, answer.key, result)
        })
        .collect();
    let expected = [
        ("new", "new 1"),
        ("again", "AlreadyExists"),
        // Told by its index.
        ("", "InvalidArgument"),
        ("name", "Ada 2"),
        ("roles", "InvalidArgument"),
        ("off", "Ada 3"),
        ("on", "Ada 4"),
        ("gone", "deleted"),
        ("nothing", "InvalidArgument"),
    ];
    let expected: Vec<_> = (0..)
        .zip(expected)
        .map(|(index, (key, result))| (index, key.to_owned(), result.to_owned()))
        .collect();
    assert_eq!(told, expected);
}

/// A user of about ten kilobytes, of which few fit into a buffer.
fn create_large(name: &str) -> Operation {
    let text = Value { kind: Some(Kind::StringValue("x".repeat(10_000))) };
    let metadata = Some(Struct { fields: [("text".to_owned(), text)].into() });
    let user = pb::NewUser { metadata, ..new_user(name) };
    Operation::Create(pb::CreateUserRequest { user: Some(user) })
}

#[tokio::test]
async fn a_batch_reads_no_further_than_its_results_are_taken() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let messages = stream::iter(0..100).map(move |number| {
        counter.fetch_add(1, Ordering::SeqCst);
        operation("", create_large(&format!("user-{number}")))
    });
    let mut answers = admin.users().batch_users(messages).await.unwrap().into_inner();
    // Both sides gather up to 32 KiB before they send.
    for taken in 1..=10 {
        answers.message().await.unwrap().unwrap();
        let read = read.load(Ordering::SeqCst);
        assert!(read <= taken + 12, "{read} after {taken}");
    }
    drop(answers);
    let created = export(&admin, "").await.len() - 1;
    assert!((10..=22).contains(&created), "{created} users");
}

#[tokio::test]
async fn a_client_that_stays_silent_is_not_waited_for() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    app.timer.run_out();
    let silent = stream::pending::<pb::ImportUsersRequest>();
    let status = admin.users().import_users(silent).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}
