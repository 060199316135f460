//! Clients that nobody here wrote walk through the gRPC API of the built component.

use std::path::PathBuf;
use std::process::Command;

use rollcall_testkit::build::workspace;
use serde_json::json;

use crate::clients::{node_modules, python, run};
use crate::service::{ADMIN, PASSWORD, Service, builder};

/// Where the scripts are, and what they need.
fn scripts() -> PathBuf {
    workspace().join("tests/e2e/grpc")
}

/// A service of its own, with its admin.
async fn service() -> Service {
    let service = Service::start(&builder());
    service.admin().await;
    service
}

fn address(service: &Service) -> String {
    format!("127.0.0.1:{}", service.host.port)
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcio_walks_through() {
    let programs = python(&scripts());
    let service = service().await;
    let mut walk = Command::new(programs.join("python"));
    walk.arg(scripts().join("walkthrough.py")).args([&address(&service), ADMIN, PASSWORD]);
    assert_eq!(run(&mut walk), "walked through\n");
    assert_eq!(service.host.stderr(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_js_walks_through() {
    let modules = node_modules(&scripts());
    let service = service().await;
    let mut walk = Command::new("node");
    walk.arg(scripts().join("walkthrough.cjs"))
        .args([&address(&service), ADMIN, PASSWORD])
        .env("NODE_PATH", modules)
        .env("ROLLCALL_SOURCE", workspace());
    assert_eq!(run(&mut walk), "walked through\n");
    assert_eq!(service.host.stderr(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn buf_calls_by_reflection_and_by_grpc_web() {
    let modules = node_modules(&scripts());
    let service = service().await;
    let curl = |protocol: &str, method: &str, token: &str, request: serde_json::Value| {
        let url = format!("{}/rollcall.v1.{method}", service.host.base_url);
        let mut curl = Command::new(modules.join(".bin/buf"));
        curl.args(["curl", "--http2-prior-knowledge", "--protocol", protocol])
            .args(["-H", &format!("authorization: Bearer {token}")])
            .args(["-d", &request.to_string(), &url]);
        serde_json::from_str::<serde_json::Value>(&run(&mut curl)).unwrap()
    };
    for protocol in ["grpc", "grpcweb"] {
        let credentials = json!({"email": ADMIN, "password": PASSWORD});
        let signed_in = curl(protocol, "SessionService/SignIn", "", credentials);
        let token = signed_in["signedIn"]["accessToken"].as_str().unwrap();
        let list = curl(protocol, "UserService/ListUsers", token, json!({"limit": 1}));
        assert_eq!(list["items"][0]["email"], ADMIN);
    }
}
