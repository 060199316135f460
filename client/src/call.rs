//! What every request passes: the credential, and the patience with a service that
//! is busy.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

use crate::client::Client;
use crate::credential::Credential;
use crate::error::{Error, Problem, Result};
use crate::model::Versioned;
use crate::pulse::Pulse;

/// How often one call is tried at most.
const MOST_ATTEMPTS: u32 = 5;
/// The most of an answer that a message repeats.
const EXCERPT: usize = 200;

/// Names the attempts of one change, draft-ietf-httpapi-idempotency-key-header.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request that is being put together.
pub struct Call<'a> {
    client: &'a Client,
    method: Method,
    url: Url,
    /// What can be no part of a path, if that is asked for.
    misfit: Option<String>,
    headers: HeaderMap,
    body: Option<Bytes>,
    is_public: bool,
    is_tried_once: bool,
    is_stream: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn new(client: &'a Client, method: Method, path: &[&str]) -> Self {
        let mut url = client.shared.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let misfit = path.iter().find(|segment| !fits(segment)).map(ToString::to_string);
        let mut headers = HeaderMap::new();
        if method == Method::POST {
            // It is the same for every attempt, so the change is made once.
            let key = format!("\"{}\"", Uuid::new_v4());
            headers.extend(HeaderValue::try_from(key).ok().map(|key| (IDEMPOTENCY_KEY, key)));
        }
        Self {
            client,
            method,
            url,
            misfit,
            headers,
            body: None,
            is_public: false,
            is_tried_once: false,
            is_stream: false,
        }
    }

    /// Adds a parameter, if it has a value.
    pub(crate) fn query(mut self, name: &str, value: Option<impl AsRef<str>>) -> Self {
        if let Some(value) = value {
            self.url.query_pairs_mut().append_pair(name, value.as_ref());
        }
        self
    }

    /// Sends this as JSON.
    pub(crate) fn json(self, body: &impl Serialize) -> Self {
        self.whole("application/json", body)
    }

    /// Sends this as a merge patch (RFC 7396).
    pub(crate) fn merge_patch(self, body: &impl Serialize) -> Self {
        self.whole("application/merge-patch+json", body)
    }

    fn whole(mut self, content_type: &'static str, body: &impl Serialize) -> Self {
        // Nothing that is sent has keys that are no texts.
        self.body = Some(serde_json::to_vec(body).unwrap_or_default().into());
        self.content_type(content_type)
    }

    /// Says what the body is.
    pub(crate) fn content_type(mut self, media_type: &'static str) -> Self {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        self
    }

    /// Refuses to change anything but this version: an ETag as it was read.
    pub(crate) fn if_match(mut self, etag: Option<&str>) -> Result<Self> {
        if let Some(etag) = etag {
            let value = HeaderValue::from_str(etag)
                .map_err(|_| Error::Request(format!("{etag:?} is no ETag")))?;
            self.headers.insert(header::IF_MATCH, value);
        }
        Ok(self)
    }

    /// Shows this token, whatever the client's credential is.
    pub(crate) fn bearer(mut self, token: &str) -> Result<Self> {
        self.headers.insert(header::AUTHORIZATION, bearer(token)?);
        Ok(self)
    }

    /// Asks as a page of this origin would.
    pub(crate) fn origin(mut self, origin: &'static str) -> Self {
        self.headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        self
    }

    /// Shows nothing.
    pub(crate) fn public(mut self) -> Self {
        self.is_public = true;
        self
    }

    /// Asks for this media type.
    pub(crate) fn accept(mut self, media_type: &'static str) -> Self {
        self.headers.insert(header::ACCEPT, HeaderValue::from_static(media_type));
        self
    }

    /// Takes as long as the answer does.
    pub(crate) fn stream(mut self) -> Self {
        self.is_stream = true;
        self
    }

    /// Takes the first answer, also that of a service that is busy.
    pub(crate) fn once(mut self) -> Self {
        self.is_tried_once = true;
        self
    }

    /// The answer's body, as JSON.
    pub(crate) async fn receive<T: DeserializeOwned>(self) -> Result<T> {
        read(self.send().await?).await
    }

    /// The answer's body, and its ETag.
    pub(crate) async fn receive_versioned<T: DeserializeOwned>(self) -> Result<Versioned<T>> {
        let response = self.send().await?;
        let etag = response.headers().get(header::ETAG);
        let etag = etag.and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        Ok(Versioned { value: read(response).await?, etag })
    }

    /// Nothing but success.
    pub(crate) async fn complete(self) -> Result<()> {
        self.send().await.map(drop)
    }

    /// The answer, if it is a success.
    pub(crate) async fn send(self) -> Result<Response> {
        let limit = self.client.shared.limit;
        require_success(self.answer().await?, limit).await
    }

    /// Sends what arrives, as it arrives, and gives the answer, if it is a success, as
    /// soon as it begins. It is tried once.
    pub(crate) async fn send_stream(self, body: Body, pulse: &Pulse) -> Result<Response> {
        let call = self.stream();
        let token = call.token(None).await?;
        let request = call.request(token.as_deref())?.body(body);
        let response = pulse.watch(request.send()).await??;
        require_success(response, call.client.shared.limit).await
    }

    /// The answer, whatever it is, after as many attempts as there is patience for.
    pub(crate) async fn answer(self) -> Result<Response> {
        let mut patience = self.client.shared.patience;
        let mut refused: Option<String> = None;
        let mut attempts_left = if self.is_tried_once { 1 } else { MOST_ATTEMPTS };
        loop {
            attempts_left -= 1;
            let token = self.token(refused.as_deref()).await?;
            let response = match self.attempt(token.as_deref()).await {
                Err(error) if attempts_left > 0 && self.is_lost(&error) => continue,
                response => response?,
            };
            if attempts_left == 0 {
                return Ok(response);
            }
            if refused.is_none() && self.shows_session() && is_stale(&response) {
                refused = token;
                continue;
            }
            match retry_after(response.headers()) {
                Some(wait) if is_busy(&response) && wait <= patience => {
                    patience -= wait;
                    tokio::time::sleep(wait).await;
                }
                _ => return Ok(response),
            }
        }
    }

    /// One attempt, up to where the answer begins.
    async fn attempt(&self, token: Option<&str>) -> Result<Response> {
        let limit = self.client.shared.limit;
        let response = timeout(limit, self.request(token)?.send()).await;
        Ok(response.map_err(|_| Error::Silent(limit))??)
    }

    fn request(&self, token: Option<&str>) -> Result<RequestBuilder> {
        if let Some(misfit) = &self.misfit {
            return Err(Error::Request(format!("{misfit:?} is no id or name")));
        }
        let http = &self.client.shared.http;
        let mut request = http.request(self.method.clone(), self.url.clone());
        request = request.headers(self.headers.clone());
        if !self.is_stream {
            request = request.timeout(self.client.shared.limit);
        }
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, bearer(token)?);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        Ok(request)
    }

    /// What to show of the client's credential.
    async fn token(&self, refused: Option<&str>) -> Result<Option<String>> {
        match self.credential() {
            Credential::None => Ok(None),
            Credential::Bearer(token) => Ok(Some(token.clone())),
            Credential::Session(session) => {
                let refresh = async |token: String| self.client.sessions().refresh(&token).await;
                Box::pin(session.access_token(refused, refresh)).await.map(Some)
            }
        }
    }

    fn credential(&self) -> &Credential {
        if self.is_public || self.headers.contains_key(header::AUTHORIZATION) {
            return &Credential::None;
        }
        &self.client.shared.credential
    }

    /// Whether the connection broke off before the answer, and asking again does
    /// nothing twice: a GET changes nothing, a POST has its key.
    fn is_lost(&self, error: &Error) -> bool {
        let Error::Transport(error) = error else { return false };
        [Method::GET, Method::POST].contains(&self.method)
            && error.is_request()
            && !error.is_connect()
            && !error.is_timeout()
    }

    fn shows_session(&self) -> bool {
        matches!(self.credential(), Credential::Session(_))
    }
}

