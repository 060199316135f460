//! Heads and bodies that are too large, and requests that take too long.

use serde_json::json;

use crate::service::{BOOTSTRAP_TOKEN, Service, builder};
use crate::wire::Wire;

/// A request to create the first admin, of `length` bytes: JSON may end in spaces.
fn body(length: usize) -> String {
    let body = json!({"email": "ada@example.com", "name": "Ada", "password": "a long walk"});
    let body = body.to_string();
    let spaces = " ".repeat(length - body.len());
    body + &spaces
}

fn head(extra: &str) -> String {
    format!(
        "POST /api/v1/bootstrap HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         authorization: Bearer {BOOTSTRAP_TOKEN}\r\ncontent-type: application/json\r\n{extra}\r\n"
    )
}

fn with_length(body: &str) -> String {
    format!("{}{body}", head(&format!("content-length: {}\r\n", body.len())))
}

/// In chunks of 100 bytes, without a word of how many there are.
fn in_chunks(body: &str) -> String {
    let mut request = head("transfer-encoding: chunked\r\n");
    for chunk in body.as_bytes().chunks(100) {
        let chunk = std::str::from_utf8(chunk).unwrap();
        request += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
    }
    request + "0\r\n\r\n"
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
    for write in [with_length, in_chunks] {
        let service = Service::start(&builder().variable("body_limit", "1KiB"));
        for (length, status) in [(1025, "413"), (100_000, "413"), (1024, "201")] {
            let mut wire = Wire::connect(service.host.port).await;
            wire.send(write(&body(length))).await;
            let answer = wire.read_to_end().await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{length}: {answer}");
            let is_problem = answer.contains("\"code\":\"payload_too_large\"");
            assert_eq!(is_problem, status == "413", "{length}: {answer}");
        }
        assert_eq!(service.host.stderr(), "");
    }
}

#[tokio::test]
async fn a_head_may_be_as_large_as_the_limit_and_no_larger() {
    let service = Service::shared();
    let ask = async |target: &str, fields: usize, bytes: usize| {
        // The host takes `host` and `connection` away, and adds some of its own.
        let mut head = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        let mut size = 0;
        for n in 1..fields {
            head += &format!("x-{n:02}: 1\r\n");
            size += "x-001".len();
        }
        head += &format!("x: {}\r\n\r\n", "v".repeat(bytes - size - 1));
        let mut wire = Wire::connect(service.host.port).await;
        wire.send(head).await;
        wire.read_to_end().await
    };
    let longest = format!("/livez?{}", "x".repeat(8_192 - "/livez?".len()));
    for (target, fields, bytes, status, code) in [
        ("/livez", 64, 12_288, "200", ""),
        (&longest, 64, 12_288, "200", ""),
        ("/livez", 65, 12_288, "431", "header_fields_too_large"),
        ("/livez", 64, 12_289, "431", "header_fields_too_large"),
        // The most that the host itself takes.
        ("/livez", 98, 12_289, "431", "header_fields_too_large"),
        (&format!("{longest}x"), 64, 12_288, "414", "uri_too_long"),
    ] {
        let answer = ask(target, fields, bytes).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{fields} {bytes}: {answer}");
        assert!(answer.contains(code), "{fields} {bytes}: {answer}");
    }
    assert_eq!(service.host.stderr(), "");
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_not_waited_for() {
    let service = Service::shared();
    let mut wire = Wire::connect(service.host.port).await;
    wire.send(head("content-length: 999999999\r\n")).await;
    let answer = wire.read_until("payload_too_large").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn who_sends_a_whole_import_before_reading_sees_why_it_is_refused() {
    let service = Service::shared();
    for megabytes in [1, 4, 7] {
        let body = "x".repeat(megabytes << 20);
        let mut wire = Wire::connect(service.host.port).await;
        let length = body.len();
        wire.send(format!(
            "POST /api/v1/users/import HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/x-ndjson\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await;
        let answer = wire.read_to_end().await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(answer.contains("\"code\":\"unauthenticated\""), "{answer}");
    }
    assert_eq!(service.host.stderr(), "");
}

#[tokio::test]
async fn a_request_that_takes_too_long_gets_504_and_the_next_one_an_answer() {
    let service = Service::start(&builder().variable("request_timeout", "1s"));
    let mut wire = Wire::connect(service.host.port).await;
    wire.send(head("content-length: 100\r\n")).await;
    wire.send("{\"email\":").await;
    let answer = wire.read_until("\"code\":\"timeout\"").await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");

    service.admin().await.get("/api/v1/me").await.expect(200);
    assert_eq!(service.host.stderr(), "");
}
