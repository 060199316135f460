//! Somebody who calls by gRPC: with the clients that the build makes, or by hand.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use rollcall::transport::Server;
use rollcall::transport::grpc::pb::session_service_client::SessionServiceClient;
use rollcall::transport::grpc::pb::token_service_client::TokenServiceClient;
use rollcall::transport::grpc::pb::user_service_client::UserServiceClient;
use tonic::{Code, Status};
use tower_service::Service;

use super::client::{Client, PEER};

/// Carries calls to a server in this process.
#[derive(Clone)]
pub(crate) struct Channel {
    server: Server,
    headers: HeaderMap,
}

impl Client {
    /// The same caller by gRPC.
    pub(crate) fn channel(&self) -> Channel {
        let mut headers: HeaderMap = self.headers.iter().cloned().collect();
        headers.insert("spin-client-addr", HeaderValue::from_static(PEER));
        if !self.access_token.is_empty() {
            let bearer = HeaderValue::try_from(format!("Bearer {}", self.access_token));
            headers.insert("authorization", bearer.unwrap());
        }
        Channel { server: self.server.clone(), headers }
    }

    /// `rollcall.v1.UserService`.
    pub(crate) fn users(&self) -> UserServiceClient<Channel> {
        UserServiceClient::new(self.channel())
    }

    /// `rollcall.v1.SessionService`.
    pub(crate) fn sessions(&self) -> SessionServiceClient<Channel> {
        SessionServiceClient::new(self.channel())
    }

    /// `rollcall.v1.TokenService`.
    pub(crate) fn tokens(&self) -> TokenServiceClient<Channel> {
        TokenServiceClient::new(self.channel())
    }
}

impl Service<Request<tonic::body::Body>> for Channel {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let mut request = request.map(Body::new);
        request.headers_mut().extend(self.headers.clone());
        let server = self.server.clone();
        Box::pin(async move { Ok(server.serve(request).await) })
    }
}

/// What came back from a call that was made by hand.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) http_status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) data: Bytes,
    /// By the trailers; none if there are none.
    pub(crate) status: Option<Status>,
}

impl Answer {
    /// The code of the status, which must be there.
    #[track_caller]
    pub(crate) fn code(&self) -> Code {
        self.status.as_ref().unwrap_or_else(|| panic!("no status in {self:?}")).code()
    }

    /// The one message of the answer.
    pub(crate) fn message(&self) -> &[u8] {
        &self.data[5..]
    }
}

impl Channel {
    /// The same channel, which sends this header with every call.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::try_from(value).unwrap());
        self
    }

    /// Sends a body as it is.
    pub(crate) async fn send(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.request(self.posting(path, body)).await
    }

    /// The same, as far as the head of the answer.
    pub(crate) async fn begin(&self, path: &str, body: impl Into<Body>) -> Response<Body> {
        self.server.serve(self.posting(path, body)).await
    }

    fn posting(&self, path: &str, body: impl Into<Body>) -> Request<Body> {
        let mut request = Request::post(path).body(body.into()).unwrap();
        request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        request.headers_mut().extend(self.headers.clone());
        request
    }

    /// Sends a request as it is.
    pub(crate) async fn request(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.server.serve(request).await.into_parts();
        let collected = body.collect().await.unwrap();
        let status = collected.trailers().and_then(Status::from_header_map);
        let data = collected.to_bytes();
        Answer { http_status: parts.status, headers: parts.headers, data, status }
    }

    /// Sends one message.
    pub(crate) async fn unary(&self, path: &str, message: &[u8]) -> Answer {
        self.send(path, frame(message)).await
    }
}

/// A message in its frame.
pub(crate) fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}
