//! `/api/v1/api-keys`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{ApiKeyPath, Cx, FromFields, IfMatch, Json, Query};
use super::idempotency::answer;
use super::json::Fields;
use super::problem::Problem;
use super::view::{self, list_schema};
use crate::app::App;
use crate::domain::api_key::ApiKey;
use crate::domain::name::Name;
use crate::domain::time::Timestamp;
use crate::domain::token::ApiKeyToken;
use crate::error::{Error, Invalid};
use crate::service::api_keys::{self, NewApiKey};

/// Where the list is; its cursors are good there only.
const LIST: &str = "/api/v1/api-keys";

/// The account of a program.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyView {
    /// UUIDv7; the program is `api_key:` and this in events.
    #[schema(format = "uuid")]
    id: String,
    /// What it is for.
    #[schema(example = "billing")]
    name: String,
    /// What it may do, in order.
    #[schema(example = json!(["users:read"]))]
    permissions: Vec<String>,
    /// Who made it: `user:` or `api_key:` and an id.
    #[schema(example = "user:019a0000-0000-7000-8000-000000000001")]
    created_by: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends, if it ends by itself.
    #[schema(required, format = DateTime)]
    expires_at: Option<String>,
    /// When it was last used, to the minute.
    #[schema(required, format = DateTime)]
    last_used_at: Option<String>,
    /// The key itself: only in the answer to its creation, and kept nowhere else.
    /// Show it as `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "rck_…")]
    key: Option<String>,
}

impl From<&ApiKey> for ApiKeyView {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.to_string(),
            permissions: key.permissions.iter().map(ToString::to_string).collect(),
            created_by: key.created_by.to_string(),
            created_at: key.created_at.to_string(),
            expires_at: key.expires_at.map(|at| at.to_string()),
            last_used_at: key.last_used_at.map(|at| at.to_string()),
            key: None,
        }
    }
}

list_schema! {
    /// A part of the list of API keys.
    ApiKeyListView as ApiKeyList of ApiKeyView
}

/// An API key to be made.
#[derive(ToSchema)]
#[schema(as = CreateApiKey)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct CreateApiKeyBody {
    #[schema(min_length = 1, max_length = 200, example = "billing")]
    name: String,
    #[schema(max_items = 100, example = json!(["users:read"]))]
    permissions: Vec<String>,
    /// Good for ever unless given.
    #[schema(nullable = false, format = DateTime, example = "2030-01-01T00:00:00Z")]
    expires_at: Option<String>,
}

impl FromFields for NewApiKey {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let name = fields.required("name", Name::parse);
        let permissions = super::roles::permissions(&mut fields);
        let expires_at = fields.optional("expires_at", |text| {
            let invalid = || Invalid::new("invalid_time", "must be an RFC 3339 date and time");
            Timestamp::parse(text).ok_or_else(invalid)
        });
        fields.finish(|| Some(Self { name: name?, permissions: permissions?, expires_at }))
    }
}

/// Makes an API key. Needs `api-keys:write` and every permission of the key.
#[utoipa::path(post, path = "/api/v1/api-keys", tag = "api keys", operation_id = "create_api_key",
    request_body = CreateApiKeyBody,
    responses((status = 201, description = "Made.", body = ApiKeyView)))]
pub async fn create(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    Json(new): Json<NewApiKey>,
) -> Result<Response, Problem> {
    answer(&cx, created, api_keys::create(&app, &cx, new)).await
}

fn created((key, token): &(ApiKey, ApiKeyToken)) -> Response {
    let body = ApiKeyView { key: Some(token.reveal()), ..ApiKeyView::from(key) };
    let made = view::tagged(view::json(StatusCode::CREATED, &body), key.version());
    view::located(made, &format!("{LIST}/{}", key.id))
}

/// Lists API keys in the order in which they were made. Needs `api-keys:read`.
#[utoipa::path(get, path = "/api/v1/api-keys", tag = "api keys", operation_id = "list_api_keys",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 200, nullable = false,
            description = "At most so many; 20 unless given."),
        ("cursor" = Option<String>, Query, nullable = false,
            description = "A `next_cursor` of this list.")),
    responses((status = 200, description = "A page.", body = ApiKeyListView)))]
pub async fn list(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    query: Query,
) -> Result<Response, Problem> {
    let page = query.page(&app, LIST)?;
    let keys = api_keys::list(&app, &cx, &page).await?;
    Ok(view::list(&keys, LIST, page.limit, &app.config.secret_key, ApiKeyView::from))
}

/// Gives one API key. Needs `api-keys:read`.
#[utoipa::path(get, path = "/api/v1/api-keys/{id}", tag = "api keys", operation_id = "get_api_key",
    params(("id" = String, Path, format = "uuid", description = "The API key.")),
    responses((status = 200, description = "The API key.", body = ApiKeyView)))]
pub async fn get(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    ApiKeyPath(id): ApiKeyPath,
) -> Result<Response, Problem> {
    let key = api_keys::get(&app, &cx, id).await?;
    Ok(view::tagged(view::json(StatusCode::OK, &ApiKeyView::from(&key)), key.version()))
}

/// Revokes an API key. Needs `api-keys:write` and every permission of the key.
#[utoipa::path(delete, path = "/api/v1/api-keys/{id}", tag = "api keys",
    operation_id = "revoke_api_key",
    params(("id" = String, Path, format = "uuid", description = "The API key."),
        ("If-Match" = Option<String>, Header, nullable = false,
            description = "The ETag of the key.", example = "\"1767225600000000\"")),
    responses((status = 204, description = "Revoked: its next use fails.")))]
pub async fn delete(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    ApiKeyPath(id): ApiKeyPath,
    IfMatch(precondition): IfMatch,
) -> Result<Response, Problem> {
    api_keys::revoke(&app, &cx, id, &precondition).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
