//! Preconditions (RFC 9110, 13) where no handler sees to them.

use std::hash::Hasher;

use axum::body::{Body, Bytes};
use axum::extract::MatchedPath;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header, response};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body::Body as _;
use http_body_util::BodyExt;
use siphasher::sip128::{Hasher128, SipHasher13};

use super::extract;
use super::problem::Problem;
use crate::domain::secret::{Purpose, SecretKey};
use crate::error::{Error, Result};
use crate::service::Precondition;

/// The routes that change something with a version, and see to `If-Match`.
pub const VERSIONED: &[&str] = &[
    "/api/v1/me",
    "/api/v1/users/{id}",
    "/api/v1/users/{id}/roles",
    "/api/v1/users/{id}/suspend",
    "/api/v1/users/{id}/unsuspend",
    "/api/v1/roles/{name}",
    "/api/v1/api-keys/{id}",
];

/// Refuses a change that names a version where there is none: whoever names one
/// must not believe that it was looked at.
pub fn refuse_unknown(request: &Parts) -> Result<()> {
    let route = request.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    let is_change = request.method != Method::GET;
    if !is_change || route.is_some_and(|route| VERSIONED.contains(&route)) {
        return Ok(());
    }
    match extract::if_match(&request.headers)? {
        Some(Precondition::Versions(_)) => Err(Error::PreconditionFailed),
        Some(Precondition::None) | None => Ok(()),
    }
}

/// Whether what is read at a path gets a tag: the API itself, not its health.
pub fn is_tagged(path: &str) -> bool {
    ["/api/", "/.well-known/", "/openapi.json"].iter().any(|begin| path.starts_with(begin))
}

/// Makes tags of contents.
#[derive(Clone, Copy)]
pub struct Tags(SipHasher13);

impl Tags {
    /// What all instances with this key make the same tags by. Without the key nobody can
    /// write two contents that have one tag, so the hash need not be a slow one.
    pub fn new(secret: &SecretKey) -> Self {
        let key = secret.authenticate(Purpose::ContentTags, &[]);
        let half = key.first_chunk::<16>().copied().unwrap_or_default();
        Self(SipHasher13::new_with_key(&half))
    }

    fn of(mut self, content: &[u8]) -> String {
        self.0.write(content);
        let hash = self.0.finish128();
        format!("\"{:016x}{:016x}\"", hash.h1, hash.h2)
    }

    /// The response with a strong tag made of its content, unless it has one of its
    /// version, or is a stream.
    pub fn tag(self, response: Response) -> Response {
        if response.status() != StatusCode::OK || response.headers().contains_key(header::ETAG) {
            return response;
        }
        let (mut parts, body) = match whole(response) {
            Ok(whole) => whole,
            Err(response) => return *response,
        };
        if let Ok(tag) = HeaderValue::from_str(&self.of(&body)) {
            parts.headers.insert(header::ETAG, tag);
        }
        Response::from_parts(parts, Body::from(body))
    }
}

/// A response taken apart, unless its body is a stream.
pub fn whole(response: Response) -> Result<(response::Parts, Bytes), Box<Response>> {
    if response.body().size_hint().exact().is_none() {
        return Err(Box::new(response));
    }
    let (parts, body) = response.into_parts();
    match body.collect().now_or_never() {
        Some(Ok(body)) => Ok((parts, body.to_bytes())),
        // What has a length is there already.
        _ => {
            let problem = Error::internal("a body of a known length was not there");
            Err(Box::new(Problem::from(problem).into_response()))
        }
    }
}
