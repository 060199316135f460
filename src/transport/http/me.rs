//! `/api/v1/me`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use utoipa::ToSchema;

use super::extract::{Cx, FromFields, IfMatch, MERGE_PATCH};
use super::json::Fields;
use super::json_patch::{Change, JsonPatch, JsonPatchBody};
use super::problem::Problem;
use super::view::{self, UserView};
use crate::app::App;
use crate::domain::metadata::Metadata;
use crate::domain::name::Name;
use crate::domain::user::{OwnPatch, User};
use crate::error::Error;
use crate::service::me;

/// A JSON Merge Patch (RFC 7396) of oneself.
#[derive(ToSchema)]
#[schema(as = PatchMe)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct PatchMeBody {
    #[schema(nullable = false, min_length = 1, max_length = 200, example = "Ada King")]
    name: Option<String>,
    /// Merged into what you keep here; a member that is null is removed. At most 16 KiB
    /// and 16 levels.
    #[schema(value_type = Object, required = false, example = json!({"theme": "dark"}))]
    own_metadata: serde_json::Value,
}

impl FromFields for OwnPatch {
    const MEDIA_TYPES: &[&str] = MERGE_PATCH;

    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let name = fields.optional("name", Name::parse);
        let own_metadata = fields.object("own_metadata");
        fields.finish(|| Some(Self { name, own_metadata }))
    }
}

/// Tells who is signed in.
#[utoipa::path(get, path = "/api/v1/me", tag = "me", operation_id = "get_me",
    responses((status = 200, description = "You.", body = UserView)))]
pub async fn get(State(app): State<Arc<App>>, Cx(cx): Cx) -> Result<Response, Problem> {
    Ok(view::user(StatusCode::OK, &me::get(&app, &cx).await?))
}

/// Changes one's own name and metadata.
#[utoipa::path(patch, path = "/api/v1/me", tag = "me", operation_id = "patch_me",
    params(("If-Match" = Option<String>, Header, nullable = false,
        description = "Your ETag.", example = "\"1\"")),
    request_body(content((PatchMeBody = "application/merge-patch+json"),
        (PatchMeBody = "application/json"), (JsonPatchBody = "application/json-patch+json"))),
    responses((status = 200, description = "You, changed.", body = UserView),
        (status = 409, description = "`patch_test_failed` or `patch_conflict`: a JSON Patch does not fit what is there; \
            `busy`: others change you at the same time.")))]
pub async fn patch(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    IfMatch(precondition): IfMatch,
    change: Change<OwnPatch>,
) -> Result<Response, Problem> {
    let user = match change {
        Change::Merge(patch) => me::patch(&app, &cx, &precondition, patch).await?,
        Change::Operations(patch) => {
            me::edit(&app, &cx, &precondition, |user| edited(&patch, user)).await?
        }
    };
    Ok(view::user(StatusCode::OK, &user))
}

/// What one may write about oneself, after operations on it.
fn edited(patch: &JsonPatch, user: &User) -> Result<(Name, Metadata), Error> {
    let own = user.own_metadata.members();
    let writable = json!({"name": user.name.as_str(), "own_metadata": own});
    let mut fields = Fields::of(patch.apply(writable)?)?;
    let name = fields.required("name", Name::parse);
    let own_metadata = fields.value("own_metadata", Metadata::parse).unwrap_or_default();
    fields.finish(|| Some((name?, own_metadata)))
}
