//! The three kinds of metadata, and the application's own key for a user.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp};

const USERS: &str = "/api/v1/users";
const ME: &str = "/api/v1/me";

fn path(id: &str) -> String {
    format!("{USERS}/{id}")
}

#[tokio::test]
async fn what_is_private_is_never_shown_to_the_user() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let user = json!({
        "email": "ada@example.com", "name": "Ada", "password": PASSWORD, "external_id": "crm-42",
        "metadata": {"plan": "pro"}, "private_metadata": {"secret": "watch her"},
        "own_metadata": {"theme": "dark"},
    });
    let created = admin.post(USERS, user.clone()).await.assert_status(201);
    for member in ["external_id", "metadata", "private_metadata", "own_metadata"] {
        assert_eq!(created.body[member], user[member]);
    }
    let id = created.text_at("/id");
    assert_eq!(admin.get(path(&id)).await.body, created.body);
    let list = admin.get(USERS).await;
    assert!(list.body["items"].as_array().unwrap().contains(&created.body), "{list}");

    let credentials = json!({"email": "ada@example.com", "password": PASSWORD});
    let signed_in = app.anon().post("/api/v1/sessions", credentials).await;
    let refresh = json!({"refresh_token": signed_in.text_at("/refresh_token")});
    let ada = app.sign_in("ada@example.com").await;
    let mut seen = created.body.clone();
    seen.as_object_mut().unwrap().remove("private_metadata");
    let answers = [
        signed_in,
        app.anon().post("/api/v1/sessions/refresh", refresh).await,
        ada.get(ME).await,
        ada.get("/api/v1/me/export").await,
        ada.patch(ME, json!({})).await,
    ];
    for answer in answers {
        assert!(answer.status.is_success(), "{answer}");
        assert!(!answer.text.contains("private_metadata"), "{answer}");
        assert!(!answer.text.contains("watch her"), "{answer}");
    }
    assert_eq!(ada.get(ME).await.body["own_metadata"], json!({"theme": "dark"}));
}

#[tokio::test]
async fn everybody_writes_their_own_metadata_and_no_other() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let own = |value: Value| json!({"own_metadata": value});
    let steps = [
        (json!({"theme": "dark", "of": {"a": 1}}), json!({"theme": "dark", "of": {"a": 1}})),
        (json!({"theme": null, "of": {"b": 2}}), json!({"of": {"a": 1, "b": 2}})),
        (json!({}), json!({"of": {"a": 1, "b": 2}})),
        (json!({"of": null}), json!({})),
    ];
    for (patch, expected) in steps {
        let answer = alice.patch(ME, own(patch)).await.assert_status(200);
        assert_eq!(answer.body["own_metadata"], expected);
        assert_eq!(admin.get(path(&alice.id)).await.body["own_metadata"], expected);
    }
    let before = app.contents();
    for (patch, field, code) in [
        (json!({"own_metadata": null}), "own_metadata", "wrong_type"),
        (json!({"own_metadata": {"a": "x".repeat(16 * 1024)}}), "own_metadata", "too_long"),
        (json!({"metadata": {}}), "metadata", "unknown_field"),
        (json!({"private_metadata": {}}), "private_metadata", "unknown_field"),
        (json!({"external_id": "x"}), "external_id", "unknown_field"),
    ] {
        let answer = alice.patch(ME, patch).await.assert_status(422);
        assert_eq!(answer.field_errors(), [(field, code)]);
    }
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_replacement_empties_what_it_leaves_out_but_for_what_is_the_users_own() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let full = json!({
        "external_id": "42", "metadata": {"a": 1}, "private_metadata": {"b": 2},
        "own_metadata": {"c": 3},
    });
    let patched = admin.patch(path(&alice.id), full.clone()).await.assert_status(200);
    for (member, value) in full.as_object().unwrap() {
        assert_eq!(&patched.body[member], value);
    }
    let admin = admin.with("if-match", "*");
    let profile = json!({"email": "alice@example.com", "name": "Alice"});
    let replaced = admin.put(path(&alice.id), profile).await.assert_status(200);
    let members = ["external_id", "metadata", "private_metadata", "own_metadata"];
    let found = members.map(|member| replaced.body[member].clone());
    assert_eq!(found, [Value::Null, json!({}), json!({}), json!({"c": 3})]);
    assert_eq!(admin.get(path(&alice.id)).await.body, replaced.body);
    let profile = json!({"email": "alice@example.com", "name": "Alice", "own_metadata": {}});
    let replaced = admin.put(path(&alice.id), profile).await.assert_status(200);
    assert_eq!(replaced.body["own_metadata"], json!({}));
}

