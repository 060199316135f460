//! Somebody who sends requests: nobody in particular, an admin, a user.

use axum::body::{Body, Bytes};
use http::{HeaderName, HeaderValue, Method, Request};
use rollcall::transport::Server;
use serde_json::Value;

use super::document;
use super::response::Response;

/// Where every request comes from, as the host tells it.
pub(crate) const PEER: &str = "203.0.113.7:50000";

/// Somebody who sends requests.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) server: Server,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Who it is; empty for nobody.
    pub(crate) id: String,
    /// The session in which it is signed in.
    pub(crate) session: String,
    /// The address it signs in with.
    pub(crate) email: String,
    /// The password it signs in with.
    pub(crate) password: String,
    /// What it shows for itself.
    pub(crate) access_token: String,
    /// What it gets its next token with.
    pub(crate) refresh_token: String,
}

impl Client {
    /// Nobody in particular.
    pub(crate) fn nobody(server: Server) -> Self {
        let empty = String::new;
        Self {
            server,
            headers: Vec::new(),
            id: empty(),
            session: empty(),
            email: empty(),
            password: empty(),
            access_token: empty(),
            refresh_token: empty(),
        }
    }

    /// The same client, signed in by the answer to a sign-in or a refresh.
    pub(crate) fn signed_in(self, answer: &Response) -> Self {
        Self {
            id: answer.text_at("/user/id"),
            session: answer.text_at("/session/id"),
            email: answer.text_at("/user/email"),
            access_token: answer.text_at("/access_token"),
            refresh_token: answer.text_at("/refresh_token"),
            ..self
        }
    }

    /// The same client, who asks another instance.
    pub(crate) fn at(&self, app: &super::TestApp) -> Self {
        Self { server: app.server.clone(), ..self.clone() }
    }

    /// The same client with another access token, or what claims to be one.
    pub(crate) fn showing(&self, access_token: impl Into<String>) -> Self {
        Self { access_token: access_token.into(), ..self.clone() }
    }

    /// The same client, which also sends this header with every request.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut client = self.clone();
        let value = HeaderValue::from_str(value).unwrap();
        client.headers.push((HeaderName::from_static(name), value));
        client
    }

    /// The same client, somewhere else.
    pub(crate) fn calling_from(&self, address: &str) -> Self {
        self.with("spin-client-addr", &format!("{address}:50000"))
    }

    /// Reads.
    pub(crate) async fn get(&self, path: impl AsRef<str>) -> Response {
        self.send(Method::GET, path, "", "").await
    }

    /// Sends JSON.
    pub(crate) async fn post(&self, path: impl AsRef<str>, body: Value) -> Response {
        self.json(Method::POST, path, body).await
    }

    /// Has something done that needs no words.
    pub(crate) async fn act(&self, path: impl AsRef<str>) -> Response {
        self.send(Method::POST, path, "", "").await
    }

    /// Replaces; `with("if-match", …)` says which version.
    pub(crate) async fn put(&self, path: impl AsRef<str>, body: Value) -> Response {
        self.json(Method::PUT, path, body).await
    }

    /// Sends a JSON Merge Patch.
    pub(crate) async fn patch(&self, path: impl AsRef<str>, body: Value) -> Response {
        self.send(Method::PATCH, path, "application/merge-patch+json", body.to_string()).await
    }

    /// Deletes.
    pub(crate) async fn delete(&self, path: impl AsRef<str>) -> Response {
        self.send(Method::DELETE, path, "", "").await
    }

    /// Sends JSON by any method.
    pub(crate) async fn json(
        &self,
        method: Method,
        path: impl AsRef<str>,
        body: Value,
    ) -> Response {
        self.send(method, path, "application/json", body.to_string()).await
    }

    /// Sends anything. An empty content type is none.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: impl AsRef<str>,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Response {
        let (path, body) = (path.as_ref(), body.into());
        let mut request = Request::builder().method(&method).uri(path);
        request = request.header("spin-client-addr", PEER);
        if !self.access_token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.access_token));
        }
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(body.clone())).unwrap();
        let response = Response::read(self.server.serve(request).await).await;
        document::check(&method, path, (content_type, &body), &response);
        response
    }
}
