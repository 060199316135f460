//! What the tests share: the guest on the host, and a client for it.

use std::path::PathBuf;
use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rollcall_testkit::{Host, build, host::Builder};
use serde_json::Value;

/// The folder of the guest's manifest.
pub(crate) fn guest_folder() -> PathBuf {
    build::workspace().join("host/tests/guest")
}

/// The guest, built once, with the variable that it requires.
pub(crate) fn guest() -> Builder {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| build::component("rollcall-host-guest"));
    Host::builder(guest_folder()).variable("name", "World")
}

/// Sends requests over HTTP/1.1, or HTTP/2 with prior knowledge.
#[derive(Clone)]
pub(crate) struct Client {
    base_url: String,
    client: HyperClient<HttpConnector, Full<Bytes>>,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Client {
    pub(crate) fn new(host: &Host) -> Self {
        Self {
            base_url: host.base_url.clone(),
            client: HyperClient::builder(TokioExecutor::new()).build_http(),
        }
    }

    pub(crate) fn http2(host: &Host) -> Self {
        Self {
            base_url: host.base_url.clone(),
            client: HyperClient::builder(TokioExecutor::new()).http2_only(true).build_http(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Posts JSON and returns the JSON of a successful answer.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.try_post(path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        answer.json()
    }

    /// Posts JSON, whatever comes of it.
    pub(crate) async fn try_post(&self, path: &str, body: Value) -> Answer {
        let mut request = self.request(Method::POST, path);
        let json = "application/json".parse().expect("a header value");
        request.headers_mut().insert("content-type", json);
        *request.body_mut() = body.to_string().into();
        self.send(request).await
    }

    /// A request without a body.
    pub(crate) fn request(&self, method: Method, path: &str) -> Request<Full<Bytes>> {
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .body(Full::default())
            .expect("a request")
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let response = self.client.request(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body");
        Answer {
            status: parts.status,
            headers: parts.headers,
            trailers: body.trailers().cloned(),
            body: body.to_bytes(),
        }
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}
