//! Preconditions (RFC 9110, 13) where no handler sees to them.

use crate::domain::encoding::BASE64URL_NOPAD;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body::Body as _;
use http_body_util::BodyExt;

use super::extract;
use super::problem::Problem;
use crate::domain::secret::sha256;
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
    let is_change = !matches!(request.method, Method::GET | Method::HEAD);
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

/// The response with a strong tag made of its content, unless it has one of its
/// version, or is a stream.
pub fn tagged_by_content(response: Response) -> Response {
    let is_whole = response.body().size_hint().exact().is_some();
    if response.status() != StatusCode::OK
        || response.headers().contains_key(header::ETAG)
        || !is_whole
    {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // What has a length is there already.
    let Some(Ok(body)) = body.collect().now_or_never() else {
        return Problem::from(Error::internal("a body of a known length was not there"))
            .into_response();
    };
    let body = body.to_bytes();
    let hash = BASE64URL_NOPAD.encode(&sha256(&body));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{hash}\"")) {
        parts.headers.insert(header::ETAG, tag);
    }
    Response::from_parts(parts, Body::from(body))
}
