//! `/api/v1/signing-keys`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::Cx;
use super::idempotency::answer;
use super::problem::Problem;
use super::view::{self, list_schema};
use crate::app::App;
use crate::domain::signing_key::KeyState;
use crate::service::signing_keys::{self, ListedKey};

/// A key that signs access tokens, without the key itself.
#[derive(Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub struct SigningKeyView {
    /// Its name in the JWKS and in the header of every token that it signs.
    #[schema(example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
    kid: String,
    /// `EdDSA` or `ES256`.
    #[schema(example = "EdDSA")]
    algorithm: &'static str,
    /// `next`: published, signs soon; `signing`; `retiring`: signs no more, and is
    /// published until its last token has expired.
    #[schema(example = "signing")]
    state: &'static str,
    /// Since when it is in the JWKS.
    #[schema(format = DateTime)]
    created_at: String,
    /// Since when it signs.
    #[schema(format = DateTime)]
    activates_at: String,
    /// When it leaves the JWKS; null while there is no next one.
    #[schema(required, format = DateTime)]
    retires_at: Option<String>,
}

impl From<&ListedKey> for SigningKeyView {
    fn from((record, state): &ListedKey) -> Self {
        Self {
            kid: record.kid.clone(),
            algorithm: record.algorithm.as_str(),
            state: match state {
                KeyState::Next => "next",
                KeyState::Signing => "signing",
                KeyState::Retiring => "retiring",
                KeyState::Retired => "retired",
            },
            created_at: record.created_at.to_string(),
            activates_at: record.activates_at.to_string(),
            retires_at: record.retires_at.map(|at| at.to_string()),
        }
    }
}

list_schema! {
    /// The signing keys that are published.
    SigningKeyListView as SigningKeyList of SigningKeyView
}

/// Lists the keys that sign access tokens, the newest first. Needs `keys:read`.
#[utoipa::path(get, path = "/api/v1/signing-keys", tag = "tokens",
    operation_id = "list_signing_keys",
    responses((status = 200, description = "All of them.", body = SigningKeyListView)))]
pub async fn list(State(app): State<Arc<App>>, Cx(cx): Cx) -> Result<Response, Problem> {
    let keys = signing_keys::list(&app, &cx).await?;
    Ok(view::whole_list(keys.iter().map(SigningKeyView::from)))
}

/// Makes the next signing key, unless there is one already. It is published at
/// once and signs as soon as every copy of the JWKS has it. Needs `keys:write`.
#[utoipa::path(post, path = "/api/v1/signing-keys/rotate", tag = "tokens",
    operation_id = "rotate_signing_keys",
    responses((status = 200, description = "The key that signs next.", body = SigningKeyView)))]
pub async fn rotate(State(app): State<Arc<App>>, Cx(cx): Cx) -> Result<Response, Problem> {
    let view = |key: &_| view::json(StatusCode::OK, &SigningKeyView::from(key));
    answer(&cx, view, signing_keys::rotate(&app, &cx)).await
}
