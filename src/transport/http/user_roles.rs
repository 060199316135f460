//! `/api/v1/users/{id}/roles`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa::ToSchema;

use super::extract::{Cx, FromFields, Json, RequiredIfMatch, UserPath};
use super::json::Fields;
use super::problem::Problem;
use super::view::{self, UserView};
use crate::app::App;
use crate::domain::role::{MAX_ROLES, RoleName};
use crate::error::Error;
use crate::service::user_roles;

/// The roles that a user shall have.
#[derive(ToSchema)]
#[schema(as = ReplaceUserRoles)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct ReplaceUserRolesBody {
    #[schema(max_items = 20, example = json!(["support", "user"]))]
    roles: Vec<String>,
}

/// The roles that a user shall have, valid.
pub struct ReplaceUserRoles(BTreeSet<RoleName>);

impl FromFields for ReplaceUserRoles {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let roles = fields.required_list("roles", MAX_ROLES, RoleName::parse);
        fields.finish(|| Some(Self(roles?)))
    }
}

/// Gives a user these roles and no others. Needs `roles:write` and every
/// permission that the user has and shall have.
#[utoipa::path(put, path = "/api/v1/users/{id}/roles", tag = "users",
    operation_id = "replace_user_roles",
    params(("id" = String, Path, format = "uuid", description = "The user."),
        ("If-Match" = String, Header, description = "The ETag of the user.", example = "\"1\"")),
    request_body = ReplaceUserRolesBody,
    responses((status = 200, description = "The user with the new roles.", body = UserView),
        (status = 409, description = "`last_admin`: nobody else could administer."),
        (status = 428, description = "`If-Match` is missing.")))]
pub async fn replace(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    UserPath(id): UserPath,
    RequiredIfMatch(precondition): RequiredIfMatch,
    Json(ReplaceUserRoles(roles)): Json<ReplaceUserRoles>,
) -> Result<Response, Problem> {
    let user = user_roles::replace(&app, &cx, id, &precondition, &roles).await?;
    Ok(view::entry(StatusCode::OK, &user))
}
