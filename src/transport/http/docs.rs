//! `/docs`: the API for people, on one page without any external asset.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use super::problem::Problem;
use crate::embedded;
use crate::error::Error;

/// The page as the component carries it.
const COMPRESSED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/docs.html.gz"));

static PAGE: LazyLock<Result<String, std::io::Error>> =
    LazyLock::new(|| embedded::read_text(COMPRESSED));

/// The page runs its own script and style, and talks to this origin only.
const POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; \
                      style-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
pub async fn get() -> Result<Response, Problem> {
    let policy = [(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))];
    let page = PAGE.as_deref().map_err(Error::internal)?;
    Ok((policy, Html(page)).into_response())
}
