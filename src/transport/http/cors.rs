//! Which pages may call, and what browsers let them read (Fetch, 3.2).

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use axum::response::IntoResponse;

/// What a page may read of an answer of REST.
pub const OF_REST: HeaderValue = HeaderValue::from_static(
    "Deprecation, ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, \
     Retry-After, Sunset, WWW-Authenticate, X-Request-Id, API-Version",
);
/// What it may read of an answer to a call.
pub const OF_CALLS: HeaderValue = HeaderValue::from_static(
    "Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin, RateLimit, RateLimit-Policy, \
     X-Request-Id",
);
/// What it may send.
const ALLOWED: &str = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, \
     X-Request-Id, API-Version, Traceparent, Tracestate, X-Grpc-Web, X-User-Agent, Grpc-Timeout";

/// The request's origin if its pages may call.
pub fn allowed_origin(headers: &HeaderMap, allowed: &[String]) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    allowed.iter().any(|allowed| allowed == text).then(|| origin.clone())
}

/// Whether a browser asks in advance whether it may send a request.
pub fn is_preflight(request: &Request<Body>) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that; [`add`] adds whether this origin may.
pub fn preflight() -> Response<Body> {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Adds what an answer says to pages; nothing where `allowed` names no origin.
pub fn add(
    response: &mut Response<Body>,
    allowed: &[String],
    origin: Option<HeaderValue>,
    exposed: HeaderValue,
) {
    if allowed.is_empty() {
        return;
    }
    let headers = response.headers_mut();
    // What a cache keeps for one page is not what another one may read.
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.entry(header::ACCESS_CONTROL_EXPOSE_HEADERS).or_insert(exposed);
    }
}