#[tokio::test]
async fn an_external_id_belongs_to_one_user_exactly_as_it_is_written() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let user = |n: usize, external_id: &str| {
        let email = format!("{n}@example.com");
        json!({"email": email, "name": "A", "external_id": external_id})
    };
    let mut owners = Vec::new();
    for (n, external_id) in ["crm-42", "CRM-42", " crm-42", "É", "E\u{301}"].iter().enumerate() {
        let created = admin.post(USERS, user(n, external_id)).await.assert_status(201);
        assert_eq!(created.text_at("/external_id"), **external_id);
        owners.push(path(&created.text_at("/id")));
    }
    let before = app.contents();
    let taken = json!({"external_id": "crm-42"});
    admin.post(USERS, user(9, "crm-42")).await.assert_problem(409, "external_id_taken");
    admin.patch(path(&alice.id), taken).await.assert_problem(409, "external_id_taken");
    assert_eq!(app.contents(), before);
    for (external_id, code) in [
        (json!(""), "required"),
        (json!("a\u{0}"), "invalid_characters"),
        (json!("é".repeat(256)), "too_long"),
        (json!(42), "wrong_type"),
    ] {
        let answer = admin.patch(path(&alice.id), json!({"external_id": external_id})).await;
        assert_eq!(answer.assert_status(422).field_errors(), [("external_id", code)]);
    }
    // It is removed by null, and free again.
    admin.patch(&owners[0], json!({"external_id": null})).await.assert_status(200);
    let answer = admin.patch(path(&alice.id), json!({"external_id": "crm-42"})).await;
    assert_eq!(answer.assert_status(200).text_at("/external_id"), "crm-42");
}

#[tokio::test]
async fn of_many_who_take_an_external_id_at_once_one_gets_it() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let user = |n: usize| {
        let email = format!("{n}@example.com");
        json!({"email": email, "name": "Ada", "external_id": "42"})
    };
    let answers = join_all((0..16).map(|n| admin.post(USERS, user(n)))).await;
    let (created, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.status == 201);
    assert_eq!(created.len(), 1);
    for answer in refused {
        answer.assert_problem(409, "external_id_taken");
    }
}

#[tokio::test]
async fn what_the_operators_schema_forbids_is_not_written_by_anybody() {
    let schema = json!({
        "properties": {"plan": {"enum": ["free", "pro"]}, "tags": {"items": {"type": "string"}}},
        "required": ["plan"], "additionalProperties": false,
    });
    let own = json!({"propertyNames": {"maxLength": 8}, "maxProperties": 2});
    let private = json!({"properties": {"score": {"type": "number"}}});
    let app = TestApp::with(&[
        ("metadata_schema", &schema.to_string()),
        ("own_metadata_schema", &own.to_string()),
        ("private_metadata_schema", &private.to_string()),
    ])
    .await;
    let admin = app.admin().await;
    let user = json!({
        "email": "alice@example.com", "name": "Alice", "password": PASSWORD,
        "metadata": {"plan": "free", "tags": ["a"]},
    });
    let id = admin.post(USERS, user).await.assert_status(201).text_at("/id");
    let alice = app.sign_in("alice@example.com").await;
    let before = app.contents();
    let bad = json!({
        "email": "bob@example.com", "name": "Bob", "metadata": {"tags": ["a", 1], "x": 1},
        "private_metadata": {"score": "high"}, "own_metadata": {"much too long": 1},
    });
    let expected = [
        ("metadata.tags.1", "wrong_type"),
        ("metadata.x", "unknown_field"),
        ("metadata.plan", "required"),
        ("private_metadata.score", "wrong_type"),
        ("own_metadata.much too long", "too_long"),
    ];
    let created = admin.post(USERS, bad.clone()).await.assert_status(422);
    assert_eq!(created.field_errors(), expected);
    let replaced = admin.with("if-match", "*").put(path(&id), bad).await.assert_status(422);
    assert_eq!(replaced.field_errors(), expected);
    for (patch, field, code) in [
        (json!({"metadata": {"plan": "gold"}}), "metadata.plan", "not_allowed"),
        (json!({"metadata": {"plan": null}}), "metadata.plan", "required"),
        (json!({"private_metadata": {"score": "1"}}), "private_metadata.score", "wrong_type"),
        (json!({"own_metadata": {"a": 1, "b": 2, "c": 3}}), "own_metadata", "too_many"),
    ] {
        let answer = admin.patch(path(&id), patch).await.assert_status(422);
        assert_eq!(answer.field_errors(), [(field, code)]);
    }
    let own = json!({"own_metadata": {"a": 1, "b": 2, "c": 3}});
    let answer = alice.patch(ME, own).await.assert_status(422);
    assert_eq!(answer.field_errors(), [("own_metadata", "too_many")]);
    assert_eq!(app.contents(), before);
    admin.patch(path(&id), json!({"metadata": {"plan": "pro"}})).await.assert_status(200);
    alice.patch(ME, json!({"own_metadata": {"theme": "dark"}})).await.assert_status(200);
}

#[tokio::test]
async fn what_was_written_under_another_schema_stays_until_it_is_written_again() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    admin.patch(path(&alice.id), json!({"metadata": {"plan": "old"}})).await.assert_status(200);
    let schema = json!({"properties": {"plan": {"enum": ["new"]}}}).to_string();
    let app = app.another_instance(&[("metadata_schema", &schema)]).await;
    let admin = app.sign_in("admin@example.com").await;
    admin.patch(path(&alice.id), json!({"name": "Alice"})).await.assert_status(200);
    let answer = admin.patch(path(&alice.id), json!({"metadata": {"seats": 1}})).await;
    assert_eq!(answer.assert_status(422).field_errors(), [("metadata.plan", "not_allowed")]);
    let patch = json!({"metadata": {"plan": "new"}});
    admin.patch(path(&alice.id), patch).await.assert_status(200);
}
