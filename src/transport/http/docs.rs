//! `/docs`: the API for people, on one page without any external asset.

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

const PAGE: &str = include_str!("docs.html");

/// The page runs its own script and style, and talks to this origin only.
const POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; \
                      style-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
pub async fn get() -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))];
    (policy, Html(PAGE)).into_response()
}
