//! Imports as streams: as they come, as they break off, and as they are taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::imports::{IMPORT, NDJSON, import, lines, person, send, summary};
use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::response::Response;

/// A request whose body comes as this stream.
fn streamed(
    client: &Client,
    body: impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static,
) -> Request<Body> {
    Request::post(IMPORT)
        .header("authorization", format!("Bearer {}", client.access_token))
        .header("content-type", NDJSON)
        .body(Body::from_stream(body))
        .unwrap()
}

fn piece(numbers: std::ops::Range<usize>) -> std::io::Result<Bytes> {
    Ok(lines(&numbers.map(person).collect::<Vec<_>>()).into())
}

async fn imported(admin: &Client) -> usize {
    let users = admin.get("/api/v1/users?limit=200").await.assert_status(200);
    users.body["items"].as_array().unwrap().iter().filter(|u| !u["external_id"].is_null()).count()
}

#[tokio::test]
async fn a_body_larger_than_others_may_be_is_taken() {
    let app = TestApp::with(&[("body_limit", "1KiB")]).await;
    let admin = app.admin().await;
    let people: Vec<_> = (0..100).map(person).collect();
    let body = lines(&people);
    let answer = admin.with("content-length", &body.len().to_string());
    assert_eq!(summary(&send(&answer, NDJSON, body).await)["created"], 100);
}

#[tokio::test]
async fn a_client_that_sends_nothing_more_is_told_how_far_it_came() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let silent = stream::iter([piece(0..3)]).chain(stream::pending());
    let answer = app.server.serve(streamed(&admin, silent)).await;
    app.timer.run_out();
    let answer = Response::read(answer).await;
    let summary = summary(&answer);
    assert_eq!((&summary["lines"], &summary["complete"]), (&json!(3), &json!(false)));
    assert_eq!((&summary["created"], &summary["error"]["code"]), (&json!(3), &json!("idle")));
}

#[tokio::test]
async fn a_body_that_is_refused_is_read_behind_the_answer_and_within_bounds() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    for (client, path, content_type, header, status) in [
        (&app.anon(), IMPORT, NDJSON, "", 401),
        (&alice, IMPORT, NDJSON, "", 403),
        (&admin, IMPORT, "text/plain", "", 415),
        (&admin, &format!("{IMPORT}?report=none"), NDJSON, "", 422),
        (&admin, IMPORT, "text/csv", "email,colour\n", 422),
    ] {
        let read = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&read);
        let first = stream::iter([Ok(Bytes::from(header))]);
        let rest = stream::repeat_with(move || {
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(Bytes::from(vec![b' '; 1 << 20]))
        });
        let mut request = streamed(client, first.chain(rest));
        *request.uri_mut() = path.parse().unwrap();
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        let answer = Response::read(app.server.serve(request).await).await;
        assert_eq!(answer.status, status, "{answer}");
        assert_eq!(read.load(Ordering::SeqCst), 0, "{answer}");
        app.background.run().await;
        assert_eq!(read.load(Ordering::SeqCst), 9, "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_whole_lines_only() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let cut = Bytes::from(person(400).to_string());
    let body = [piece(0..100), Ok(cut), Err(std::io::Error::other("gone"))];
    let response = app.server.serve(streamed(&admin, stream::iter(body))).await;
    assert!(response.into_body().collect().await.is_err(), "it must not end as if it were whole");
    assert!(imported(&admin).await <= 100);
    let people: Vec<_> = (0..101).map(person).collect();
    let again = import(&admin, &people).await;
    assert_eq!(summary(&again)["failed"], 0);
    assert_eq!(imported(&admin).await, 101);
}

#[tokio::test]
async fn no_more_is_read_than_what_is_answered_is_taken() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let body = stream::iter(0..100).map(move |number| {
        counter.fetch_add(1, Ordering::SeqCst);
        piece(number * 100..number * 100 + 100)
    });
    let response = app.server.serve(streamed(&admin, body)).await;
    let mut body = response.into_body();
    for taken in 1..=3 {
        body.frame().await.unwrap().unwrap();
        let read = read.load(Ordering::SeqCst);
        assert!(read <= (taken + 1) * 3, "{read} pieces after {taken} changes");
    }
    drop(body);
    assert!(read.load(Ordering::SeqCst) <= 12);
}

#[tokio::test]
async fn an_import_ends_when_its_caller_may_no_longer_write_users() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    app.role("importer", &["users:write"]).await;
    let importer = app.user_with_roles("importer", &["importer"]).await;
    let body = stream::iter((0..10).map(|number| piece(number * 250..number * 250 + 250)));
    let mut body = app.server.serve(streamed(&importer, body)).await.into_body();
    body.frame().await.unwrap().unwrap();
    let roles = json!({"roles": ["user"]});
    let path = format!("/api/v1/users/{}/roles", importer.id);
    admin.with("if-match", "*").put(path, roles).await.assert_status(200);
    let rest = body.collect().await.unwrap().to_bytes();
    let last = rest.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap();
    let summary: Value = serde_json::from_slice(last).unwrap();
    assert_eq!(summary["summary"]["complete"], false);
    assert_eq!(summary["summary"]["error"]["code"], "forbidden");
    assert!(summary["summary"]["lines"].as_u64().unwrap() <= 500);
}

#[tokio::test]
async fn imports_at_the_same_time_make_each_user_once() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let people: Vec<_> = (0..150).map(person).collect();
    let answers = futures_util::future::join_all((0..4).map(|_| import(&admin, &people))).await;
    let created: u64 =
        answers.iter().map(|answer| summary(answer)["created"].as_u64().unwrap()).sum();
    let failed: u64 =
        answers.iter().map(|answer| summary(answer)["failed"].as_u64().unwrap()).sum();
    assert_eq!((created, failed), (150, 0));
    assert_eq!(imported(&admin).await, 150);
}
