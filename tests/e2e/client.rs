//! Somebody who sends requests, and the answers they get.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Version};
use serde_json::Value;

/// A name that somebody else made lead to this machine.
pub(crate) const REBOUND: &str = "rebound.example";

/// Somebody who sends requests over connections of their own.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base_url: String,
    headers: HeaderMap,
}

impl Client {
    /// Nobody in particular, over HTTP/1.1.
    pub(crate) fn http1(base_url: &str) -> Self {
        Self::new(base_url, reqwest::Client::builder().http1_only())
    }

    /// Nobody in particular, over HTTP/2 without TLS.
    pub(crate) fn http2(base_url: &str) -> Self {
        Self::new(base_url, reqwest::Client::builder().http2_prior_knowledge())
    }

    fn new(base_url: &str, builder: reqwest::ClientBuilder) -> Self {
        // Whoever comes second finds the same one there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = builder.no_proxy().resolve(REBOUND, ([127, 0, 0, 1], 0).into());
        let http = builder.build().unwrap();
        Self { http, base_url: base_url.to_owned(), headers: HeaderMap::new() }
    }

    /// The same client over one connection of HTTP/2 without TLS.
    pub(crate) fn over_http2(&self) -> Self {
        Self { headers: self.headers.clone(), ..Self::http2(&self.base_url) }
    }

    /// The same client, of a service that runs somewhere else now.
    pub(crate) fn at(&self, base_url: &str) -> Self {
        Self { base_url: base_url.to_owned(), ..self.clone() }
    }

    /// The same client, which also sends this header with every request.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut client = self.clone();
        let value = HeaderValue::from_str(value).unwrap();
        client.headers.append(HeaderName::from_static(name), value);
        client
    }

    /// What it sends with every request, by its name.
    pub(crate) fn header(&self, name: &str) -> String {
        self.headers[name].to_str().unwrap().to_owned()
    }

    /// The same client with a credential.
    pub(crate) fn bearer(&self, token: &str) -> Self {
        let mut client = self.clone();
        client.headers.remove("authorization");
        client.with("authorization", &format!("Bearer {token}"))
    }

    /// The same client, signed in.
    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Self {
        let body = serde_json::json!({"email": email, "password": password});
        let answer = self.post("/api/v1/sessions", &body).await;
        self.bearer(&answer.expect(201).text_at("/access_token"))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "", "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, "application/json", body.to_string()).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, "application/json", body.to_string()).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, "application/merge-patch+json", body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, "", "").await
    }

    /// Asks somebody who may be gone; `None` if there is no whole answer.
    pub(crate) async fn try_get(&self, path: &str) -> Option<Answer> {
        self.try_send(Method::GET, path, "", "").await.ok()
    }

    /// The same, for a change.
    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        self.try_send(Method::POST, path, "application/json", body.to_string()).await.ok()
    }

    /// Sends anything. An empty content type is none.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let answer = self.try_send(method, path, content_type, body).await;
        answer.unwrap_or_else(|error| panic!("{}{path}: {error:?}", self.base_url))
    }

    /// Posts, and hands over the answer as it comes.
    pub(crate) async fn stream(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Response {
        let request = self.http.post(format!("{}{path}", self.base_url));
        let request = request.headers(self.headers.clone()).header("content-type", content_type);
        request.body(body).send().await.unwrap()
    }

    async fn try_send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Result<Answer> {
        let url = format!("{}{path}", self.base_url);
        let mut request = self.http.request(method, &url).headers(self.headers.clone());
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        let response = request.body(body).send().await?;
        Ok(Answer {
            status: response.status().as_u16(),
            version: response.version(),
            headers: response.headers().clone(),
            body: response.text().await?,
        })
    }
}

/// What came back, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) version: Version,
    headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// The same answer, which must have this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// A header that must be there.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:#?}"));
        value.to_str().unwrap()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    /// A text in the body, by its JSON pointer.
    #[track_caller]
    pub(crate) fn text_at(&self, pointer: &str) -> String {
        let value = self.json();
        let text = value.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no {pointer} in {self:#?}")).to_owned()
    }

    /// Fails unless it is a whole problem with this status and code.
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:#?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        for member in ["title", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{problem:#}");
        }
        assert_eq!(problem["type"], format!("urn:rollcall:problem:{code}"), "{problem:#}");
        assert_eq!(problem["code"], code, "{problem:#}");
        assert_eq!(problem["status"], status, "{problem:#}");
        assert_eq!(problem["request_id"], self.header("x-request-id"), "{problem:#}");
    }
}
