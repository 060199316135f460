//! `/api/v1/users`: who is created, found and deleted.

use std::time::Duration;

use futures_util::future::join_all;
use insta::assert_snapshot;
use serde_json::json;

use crate::support::{PASSWORD, TestApp};

const USERS: &str = "/api/v1/users";

#[tokio::test]
async fn a_user_is_created_at_an_address_and_version_of_its_own() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ada = json!({
        "email": " Ada@Example.com ", "name": "Ada Lovelace", "password": PASSWORD,
        "metadata": {"locale": "en", "tags": ["first", {"of": null}]},
    });
    let created = admin.post(USERS, ada).await;
    assert_snapshot!(created, @r#"
    201 Created
    content-type: application/json
    etag: "1"
    location: /api/v1/users/[id 1]
    ratelimit: "create-user";r=5999;t=1
    ratelimit-policy: "create-user";q=6000;w=60

    {
      "created_at": "2026-01-01T00:00:00.000000Z",
      "email": "Ada@Example.com",
      "email_verified_at": null,
      "external_id": null,
      "id": "[id 1]",
      "metadata": {
        "locale": "en",
        "tags": [
          "first",
          {
            "of": null
          }
        ]
      },
      "name": "Ada Lovelace",
      "own_metadata": {},
      "private_metadata": {},
      "roles": [
        "user"
      ],
      "suspended_at": null,
      "updated_at": "2026-01-01T00:00:00.000000Z",
      "version": 1
    }
    "#);
    let found = admin.get(created.header("location").unwrap()).await;
    assert_eq!((&found.body, found.header("etag")), (&created.body, created.header("etag")));
    let event = format!("user.created by user:{}, of {}", admin.id, created.text_at("/id"));
    assert_eq!(app.events().await.last(), Some(&event));
    app.sign_in("ADA@EXAMPLE.COM").await.get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn a_user_without_a_password_cannot_sign_in_with_one() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let user = json!({"email": "a@example.com", "name": "A"});
    admin.post(USERS, user).await.assert_status(201);
    for password in [PASSWORD, "a", "null"] {
        let credentials = json!({"email": "a@example.com", "password": password});
        let answer = app.anon().post("/api/v1/sessions", credentials).await;
        answer.assert_problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn names_addresses_and_metadata_of_all_scripts_come_back_as_they_were_given() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (email, name) in [
        ("nguyễn@example.com", "Nguyễn Thị Minh Khai"),
        ("李@例子.中国", "李小龍 🐉"),
        ("παππούς@example.gr", "Παππούς Ωμέγα"),
        ("أحمد@مثال.إختبار", "أحمد شوقي"),
        ("o'brien+list@example.co.uk", "Conan “the” O’Brien <b>&amp;</b>"),
        ("𠜎@example.com", "𠜎𠜱𡿺 \u{1f469}\u{200d}\u{1f4bb}"),
    ] {
        let user = json!({"email": email, "name": name, "metadata": {name: [email, 1.5, true]}});
        let created = admin.post(USERS, user.clone()).await.assert_status(201);
        let found = admin.get(created.header("location").unwrap()).await.assert_status(200);
        for member in ["email", "name", "metadata"] {
            assert_eq!(found.body[member], user[member]);
        }
    }
}

#[tokio::test]
async fn an_address_belongs_to_one_user_however_it_is_written() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for email in ["josé@example.com", "ana@bücher.example", "οδός@example.gr"] {
        let user = json!({"email": email, "name": "First"});
        admin.post(USERS, user).await.assert_status(201);
    }
    let other = admin.post(USERS, json!({"email": "other@example.com", "name": "Other"})).await;
    let other = other.header("location").unwrap().to_owned();
    let before = app.contents();
    for email in [
        "JOSÉ@EXAMPLE.COM",
        "jose\u{301}@example.com",
        " josé@example.com\t",
        "ana@xn--bcher-kva.example",
        "ANA@BÜCHER.EXAMPLE",
        "ΟΔΌΣ@example.gr",
        "Admin@Example.com",
    ] {
        let taken = json!({"email": email, "name": "Second"});
        admin.post(USERS, taken.clone()).await.assert_problem(409, "email_taken");
        admin.patch(&other, taken.clone()).await.assert_problem(409, "email_taken");
        let any_version = admin.with("if-match", "*");
        any_version.put(&other, taken).await.assert_problem(409, "email_taken");
    }
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn of_many_who_take_an_address_at_once_one_gets_it() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let user = json!({"email": "ada@example.com", "name": "Ada"});
    let answers = join_all((0..16).map(|_| admin.post(USERS, user.clone()))).await;
    let (created, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.status == 201);
    assert_eq!(created.len(), 1);
    for answer in refused {
        answer.assert_problem(409, "email_taken");
    }
    let events = app.events().await;
    assert_eq!(events.iter().filter(|event| event.starts_with("user.created")).count(), 2);
}

