//! `GET /api/v1/users`: pages of the directory.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::client::Client;

const USERS: &str = "/api/v1/users";

/// An app with an admin and so many users, each created a millisecond later.
async fn with_users(count: usize) -> (TestApp, Client) {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for number in 0..count {
        create(&app, &admin, &number.to_string()).await;
    }
    (app, admin)
}

async fn create(app: &TestApp, admin: &Client, name: &str) -> String {
    app.clock.advance(Duration::from_millis(1));
    let user = json!({"email": format!("{name}@example.com"), "name": name});
    admin.post(USERS, user).await.assert_status(201).text_at("/id")
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_page_tells_where_the_next_one_is() {
    let (app, admin) = with_users(2).await;
    let before = app.database.calls();
    let first = admin.get(format!("{USERS}?limit=2")).await;
    assert_snapshot!(first, @r#"
    200 OK
    content-type: application/json
    link: </api/v1/users?limit=2&cursor=[opaque 1]>; rel="next"

    {
      "items": [
        {
          "created_at": "2026-01-01T00:00:00.000000Z",
          "email": "admin@example.com",
          "email_verified_at": "2026-01-01T00:00:00.000000Z",
          "external_id": null,
          "id": "[id 1]",
          "metadata": {},
          "name": "Admin",
          "own_metadata": {},
          "private_metadata": {},
          "roles": [
            "admin"
          ],
          "suspended_at": null,
          "updated_at": "2026-01-01T00:00:00.000000Z",
          "version": 1
        },
        {
          "created_at": "2026-01-01T00:00:00.001000Z",
          "email": "0@example.com",
          "email_verified_at": null,
          "external_id": null,
          "id": "[id 2]",
          "metadata": {},
          "name": "0",
          "own_metadata": {},
          "private_metadata": {},
          "roles": [
            "user"
          ],
          "suspended_at": null,
          "updated_at": "2026-01-01T00:00:00.001000Z",
          "version": 1
        }
      ],
      "next_cursor": "[opaque 1]"
    }
    "#);
    assert_eq!(app.database.calls() - before, 1);
    let link = first.header("link").unwrap();
    let next = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    assert_snapshot!(admin.get(next).await, @r#"
    200 OK
    content-type: application/json

    {
      "items": [
        {
          "created_at": "2026-01-01T00:00:00.002000Z",
          "email": "1@example.com",
          "email_verified_at": null,
          "external_id": null,
          "id": "[id 1]",
          "metadata": {},
          "name": "1",
          "own_metadata": {},
          "private_metadata": {},
          "roles": [
            "user"
          ],
          "suspended_at": null,
          "updated_at": "2026-01-01T00:00:00.002000Z",
          "version": 1
        }
      ],
      "next_cursor": null
    }
    "#);
}

#[tokio::test]
async fn every_user_is_on_one_page_in_the_order_of_creation() {
    let (_, admin) = with_users(24).await;
    let expected: Vec<_> =
        std::iter::once("Admin".to_owned()).chain((0..24).map(|n: u32| n.to_string())).collect();
    for (limit, sizes) in [("", &[20, 5][..]), ("limit=5", &[5; 5]), ("limit=200", &[25])] {
        let (mut walked, mut found_sizes) = (Vec::new(), Vec::new());
        let mut query = limit.to_owned();
        loop {
            let page = admin.get(format!("{USERS}?{query}")).await.assert_status(200);
            let found = names(&page.body);
            found_sizes.push(found.len());
            walked.extend(found.into_iter().map(str::to_owned));
            match page.body["next_cursor"].as_str() {
                Some(cursor) => query = format!("{limit}&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(walked, expected);
        assert_eq!(found_sizes, sizes);
    }
}

#[tokio::test]
async fn a_walk_misses_and_repeats_nobody_while_users_come_and_go() {
    let (app, admin) = with_users(5).await;
    let first = admin.get(format!("{USERS}?limit=3")).await;
    assert_eq!(names(&first.body), ["Admin", "0", "1"]);
    // The one at the edge goes, and so does one of those who are still to come.
    for gone in [&first.body["items"][2]["id"], &first.body["items"][1]["id"]] {
        admin.delete(format!("{USERS}/{}", gone.as_str().unwrap())).await.assert_status(204);
    }
    create(&app, &admin, "late").await;
    let cursor = first.text_at("/next_cursor");
    let second = admin.get(format!("{USERS}?limit=3&cursor={cursor}")).await;
    assert_eq!(names(&second.body), ["2", "3", "4"]);
    let cursor = second.text_at("/next_cursor");
    let third = admin.get(format!("{USERS}?limit=3&cursor={cursor}")).await;
    assert_eq!(names(&third.body), ["late"]);
    assert_eq!(third.body["next_cursor"], Value::Null);
}

#[tokio::test]
async fn behind_the_last_user_a_page_is_empty() {
    let (_, admin) = with_users(1).await;
    let first = admin.get(format!("{USERS}?limit=1")).await;
    let last = first.text_at("/next_cursor");
    let user = &admin.get(format!("{USERS}?cursor={last}")).await.body["items"][0]["id"];
    admin.delete(format!("{USERS}/{}", user.as_str().unwrap())).await.assert_status(204);
    let empty = admin.get(format!("{USERS}?cursor={last}")).await.assert_status(200);
    assert_eq!(empty.body, json!({"items": [], "next_cursor": null}));
    assert_eq!(empty.header("link"), None);
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused_by_its_parameters() {
    let (_, admin) = with_users(2).await;
    let cursor = admin.get(format!("{USERS}?limit=1")).await.text_at("/next_cursor");
    let mut tampered = cursor.clone().into_bytes();
    tampered[20] = if tampered[20] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    let cut = &cursor[..cursor.len() - 1];
    for (query, errors) in [
        ("limit=0", &[("limit", "out_of_range")][..]),
        ("limit=201", &[("limit", "out_of_range")]),
        ("limit=-1", &[("limit", "out_of_range")]),
        ("limit=", &[("limit", "out_of_range")]),
        ("limit=1e1", &[("limit", "out_of_range")]),
        ("limit=99999999999999999999", &[("limit", "out_of_range")]),
        ("limit=1&limit=2", &[("limit", "repeated")]),
        ("cursor=", &[("cursor", "invalid_cursor")]),
        ("cursor=x", &[("cursor", "invalid_cursor")]),
        ("cursor=%00", &[("cursor", "invalid_cursor")]),
        (&format!("cursor={tampered}"), &[("cursor", "invalid_cursor")]),
        (&format!("cursor={cut}"), &[("cursor", "invalid_cursor")]),
        (&format!("cursor={cursor}A"), &[("cursor", "invalid_cursor")]),
        ("offset=1", &[("offset", "unknown_field")]),
        (
            "cursor=x&limit=x&q=x",
            &[("limit", "out_of_range"), ("cursor", "invalid_cursor"), ("q", "unknown_field")],
        ),
    ] {
        let answer = admin.get(format!("{USERS}?{query}")).await;
        let answer = answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.field_errors(), errors, "{query}");
    }
}
