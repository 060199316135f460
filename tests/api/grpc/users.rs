//! `rollcall.v1.UserService`, call by call.

use std::time::Duration;

use prost_types::{FieldMask, Struct, Value, value::Kind};
use rollcall::transport::grpc::pb;
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::client::Client;
use crate::support::{PASSWORD, TestApp};

fn new_user(name: &str) -> pb::NewUser {
    pb::NewUser {
        email: format!("{name}@example.com"),
        name: name.to_owned(),
        password: Some(PASSWORD.to_owned()),
        ..pb::NewUser::default()
    }
}

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.to_owned())) }
}

fn metadata(members: &[(&str, &str)]) -> Struct {
    let fields = members.iter().map(|(name, value)| ((*name).to_owned(), text(value)));
    Struct { fields: fields.collect() }
}

async fn get(client: &Client, id: &str) -> pb::User {
    let answer = client.users().get_user(pb::GetUserRequest { id: id.to_owned() }).await;
    answer.unwrap().into_inner().user.unwrap()
}

async fn update(
    client: &Client,
    user: pb::User,
    paths: &[&str],
    version: Option<i64>,
) -> Result<pb::User, Code> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = Some(FieldMask { paths });
    let request = pb::UpdateUserRequest { user: Some(user), update_mask, version };
    let answer = client.users().update_user(request).await;
    answer.map(|answer| answer.into_inner().user.unwrap()).map_err(|status| status.code())
}

#[tokio::test]
async fn a_user_is_created_read_listed_suspended_and_deleted() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    app.clock.advance(Duration::from_secs(1));
    let mut users = admin.users();
    let request = pb::CreateUserRequest { user: Some(new_user("alice")) };
    let created = users.create_user(request).await.unwrap().into_inner().user.unwrap();
    assert_eq!((created.roles.as_slice(), created.version), (&["user".to_owned()][..], 1));
    assert_eq!(get(&admin, &created.id).await, created);
    assert_eq!(app.sign_in("alice@example.com").await.id, created.id);

    let list = pb::ListUsersRequest { limit: 1, ..Default::default() };
    let page = users.list_users(list).await.unwrap().into_inner();
    assert_eq!(page.items.len(), 1);
    let list = pb::ListUsersRequest { limit: 1, cursor: page.next_cursor, ..Default::default() };
    let page = users.list_users(list).await.unwrap().into_inner();
    assert_eq!((page.items, page.next_cursor), (vec![created.clone()], String::new()));

    let id = created.id.clone();
    let suspend = pb::SuspendUserRequest { id: id.clone(), version: Some(1) };
    let suspended = users.suspend_user(suspend).await.unwrap().into_inner().user.unwrap();
    assert_eq!((suspended.suspended_at.is_some(), suspended.version), (true, 2));
    let unsuspend = pb::UnsuspendUserRequest { id: id.clone(), version: None };
    let active = users.unsuspend_user(unsuspend).await.unwrap().into_inner().user.unwrap();
    assert_eq!((active.suspended_at, active.version), (None, 3));

    let late = pb::DeleteUserRequest { id: id.clone(), version: Some(1) };
    assert_eq!(users.delete_user(late).await.unwrap_err().code(), Code::Aborted);
    users.delete_user(pb::DeleteUserRequest { id: id.clone(), version: None }).await.unwrap();
    let gone = users.get_user(pb::GetUserRequest { id }).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test]
