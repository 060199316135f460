//! What no client library sends: each gets a proper status and changes nothing.

use std::io::{Read, Write};

use axum::body::Body;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::{Method, Request};
use http_body_util::BodyExt;
use prost::Message;
use rollcall::app::{SystemClock, SystemRng};
use rollcall::domain::time::Clock;
use rollcall::transport::grpc::pb;
use rollcall::transport::misconfigured;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::TestApp;
use crate::support::grpc::{Answer, frame};

const CREATE: &str = "/rollcall.v1.UserService/CreateUser";
const LIST: &str = "/rollcall.v1.UserService/ListUsers";
const IMPORT: &str = "/rollcall.v1.UserService/ImportUsers";

fn create() -> Vec<u8> {
    let user = pb::NewUser {
        email: "new@example.com".to_owned(),
        name: "New".to_owned(),
        ..pb::NewUser::default()
    };
    pb::CreateUserRequest { user: Some(user) }.encode_to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    let mut compressed = frame(&encoder.finish().unwrap());
    compressed[0] = 1;
    compressed
}

#[track_caller]
fn assert_refused(answer: &Answer, code: Code, reason: &str, case: &str) {
    let status = answer.status.as_ref().unwrap_or_else(|| panic!("{case}: {answer:?}"));
    let told = status.get_details_error_info().map(|info| info.reason);
    assert_eq!((status.code(), told.as_deref()), (code, Some(reason)), "{case}: {status:?}");
    assert_eq!(answer.http_status, 200, "{case}");
    assert!(!answer.headers.contains_key("grpc-status"), "{case}: {answer:?}");
    assert_eq!(answer.headers["content-type"], "application/grpc", "{case}");
}

