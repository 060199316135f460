//! `/.well-known/jwks.json`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::AnyCx;
use super::problem::Problem;
use super::view;
use crate::app::App;
use crate::domain::signing_key::JWKS_MAX_AGE;

/// The public keys that check access tokens (RFC 7517).
#[derive(Serialize, ToSchema)]
#[schema(as = Jwks)]
pub struct JwksView {
    /// JWKs, each with `kid`, `kty`, `alg` and `use`.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<serde_json::Value>,
}

/// Gives the public keys that check access tokens.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "tokens", operation_id = "jwks",
    security(()), responses((status = 200, description = "The keys.", body = JwksView)))]
pub async fn jwks(State(app): State<Arc<App>>, AnyCx(cx): AnyCx) -> Result<Response, Problem> {
    let mut response = view::json(StatusCode::OK, &app.keys.jwks(&app, &cx).await?);
    // A new key signs only when every copy that is as old as this has it.
    let cached = format!("public, max-age={}", JWKS_MAX_AGE.as_secs());
    if let Ok(cached) = HeaderValue::from_str(&cached) {
        response.headers_mut().insert(header::CACHE_CONTROL, cached);
    }
    Ok(response)
}