/// Whether a path can have this part. Every parser of URLs goes up a path at dots, also
/// at encoded ones, and drops tabs and the ends of lines: it would be another path.
fn fits(segment: &str) -> bool {
    !["", ".", ".."].contains(&segment) && !segment.contains(char::is_control)
}

/// Whether the access token is not good any longer; not, whether the proof of who
/// somebody is has grown too old (RFC 9470), which no refresh makes younger.
fn is_stale(response: &Response) -> bool {
    let challenge = response.headers().get(header::WWW_AUTHENTICATE);
    let challenge = challenge.and_then(|value| value.to_str().ok()).unwrap_or_default();
    response.status() == StatusCode::UNAUTHORIZED
        && !challenge.contains("insufficient_user_authentication")
}

/// Whether another attempt may be answered otherwise: it is too many requests, the
/// service is not available, or the first attempt still runs.
fn is_busy(response: &Response) -> bool {
    [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE, StatusCode::CONFLICT]
        .contains(&response.status())
}

/// How long to wait, if the answer says so in whole seconds, as this service does.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

fn bearer(token: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| Error::Request("the token has characters that no token has".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

pub(crate) async fn read<T: DeserializeOwned>(response: Response) -> Result<T> {
    let status = response.status().as_u16();
    let body = response.bytes().await?;
    serde_json::from_slice(&body)
        .map_err(|error| Error::Unexpected { status, reason: error.to_string() })
}

/// The answer, if it is a success. Why it is none is read within this time.
async fn require_success(response: Response, limit: Duration) -> Result<Response> {
    if response.status().is_success() {
        return Ok(response);
    }
    Err(timeout(limit, refusal(response)).await.unwrap_or(Error::Silent(limit)))
}

/// What an answer that is no success says.
pub(crate) async fn refusal(response: Response) -> Error {
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let body = match response.bytes().await {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Error::Problem(Box::new(Problem { retry_after, ..problem })),
        Err(_) => {
            let text = String::from_utf8_lossy(&body);
            Error::Unexpected { status, reason: text.chars().take(EXCERPT).collect() }
        }
    }
}