async fn a_mask_says_what_an_update_changes() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let user = |name: &str, members: &[(&str, &str)]| pb::User {
        id: alice.id.clone(),
        email: "other@example.com".to_owned(),
        name: name.to_owned(),
        metadata: Some(metadata(members)),
        ..pb::User::default()
    };

    let changed = update(&admin, user("Ada", &[("a", "1")]), &["name"], None).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.email.as_str()), ("Ada", "alice@example.com"));
    assert_eq!(changed.metadata, Some(Struct::default()));

    let members = [("a", "1"), ("b", "2")];
    let changed = update(&admin, user("", &members), &["metadata"], Some(2)).await.unwrap();
    assert_eq!(changed.metadata, Some(metadata(&members)));
    let changed =
        update(&admin, user("", &[("b", "3")]), &["metadata.a", "metadata.b"], None).await;
    assert_eq!(changed.unwrap().metadata, Some(metadata(&[("b", "3")])));

    let replaced = update(&admin, user("Eve", &[]), &["*"], Some(4)).await.unwrap();
    assert_eq!((replaced.name.as_str(), replaced.email.as_str()), ("Eve", "other@example.com"));
    assert_eq!((replaced.metadata, replaced.version), (Some(Struct::default()), 5));
}

#[tokio::test]
async fn without_a_mask_what_is_not_empty_is_changed() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    for (name, update_mask) in [("Ada", None), ("Eve", Some(FieldMask::default()))] {
        let user = pb::User { id: alice.id.clone(), name: name.to_owned(), ..pb::User::default() };
        let request = pb::UpdateUserRequest { user: Some(user), update_mask, version: None };
        admin.users().update_user(request).await.unwrap();
        let changed = get(&admin, &alice.id).await;
        assert_eq!((changed.name.as_str(), changed.email.as_str()), (name, "alice@example.com"));
    }
}

#[tokio::test]
async fn an_update_that_cannot_be_meant_changes_nothing() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let user = pb::User { id: alice.id.clone(), name: "Ada".to_owned(), ..pb::User::default() };
    let before = app.contents();
    for (paths, version, code) in [
        (&["nothing"][..], None, Code::InvalidArgument),
        (&["roles"], None, Code::InvalidArgument),
        (&["email"], None, Code::InvalidArgument),
        (&["name"], Some(7), Code::Aborted),
        (&["*"], None, Code::FailedPrecondition),
        (&["*"], Some(1), Code::InvalidArgument),
    ] {
        let refused = update(&admin, user.clone(), paths, version).await.unwrap_err();
        assert_eq!(refused, code, "{paths:?} of {version:?}");
    }
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn of_many_errors_as_many_are_told_as_clients_take() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let user = pb::User { id: admin.id.clone(), ..pb::User::default() };
    let update_mask = Some(FieldMask { paths: (0..100).map(|n| format!("path{n}")).collect() });
    let request = pb::UpdateUserRequest { user: Some(user), update_mask, version: None };
    let status = admin.users().update_user(request).await.unwrap_err();
    assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), 50);
    assert!(status.details().len() < 4 << 10, "{}", status.details().len());
}

#[tokio::test]
async fn metadata_is_the_same_by_grpc_and_by_rest() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let path = format!("/api/v1/users/{}", alice.id);
    let given = serde_json::json!({"n": 7, "half": 0.5, "list": [null, true, {"deep": "é"}]});
    admin.patch(&path, serde_json::json!({"metadata": given})).await.assert_status(200);
    let mut user = get(&admin, &alice.id).await;
    user.name = "Ada".to_owned();
    update(&admin, user, &["name", "metadata"], None).await.unwrap();
    assert_eq!(admin.get(&path).await.assert_status(200).body["metadata"], given);
}

#[tokio::test]
async fn roles_are_replaced() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    app.role("support", &["users:read"]).await;
    let request = pb::ReplaceUserRolesRequest {
        id: alice.id.clone(),
        roles: vec!["support".to_owned()],
        version: None,
    };
    let user = admin.users().replace_user_roles(request).await.unwrap().into_inner().user;
    assert_eq!(user.unwrap().roles, ["support"]);
    assert_eq!(get(&alice, &alice.id).await.roles, ["support"]);
}

