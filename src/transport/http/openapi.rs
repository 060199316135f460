//! `/openapi.json`: what the API is, in OpenAPI 3.1.
//!
//! The document is made from the handlers by [`document`](super::openapi_document),
//! checked in, and served as it stands: so a change of the API shows in its diff,
//! and the component carries the text instead of the code that makes it.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::embedded;
use crate::error::Error;

/// The document, which `make openapi` writes, as the component carries it.
const COMPRESSED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz"));

static DOCUMENT: LazyLock<Result<String, std::io::Error>> =
    LazyLock::new(|| embedded::read_text(COMPRESSED));

/// Gives this description of the API.
#[utoipa::path(get, path = "/openapi.json", tag = "openapi", operation_id = "openapi",
    security(()), responses((status = 200, description = "OpenAPI 3.1.", body = Object)))]
pub async fn get() -> Result<Response, Problem> {
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let document = DOCUMENT.as_deref().map_err(Error::internal)?;
    Ok((content_type, document).into_response())
}
