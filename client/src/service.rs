//! The service itself.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::call::{read, refusal};
use crate::client::Client;
use crate::error::Result;
use crate::model::{Readiness, User};

/// The service itself: its health, its first admin, its work.
#[derive(Clone, Copy)]
pub struct Service<'a>(pub(crate) &'a Client);

/// That the service runs.
#[derive(Debug, Clone)]
pub struct Alive {
    /// What came with the answer.
    pub headers: HeaderMap,
    /// How long it took, the connection included.
    pub took: Duration,
    /// When the answer was there, by this machine's clock.
    pub at: SystemTime,
}

impl Service<'_> {
    /// Whether it runs, ready or not.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn alive(self) -> Result<Alive> {
        let start = SystemTime::now();
        let response = self.0.call(Method::GET, &["livez"]).public().once().send().await?;
        let at = SystemTime::now();
        let took = at.duration_since(start).unwrap_or_default();
        Ok(Alive { headers: response.headers().clone(), took, at })
    }

    /// Whether it can do its work. That it cannot is no error.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn ready(self) -> Result<Readiness> {
        let call = self.0.call(Method::GET, &["readyz"]).public().once();
        let response = call.answer().await?;
        match response.status() {
            StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE => read(response).await,
            _ => Err(refusal(response).await),
        }
    }

    /// The keys of access tokens (RFC 7517).
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn jwks(self) -> Result<Value> {
        self.0.call(Method::GET, &[".well-known", "jwks.json"]).public().receive().await
    }

    /// Whether everybody can read the mails of this service, because it is for
    /// development.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn has_mailbox(self) -> Result<bool> {
        let call = self.0.call(Method::GET, &["dev", "mailbox"]).public();
        let response = call.query("limit", Some("1")).answer().await?;
        match response.status() {
            // These say nothing about it; 503 is also what a service without settings says.
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT => Err(refusal(response).await),
            status => Ok(status == StatusCode::OK),
        }
    }

    /// Which origin of a browser's page may read answers, asked for this one.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn allowed_origin(self, origin: &'static str) -> Result<Option<String>> {
        let call = self.0.call(Method::GET, &["livez"]).public().origin(origin);
        let response = call.send().await?;
        let allowed = response.headers().get("access-control-allow-origin");
        Ok(allowed.and_then(|value| value.to_str().ok()).map(str::to_owned))
    }

    /// Makes the first admin, with the operator's bootstrap token.
    ///
    /// # Errors
    ///
    /// As every call; the code is `already_bootstrapped` if there is one.
    pub async fn bootstrap(
        self,
        token: &str,
        email: &str,
        name: &str,
        password: &str,
    ) -> Result<User> {
        let body = json!({"email": email, "name": name, "password": password});
        let call = self.0.call(Method::POST, &["api", "v1", "bootstrap"]);
        call.bearer(token)?.json(&body).receive().await
    }
}
