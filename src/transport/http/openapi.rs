//! `/openapi.json`: what the API is, in OpenAPI 3.1.
//!
//! The document is made from the handlers by [`document`](super::openapi_document),
//! checked in, and served as it stands: so a change of the API shows in its diff,
//! and the component carries the text instead of the code that makes it.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// The document, which `make openapi` writes, on one line.
const DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// Gives this description of the API.
#[utoipa::path(get, path = "/openapi.json", tag = "openapi", operation_id = "openapi",
    security(()), responses((status = 200, description = "OpenAPI 3.1.", body = Object)))]
pub async fn get() -> Response {
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (content_type, DOCUMENT).into_response()
}
