//! gRPC-Web: for browsers, which see no trailers.

use axum::body::Body;
use data_encoding::BASE64;
use http::Request;
use prost::Message;
use rollcall::transport::grpc::pb;

use crate::support::TestApp;
use crate::support::grpc::{Answer, Channel, frame};

async fn send(channel: &Channel, content_type: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post("/rollcall.v1.SessionService/SignIn")
        .header("content-type", content_type)
        .header("accept", content_type)
        .header("origin", "https://app.example.com")
        .header("x-grpc-web", "1");
    channel.request(request.body(body.into()).unwrap()).await
}

/// The trailers, which come as the last frame of the body.
fn trailers(data: &[u8]) -> String {
    let length = usize::try_from(u32::from_be_bytes(data[1..5].try_into().unwrap())).unwrap();
    match data[0] {
        0 => trailers(&data[5 + length..]),
        0x80 => String::from_utf8(data[5..].to_vec()).unwrap(),
        flag => panic!("a frame with the flag {flag}"),
    }
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_signs_in() {
    let app = TestApp::with(&[("cors_origins", "https://app.example.com")]).await;
    let alice = app.user("alice").await;
    let request = pb::SignInRequest {
        email: alice.email.clone(),
        password: alice.password.clone(),
        device: None,
    };
    let message = frame(&request.encode_to_vec());
    let channel = app.anon().channel();
    let answer = send(&channel, "application/grpc-web+proto", message.clone()).await;
    assert_eq!(answer.headers["content-type"], "application/grpc-web+proto");
    assert_eq!(answer.headers["access-control-allow-origin"], "https://app.example.com");
    assert!(trailers(&answer.data).contains("grpc-status:0"), "{answer:?}");

    let text = BASE64.encode(&message);
    let answer = send(&channel, "application/grpc-web-text", text).await;
    let data = BASE64.decode(&answer.data).unwrap();
    assert!(trailers(&data).contains("grpc-status:0"), "{answer:?}");
    let length = usize::try_from(u32::from_be_bytes(data[1..5].try_into().unwrap())).unwrap();
    let signed_in = pb::SignInResponse::decode(&data[5..5 + length]).unwrap();
    assert!(signed_in.outcome.is_some());
}

#[tokio::test]
async fn an_error_is_in_the_last_frame() {
    let app = TestApp::new().await;
    let message = frame(&pb::SignInRequest::default().encode_to_vec());
    let answer = send(&app.anon().channel(), "application/grpc-web", message).await;
    assert_eq!(answer.http_status, 200);
    let trailers = trailers(&answer.data);
    assert!(trailers.contains("grpc-status:3"), "{trailers}");
    assert!(trailers.contains("grpc-status-details-bin:"), "{trailers}");
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn browsers_may_ask_before_they_call() {
    let app = TestApp::with(&[("cors_origins", "https://app.example.com")]).await;
    let request = Request::builder()
        .method("OPTIONS")
        .uri("/rollcall.v1.SessionService/SignIn")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-grpc-web,grpc-timeout");
    let answer = app.anon().channel().request(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.http_status, 204);
    let allowed = answer.headers["access-control-allow-headers"].to_str().unwrap().to_lowercase();
    for name in ["authorization", "content-type", "x-grpc-web", "x-user-agent", "grpc-timeout"] {
        assert!(allowed.contains(name), "{name} in {allowed}");
    }
}
