//! `GET /api/v1/users/export`: everybody, as a stream.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http::{Request, Response as HttpResponse};
use http_body_util::BodyExt;
use insta::assert_snapshot;
use rollcall::store::database::DatabaseError;
use serde_json::{Value, json};

use crate::finding::encoded;
use crate::support::TestApp;
use crate::support::client::Client;

const EXPORT: &str = "/api/v1/users/export";

/// So many users besides the admin, each created a millisecond later.
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
    admin.post("/api/v1/users", user).await.assert_status(201).text_at("/id")
}

/// An answer whose body is still to be read.
async fn begin(admin: &Client) -> HttpResponse<Body> {
    let request = Request::builder().uri(EXPORT).header("accept", "application/x-ndjson");
    let bearer = format!("Bearer {}", admin.access_token);
    let request = request.header("authorization", bearer).body(Body::empty()).unwrap();
    admin.server.serve(request).await
}

async fn frame(response: &mut HttpResponse<Body>) -> Option<Result<Bytes, axum::Error>> {
    let frame = response.body_mut().frame().await?;
    Some(frame.map(|frame| frame.into_data().unwrap()))
}

fn names(lines: &str) -> Vec<String> {
    let user = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    lines.lines().map(|line| user(line)["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn everybody_is_on_one_line_in_the_order_of_creation() {
    let (app, admin) = with_users(450).await;
    let calls = app.database.calls();
    let answer = admin.get(EXPORT).await.assert_status(200);
    assert_eq!(app.database.calls() - calls, 4, "the end, and pages of 200");
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let expected: Vec<_> =
        std::iter::once("Admin".to_owned()).chain((0..450).map(|n: u32| n.to_string())).collect();
    assert_eq!(names(&answer.text), expected);
    let first = answer.text.lines().next().unwrap();
    let list = admin.get("/api/v1/users?limit=1").await;
    assert_eq!(serde_json::from_str::<Value>(first).unwrap(), list.body["items"][0]);
}

#[tokio::test]
async fn a_spreadsheet_gets_a_table_without_formulas() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    app.clock.advance(Duration::from_secs(1));
    let user = json!({
        "email": "+mallory@example.com", "name": "=HYPERLINK(\"http://evil.example\", \"Ada\")",
        "external_id": "-1", "metadata": {"locale": "en", "tags": [1]},
        "private_metadata": {"note": "@home"},
    });
    admin.post("/api/v1/users", user).await.assert_status(201);
    let answer = admin.with("accept", "text/csv").get(EXPORT).await;
    assert_snapshot!(answer, @r#"
    200 OK
    content-disposition: attachment; filename="users.csv"
    content-type: text/csv; charset=utf-8
    vary: Accept

    id,email,email_verified_at,name,external_id,roles,metadata,own_metadata,private_metadata,created_at,updated_at,suspended_at,version
    [id 1],admin@example.com,2026-01-01T00:00:00.000000Z,Admin,,admin,{},{},{},2026-01-01T00:00:00.000000Z,2026-01-01T00:00:00.000000Z,,1
    [id 2],'+mallory@example.com,,"'=HYPERLINK(""http://evil.example"", ""Ada"")",'-1,user,"{""locale"":""en"",""tags"":[1]}",{},"{""note"":""@home""}",2026-01-01T00:00:01.000000Z,2026-01-01T00:00:01.000000Z,,1
    "#);
    let fields = "fields=version,email&format=csv&email=admin@example.com";
    let answer = admin.get(format!("{EXPORT}?{fields}")).await.assert_status(200);
    assert_eq!(answer.text, "version,email\r\n1,admin@example.com\r\n");
}

#[tokio::test]
async fn the_client_chooses_the_form() {
    let (_, admin) = with_users(0).await;
    let (csv, ndjson) = ("text/csv; charset=utf-8", "application/x-ndjson");
    for (accept, query, expected) in [
        ("*/*", "", ndjson),
        ("text/csv", "", csv),
        ("text/*", "", csv),
        ("application/x-ndjson;q=0.5, text/csv", "", csv),
        ("text/csv;q=0.5, */*", "", ndjson),
        ("application/json", "?format=csv", csv),
        ("text/csv", "?format=ndjson", ndjson),
    ] {
        let answer = admin.with("accept", accept).get(format!("{EXPORT}{query}")).await;
        let answer = answer.assert_status(200);
        assert_eq!(answer.header("content-type"), Some(expected), "{accept}");
        assert_eq!(answer.header("vary"), Some("Accept"));
    }
    for accept in ["application/json", "text/csv;q=0", "image/png"] {
        let answer = admin.with("accept", accept).get(EXPORT).await;
        answer.assert_problem(406, "not_acceptable");
    }
    for (query, field, code) in [
        ("format=xml", "format", "invalid_format"),
        ("filter=name+pr", "filter", "invalid_filter"),
        ("limit=1", "limit", "unknown_field"),
        ("sort=name", "sort", "unknown_field"),
    ] {
        let answer = admin.get(format!("{EXPORT}?{query}")).await.assert_status(422);
        assert_eq!(answer.field_errors(), [(field, code)]);
    }
}

#[tokio::test]
async fn only_those_are_exported_of_whom_the_filter_holds() {
    let (_, admin) = with_users(30).await;
    let query = encoded(&[("filter", r#"name co "2" and not (name sw "1")"#), ("fields", "name")]);
    let answer = admin.get(format!("{EXPORT}?{query}")).await.assert_status(200);
    let expected: String =
        [2].into_iter().chain(20..30).map(|n| format!("{{\"name\":\"{n}\"}}\n")).collect();
    assert_eq!(answer.text, expected);
    let nobody = admin.get(format!("{EXPORT}?email=nobody@example.com")).await.assert_status(200);
    assert_eq!(nobody.text, "");
}

#[tokio::test]
async fn whoever_is_created_after_the_beginning_is_not_in_it_and_everybody_else_once() {
    let (app, admin) = with_users(210).await;
    let mut response = begin(&admin).await;
    let mut text = frame(&mut response).await.unwrap().unwrap().to_vec();
    let last = admin.get("/api/v1/users?email=205@example.com").await;
    let last = last.body["items"][0]["id"].as_str().unwrap().to_owned();
    admin.delete(format!("/api/v1/users/{last}")).await.assert_status(204);
    create(&app, &admin, "late").await;
    // However long the client takes: only the answer's beginning has a time limit.
    app.timer.run_out();
    while let Some(more) = frame(&mut response).await {
        text.extend(more.unwrap());
    }
    let expected: Vec<_> = std::iter::once("Admin".to_owned())
        .chain((0..210).filter(|n| *n != 205).map(|n: u32| n.to_string()))
        .collect();
    assert_eq!(names(std::str::from_utf8(&text).unwrap()), expected);
}

#[tokio::test]
async fn an_export_that_cannot_go_on_does_not_end_well() {
    let (app, admin) = with_users(210).await;
    let mut response = begin(&admin).await;
    assert!(frame(&mut response).await.unwrap().is_ok());
    app.database.fail(DatabaseError::Unavailable("the disk is gone".to_owned()));
    assert!(frame(&mut response).await.unwrap().is_err());
    let line = app.log.take().pop().unwrap();
    let told = [&line["message"], &line["code"], &line["cause"]];
    assert_eq!(told, ["export broken off", "unavailable", "the disk is gone"]);
    app.database.repair();

    // Whoever may no longer see users sees no more of them.
    let mut response = begin(&admin).await;
    assert!(frame(&mut response).await.unwrap().is_ok());
    admin.delete("/api/v1/sessions/current").await.assert_status(204);
    assert!(frame(&mut response).await.unwrap().is_err());
}

#[tokio::test]
async fn nothing_is_read_for_a_client_that_has_gone() {
    let (app, admin) = with_users(410).await;
    let mut response = begin(&admin).await;
    assert!(frame(&mut response).await.unwrap().is_ok());
    let calls = app.database.calls();
    tokio::task::yield_now().await;
    drop(response);
    assert_eq!(app.database.calls(), calls);
}