#[tokio::test]
async fn an_answer_is_over_when_its_trailers_are_out() {
    let channel = TestApp::new().await.anon().channel();
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        for body in [
            &[2, 0, 0, 0, 3, 97, 98, 99][..],
            &[0, 0, 0, 0, 9, 1],
            &[0, 0],
            &[0, 0xff, 0xff, 0xff, 0xff],
        ] {
            let mut answer = channel.begin(&path, body.to_vec()).await.into_body();
            let mut frames = Vec::new();
            // Whoever sends it asks for more until there is no more.
            while let Some(frame) = answer.frame().await {
                frames.push(frame.unwrap().into_trailers().is_ok());
                assert!(frames.len() < 10, "{path} {body:?}: {frames:?}");
            }
            assert_eq!(frames, [true], "{path} {body:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_message_is_refused() {
    let app = TestApp::new().await;
    let channel = app.admin().await.channel();
    let before = app.contents();
    let whole = frame(&create());
    let mut flagged = whole.clone();
    flagged[0] = 7;
    let mut compressed = whole.clone();
    compressed[0] = 1;
    let text = frame(b"{\"user\": {}}");
    for (case, body) in [
        ("nothing", Vec::new()),
        ("half a header", whole[..3].to_vec()),
        ("a header alone", whole[..5].to_vec()),
        ("a message that stops in the middle", whole[..whole.len() - 1].to_vec()),
        ("a flag that there is not", flagged),
        ("compressed by nothing", compressed),
        ("not protobuf", text),
    ] {
        for path in [CREATE, IMPORT] {
            // To a stream, both are its end.
            if path == IMPORT && ["nothing", "a header alone"].contains(&case) {
                continue;
            }
            let answer = channel.send(path, body.clone()).await;
            assert_refused(&answer, Code::InvalidArgument, "malformed_request", case);
            assert_eq!(app.contents(), before, "{case}");
        }
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_compressed_or_not() {
    let app = TestApp::with(&[("body_limit", "64KiB")]).await;
    let channel = app.admin().await.channel();
    let before = app.contents();
    let large = vec![0; (64 << 10) + 1];
    let answer = channel.unary(CREATE, &large).await;
    assert_refused(&answer, Code::ResourceExhausted, "payload_too_large", "plain");
    let compressed = channel.clone().with("grpc-encoding", "gzip");
    for size in [1 << 20, 64 << 20] {
        let answer = compressed.send(CREATE, gzip(&vec![0; size])).await;
        assert_refused(&answer, Code::ResourceExhausted, "payload_too_large", "compressed");
    }
    // What is announced is not waited for.
    let answer = channel.send(CREATE, vec![0, 0xff, 0xff, 0xff, 0xff]).await;
    assert_refused(&answer, Code::ResourceExhausted, "payload_too_large", "announced");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_message_may_come_compressed() {
    let app = TestApp::new().await;
    let channel = app.admin().await.channel();
    let answer = channel.clone().with("grpc-encoding", "gzip").send(CREATE, gzip(&create())).await;
    assert_eq!(answer.code(), Code::Ok);
    let health = channel.clone().with("grpc-encoding", "gzip");
    let answer = health.send("/grpc.health.v1.Health/Check", gzip(&[])).await;
    assert_eq!(answer.code(), Code::Ok);
    let answer = channel.with("grpc-encoding", "br").send(CREATE, gzip(&create())).await;
    assert_refused(&answer, Code::Unimplemented, "unsupported_media_type", "another encoding");
    assert_eq!(answer.headers["grpc-accept-encoding"], "gzip,identity");
}

#[tokio::test]
async fn who_compresses_and_reads_it_gets_compressed_answers() {
    let app = TestApp::new().await;
    let channel = app.admin().await.channel();
    let plain = channel.unary(LIST, &[]).await;
    let reads = channel.clone().with("grpc-accept-encoding", "gzip, identity");
    // Most clients say so with every call, and do not ask for it.
    assert_eq!(reads.unary(LIST, &[]).await.data, plain.data);
    let compresses = channel.clone().with("grpc-encoding", "gzip");
    assert_eq!(compresses.send(LIST, gzip(&[])).await.data, plain.data);
    let both = reads.with("grpc-encoding", "gzip").send(LIST, gzip(&[])).await;
    assert_eq!(both.code(), Code::Ok);
    assert_eq!(both.headers["grpc-encoding"], "gzip");
    assert_eq!(both.data[0], 1);
    let mut message = Vec::new();
    GzDecoder::new(both.message()).read_to_end(&mut message).unwrap();
    assert_eq!(message, plain.message());
}

#[tokio::test]
async fn a_method_that_there_is_not_is_unimplemented() {
    let app = TestApp::new().await;
    let channel = app.admin().await.channel();
    for path in [
        "/rollcall.v1.UserService/Nothing",
        "/rollcall.v1.UserService",
        "/rollcall.v1.Nothing/GetUser",
        "/rollcall.v2.UserService/GetUser",
        "/api/v1/users",
        "/",
    ] {
        let answer = channel.unary(path, b"").await;
        assert_refused(&answer, Code::Unimplemented, "not_found", path);
        assert_eq!(answer.status.unwrap().message(), "There is no such method.", "{path}");
    }
}

#[tokio::test]
async fn what_is_no_call_gets_a_status_of_http() {
    let app = TestApp::new().await;
    let channel = app.admin().await.channel();
    let send = |method: Method, content_type: &'static str| {
        let request = Request::builder().method(method).uri(CREATE);
        let request = request.header("content-type", content_type);
        channel.request(request.body(Body::from(frame(&create()))).unwrap())
    };
    let before = app.contents();
    for content_type in ["application/json", "application/grpc+json", "application/grpc-other", ""]
    {
        assert_eq!(send(Method::POST, content_type).await.http_status, 415, "{content_type}");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = send(method, "application/grpc").await;
        assert_eq!(
            (answer.http_status.as_u16(), &answer.headers["allow"]),
            (405, &"POST".parse().unwrap())
        );
    }
    assert_eq!(app.contents(), before);
    // And as every request it has a name and a line in the log.
    app.log.take();
    let answer = send(Method::POST, "application/json").await;
    let line = &app.log.take()[0];
    assert_eq!((&line["status"], &line["code"]), (&json!(415), &json!("unsupported_media_type")));
    assert_eq!(line["request_id"], answer.headers["x-request-id"].to_str().unwrap());
    // Media types have no case (RFC 9110, 8.3.1).
    let answer = send(Method::POST, "Application/GRPC; charset=utf-8").await;
    assert_eq!(answer.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn while_the_settings_are_wrong_every_call_waits() {
    let get = async |_| None;
    let errors = rollcall::config::Config::read(get).await.err().unwrap();
    let ask = async |content_type: &str| {
        let request = Request::post(CREATE).header("content-type", content_type);
        let request = request.body(Body::empty()).unwrap();
        let (parts, body) =
            misconfigured(&request, &errors, SystemClock.now(), &SystemRng, |_| ()).into_parts();
        assert_eq!(parts.headers["content-type"], content_type);
        let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
        (Status::from_header_map(&parts.headers), Status::from_header_map(&trailers))
    };
    let (None, Some(status)) = ask("application/grpc").await else { panic!("no trailers") };
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("/readyz"), "{status}");
    // Browsers see no trailers.
    let (Some(status), None) = ask("application/grpc-web+proto").await else { panic!("none") };
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_deadline_is_kept() {
    let app = TestApp::new().await;
    let channel = app.admin().await.channel();
    let answer = channel.clone().with("grpc-timeout", "soon").unary(CREATE, &create()).await;
    assert_refused(&answer, Code::InvalidArgument, "malformed_request", "malformed");
    let before = app.contents();
    for passed in ["0S", "1n", "999u"] {
        let answer = channel.clone().with("grpc-timeout", passed).unary(CREATE, &create()).await;
        assert_refused(&answer, Code::DeadlineExceeded, "timeout", passed);
        assert_eq!(app.contents(), before);
    }
    app.database.stall();
    app.timer.run_out();
    let answer = channel.with("grpc-timeout", "5m").unary(CREATE, &create()).await;
    assert_refused(&answer, Code::DeadlineExceeded, "timeout", "expired");
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn whoever_is_not_known_is_told_so_before_the_message_is_read() {
    let app = TestApp::new().await;
    for client in [app.anon(), app.anon().showing("garbage")] {
        let answer = client.channel().send(CREATE, vec![9, 9]).await;
        assert_refused(&answer, Code::Unauthenticated, "unauthenticated", "garbage");
    }
}

#[tokio::test]
async fn a_head_may_be_as_large_as_in_rest_and_no_larger() {
    let app = TestApp::new().await;
    let with_fields = |count: usize| {
        let mut client = app.anon();
        // `content-type` is one of them, and the address that the host adds is none.
        for n in 1..count {
            let name = format!("x-{n}").parse().unwrap();
            client.headers.push((name, http::HeaderValue::from_static("1")));
        }
        client.channel()
    };
    let check = "/grpc.health.v1.Health/Check";
    assert_eq!(with_fields(64).unary(check, b"").await.code(), Code::Ok);
    let answer = with_fields(65).unary(check, b"").await;
    assert_refused(&answer, Code::ResourceExhausted, "header_fields_too_large", "65 fields");
    let answer = app.anon().channel().unary(&format!("{check}?{}", "x".repeat(8_192)), b"").await;
    assert_refused(&answer, Code::ResourceExhausted, "uri_too_long", "a long query");
}