#[tokio::test]
async fn every_bad_field_is_told_at_once() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let before = app.contents();
    let user = json!({
        "email": "a@b@example.com", "name": "", "password": "short", "metadata": [],
        "version": 7, "age": 36,
    });
    assert_snapshot!(admin.post(USERS, user).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json

    {
      "code": "validation_failed",
      "detail": "Some fields are not acceptable. See errors.",
      "errors": [
        {
          "code": "invalid_email",
          "field": "email",
          "message": "must be an email address such as ada@example.com"
        },
        {
          "code": "required",
          "field": "name",
          "message": "must not be empty"
        },
        {
          "code": "wrong_type",
          "field": "metadata",
          "message": "must be an object"
        },
        {
          "code": "too_short",
          "field": "password",
          "message": "must have at least 8 characters"
        },
        {
          "code": "unknown_field",
          "field": "age",
          "message": "is not a field of this request"
        },
        {
          "code": "read_only",
          "field": "version",
          "message": "is set by the service"
        }
      ],
      "request_id": "[id 1]",
      "status": 422,
      "title": "Validation failed",
      "type": "urn:rollcall:problem:validation_failed"
    }
    "#);
    let answer = admin.post(USERS, json!({})).await;
    assert_eq!(answer.field_errors(), [("email", "required"), ("name", "required")]);
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn what_a_field_may_not_be_is_refused_by_its_name() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let before = app.contents();
    let mut deep = json!(1);
    for _ in 0..16 {
        deep = json!([deep]);
    }
    for (field, value, code) in [
        ("email", json!(null), "wrong_type"),
        ("email", json!(1), "wrong_type"),
        ("email", json!(""), "required"),
        ("email", json!("ada"), "invalid_email"),
        ("email", json!("a@b@example.com"), "invalid_email"),
        ("email", json!("a\u{0}@example.com"), "invalid_email"),
        ("email", json!("a@example.com\r\nBcc: b@example.com"), "invalid_email"),
        ("email", json!(format!("{}@example.com", "a".repeat(65))), "invalid_email"),
        ("email", json!(format!("a@{}com", "b.".repeat(126))), "too_long"),
        ("name", json!(null), "wrong_type"),
        ("name", json!({"first": "Ada"}), "wrong_type"),
        ("name", json!(" \t "), "required"),
        ("name", json!("Ada\u{0}"), "invalid_characters"),
        ("name", json!("Ada\nLovelace"), "invalid_characters"),
        ("name", json!("Ada\u{202e}ecalevoL"), "invalid_characters"),
        ("name", json!("é".repeat(201)), "too_long"),
        ("password", json!(null), "wrong_type"),
        ("password", json!(12_345_678), "wrong_type"),
        ("password", json!(""), "required"),
        ("password", json!("7 chars"), "too_short"),
        ("password", json!("é".repeat(257)), "too_long"),
        ("metadata", json!(null), "wrong_type"),
        ("metadata", json!("{}"), "wrong_type"),
        ("metadata", json!({"a": deep}), "too_deep"),
        ("metadata", json!({"a": "x".repeat(16 * 1024)}), "too_long"),
        ("id", json!("019b76da-a800-7000-8000-000000000000"), "read_only"),
        ("version", json!(1), "read_only"),
        ("suspended_at", json!(null), "read_only"),
        ("Email", json!("ada@example.com"), "unknown_field"),
        ("", json!(""), "unknown_field"),
    ] {
        let mut user = json!({"email": "ada@example.com", "name": "Ada", "password": PASSWORD});
        user[field] = value;
        let answer = admin.post(USERS, user.clone()).await.assert_status(422);
        assert_eq!(answer.field_errors(), [(field, code)], "{:.80}", user.to_string());
    }
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn an_id_has_one_spelling_but_for_case() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let found = admin.get(format!("{USERS}/{}", alice.id.to_uppercase())).await;
    assert_eq!(found.assert_status(200).text_at("/id"), alice.id);
    let simple = alice.id.replace('-', "");
    for id in [
        "1",
        "me",
        "%00",
        "%ff",
        "..%2f..%2fetc",
        simple.as_str(),
        &format!("urn:uuid:{}", alice.id),
        &format!("%7B{}%7D", alice.id),
        &format!("{} ", alice.id).replace(' ', "%20"),
        "' OR '1'='1".replace([' ', '\''], "%27").as_str(),
    ] {
        admin.get(format!("{USERS}/{id}")).await.assert_problem(404, "not_found");
        admin.delete(format!("{USERS}/{id}")).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_signed_out_everywhere() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let path = format!("{USERS}/{}", alice.id);
    assert_snapshot!(admin.delete(&path).await, @"204 No Content");
    admin.get(&path).await.assert_problem(404, "not_found");
    admin.delete(&path).await.assert_problem(404, "not_found");
    alice.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
    let refresh = json!({"refresh_token": alice.refresh_token});
    let answer = app.anon().post("/api/v1/sessions/refresh", refresh).await;
    answer.assert_problem(401, "unauthenticated");
    let credentials = json!({"email": alice.email, "password": PASSWORD});
    let answer = app.anon().post("/api/v1/sessions", credentials).await;
    answer.assert_problem(401, "invalid_credentials");
    let event = format!("user.deleted by user:{}, of {}", admin.id, alice.id);
    assert_eq!(app.events().await.last(), Some(&event));
    // The address is free again.
    app.user("alice").await.get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn a_user_is_deleted_at_the_version_that_is_named_or_not_at_all() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let path = format!("{USERS}/{}", alice.id);
    alice.patch("/api/v1/me", json!({"name": "Changed"})).await.assert_status(200);
    let before = app.contents();
    for tag in ["\"1\"", "W/\"2\"", "\"x\", \"3\""] {
        let answer = admin.with("if-match", tag).delete(&path).await;
        answer.assert_problem(412, "precondition_failed");
    }
    admin.with("if-match", "2").delete(&path).await.assert_problem(400, "malformed_request");
    assert_eq!(app.contents(), before);
    admin.with("if-match", "\"2\"").delete(&path).await.assert_status(204);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let delete_admin = format!("{USERS}/{}", admin.id);
    let before = app.contents();
    assert_snapshot!(admin.delete(&delete_admin).await, @r#"
    409 Conflict
    content-type: application/problem+json

    {
      "code": "last_admin",
      "detail": "This is the last admin who can sign in.",
      "request_id": "[id 1]",
      "status": 409,
      "title": "Conflict",
      "type": "urn:rollcall:problem:last_admin"
    }
    "#);
    assert_eq!(app.contents(), before);

    // Two may go down to one, but not both at the same time.
    let promote = "INSERT INTO user_roles (user_id, role) VALUES ($1, 'admin')";
    app.sql(promote, vec![alice.id.as_str().into()]).await;
    app.clock.advance(Duration::from_secs(1));
    let delete_alice = format!("{USERS}/{}", alice.id);
    let answers = join_all([admin.delete(&delete_alice), alice.delete(&delete_admin)]).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 204, "{answers:?}");
    assert!(matches!(statuses[1], 401 | 409), "{answers:?}");
    let admins = "SELECT user_id FROM user_roles WHERE role = 'admin'";
    assert_eq!(app.sql(admins, Vec::new()).await.len(), 1);
}