#[tokio::test]
async fn metadata_is_private_or_the_users_own_by_the_mask_too() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let user = pb::NewUser {
        external_id: Some("crm-42".to_owned()),
        private_metadata: Some(metadata(&[("note", "watch her")])),
        own_metadata: Some(metadata(&[("theme", "dark")])),
        ..new_user("alice")
    };
    let request = pb::CreateUserRequest { user: Some(user) };
    let created = admin.users().create_user(request).await.unwrap().into_inner().user.unwrap();
    assert_eq!(get(&admin, &created.id).await, created);
    assert_eq!(created.external_id.as_deref(), Some("crm-42"));
    assert_eq!(created.private_metadata, Some(metadata(&[("note", "watch her")])));

    let request = pb::SignInRequest {
        email: created.email.clone(),
        password: PASSWORD.to_owned(),
        ..pb::SignInRequest::default()
    };
    let outcome = app.anon().sessions().sign_in(request).await.unwrap().into_inner().outcome;
    let Some(pb::sign_in_response::Outcome::SignedIn(signed_in)) = outcome else {
        panic!("{outcome:?}");
    };
    let seen = pb::User { private_metadata: None, ..created.clone() };
    assert_eq!(signed_in.user, Some(seen));

    let change = pb::User {
        id: created.id.clone(),
        external_id: Some(String::new()),
        own_metadata: Some(metadata(&[("size", "9")])),
        ..pb::User::default()
    };
    let paths = ["external_id", "own_metadata", "private_metadata.note"];
    let changed = update(&admin, change, &paths, None).await.unwrap();
    assert_eq!(changed.external_id, None);
    assert_eq!(changed.private_metadata, Some(Struct::default()));
    assert_eq!(changed.own_metadata, Some(metadata(&[("theme", "dark"), ("size", "9")])));
}

#[tokio::test]
async fn users_are_filtered_and_sorted_as_in_rest() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for name in ["adam", "bob", "ada"] {
        app.user(name).await;
    }
    let list = async |filter: &str, order_by: &str, cursor: &str| {
        let request = pb::ListUsersRequest {
            limit: 1,
            cursor: cursor.to_owned(),
            filter: filter.to_owned(),
            order_by: order_by.to_owned(),
        };
        let page = admin.users().list_users(request).await.map_err(|status| status.code())?;
        let page = page.into_inner();
        let names: Vec<_> = page.items.into_iter().map(|user| user.name).collect();
        Ok::<_, Code>((names.join(" "), page.next_cursor))
    };
    let filter = r#"name sw "ad" and not (role eq "admin")"#;
    let (first, cursor) = list(filter, "name desc", "").await.unwrap();
    let (second, end) = list(filter, "name desc", &cursor).await.unwrap();
    assert_eq!((&*first, &*second, &*end), ("adam", "ada", ""));
    // The cursor is good in REST too, and for no other list.
    let query = "filter=name+sw+%22ad%22+and+not+%28role+eq+%22admin%22%29&sort=-name";
    let page = admin.get(format!("/api/v1/users?{query}&limit=1&cursor={cursor}")).await;
    assert_eq!(page.assert_status(200).body["items"][0]["name"], "ada");
    for (filter, order_by, cursor) in [
        (filter, "name", &*cursor),
        ("", "name desc", &cursor),
        ("nick pr", "", ""),
        ("", "x", ""),
        ("", "-name", ""),
        ("", "-name desc", ""),
        ("", "name asc asc", ""),
    ] {
        assert_eq!(list(filter, order_by, cursor).await, Err(Code::InvalidArgument));
    }

    let (first, _) = list(filter, " name  asc ", "").await.unwrap();
    assert_eq!(first, "ada");

    // One is in every order, also by what they do not have.
    let one = list(r#"email eq "bob@example.com""#, "external_id desc", "").await;
    assert_eq!(one, Ok(("bob".to_owned(), String::new())));

    let request = pb::ExportUsersRequest { filter: filter.to_owned(), ..Default::default() };
    let mut stream = admin.users().export_users(request).await.unwrap().into_inner();
    let mut exported = Vec::new();
    while let Some(answer) = stream.message().await.unwrap() {
        exported.push(answer.user.unwrap().name);
    }
    exported.sort();
    assert_eq!(exported, ["ada", "adam"]);
}
