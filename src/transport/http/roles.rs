//! `/api/v1/roles` and `/api/v1/permissions`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{Cx, FromFields, IfMatch, Json, Query, RequiredIfMatch, RolePath};
use super::idempotency::answer;
use super::json::Fields;
use super::problem::Problem;
use super::view::{self, list_schema};
use crate::app::App;
use crate::domain::role::{MAX_PERMISSIONS, Permission, Permissions, Role, RoleName};
use crate::error::{Error, Invalid};
use crate::service::{access, roles};

/// Where the list is; its cursors are good there only.
const LIST: &str = "/api/v1/roles";

/// A set of permissions with a name.
#[derive(Serialize, ToSchema)]
#[schema(as = Role)]
pub struct RoleView {
    #[schema(example = "support")]
    name: String,
    /// In order; `*` is every permission, which only `admin` holds.
    #[schema(example = json!(["sessions:read", "users:read"]))]
    permissions: Vec<String>,
    /// Whether the service itself needs it: it cannot be deleted.
    built_in: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// Grows by one with every change; the ETag of the role. One of a name that a deleted
    /// role had begins higher than that can have been.
    #[schema(example = 1)]
    version: i64,
}

impl From<&Role> for RoleView {
    fn from(role: &Role) -> Self {
        Self {
            name: role.name.to_string(),
            permissions: role.permissions.iter().map(ToString::to_string).collect(),
            built_in: role.is_built_in(),
            created_at: role.created_at.to_string(),
            updated_at: role.updated_at.to_string(),
            version: role.version,
        }
    }
}

list_schema! {
    /// A part of the list of roles.
    RoleListView as RoleList of RoleView
}

/// What the service checks.
#[derive(Serialize, ToSchema)]
#[schema(as = Permission)]
pub struct PermissionView {
    /// `resource:action`.
    #[schema(example = "users:read")]
    name: &'static str,
    /// What it allows.
    #[schema(example = "Read every user.")]
    description: &'static str,
}

list_schema! {
    /// All permissions that the service checks.
    PermissionListView as PermissionList of PermissionView
}

/// A role to be made.
#[derive(ToSchema)]
#[schema(as = CreateRole)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct CreateRoleBody {
    /// A lower-case word of letters, digits and hyphens.
    #[schema(min_length = 1, max_length = 64, example = "support")]
    name: String,
    /// Of the service, or of your own in the same form.
    #[schema(max_items = 100, example = json!(["sessions:read", "users:read"]))]
    permissions: Vec<String>,
}

/// What a role shall allow.
#[derive(ToSchema)]
#[schema(as = ReplaceRole)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct ReplaceRoleBody {
    /// If given, the one in the path: a role keeps its name.
    #[schema(nullable = false, example = "support")]
    name: Option<String>,
    #[schema(max_items = 100, example = json!(["users:read"]))]
    permissions: Vec<String>,
}

/// A role to be made, valid.
pub struct CreateRole {
    name: RoleName,
    permissions: Permissions,
}

/// What a role shall allow, valid.
pub struct ReplaceRole {
    name: Option<RoleName>,
    permissions: Permissions,
}

impl ReplaceRole {
    /// The permissions, for the role of this name.
    fn of(self, name: &RoleName) -> Result<Permissions, Error> {
        if self.name.is_none_or(|own| own == *name) {
            Ok(self.permissions)
        } else {
            Err(Error::invalid("name", Invalid::new("read_only", "cannot be changed")))
        }
    }
}

impl FromFields for CreateRole {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let name = fields.required("name", RoleName::parse);
        let permissions = permissions(&mut fields);
        fields.finish(|| Some(Self { name: name?, permissions: permissions? }))
    }
}

impl FromFields for ReplaceRole {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let name = fields.optional("name", RoleName::parse);
        let permissions = permissions(&mut fields);
        fields.finish(|| Some(Self { name, permissions: permissions? }))
    }
}

/// The member `permissions`, which must be there.
pub(super) fn permissions(fields: &mut Fields) -> Option<Permissions> {
    fields.required_list("permissions", MAX_PERMISSIONS, Permission::parse)
}

/// Makes a role. Needs `roles:write` and every permission of the role.
#[utoipa::path(post, path = "/api/v1/roles", tag = "roles", operation_id = "create_role",
    request_body = CreateRoleBody,
    responses((status = 201, description = "Made.", body = RoleView),
        (status = 409, description = "`role_exists`: there is a role of this name.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    Json(CreateRole { name, permissions }): Json<CreateRole>,
) -> Result<Response, Problem> {
    answer(&cx, created, roles::create(&app, &cx, name, permissions)).await
}

/// Lists roles by name. Needs `roles:read`.
#[utoipa::path(get, path = "/api/v1/roles", tag = "roles", operation_id = "list_roles",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 200, nullable = false,
            description = "At most so many; 20 unless given."),
        ("cursor" = Option<String>, Query, nullable = false,
            description = "A `next_cursor` of this list.")),
    responses((status = 200, description = "A page.", body = RoleListView)))]
pub async fn list(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    query: Query,
) -> Result<Response, Problem> {
    let page = query.page(&app, LIST)?;
    let roles = roles::list(&app, &cx, &page).await?;
    Ok(view::list(&roles, LIST, page.limit, &app.config.secret_key, RoleView::from))
}

/// Gives one role. Needs `roles:read`.
#[utoipa::path(get, path = "/api/v1/roles/{name}", tag = "roles", operation_id = "get_role",
    params(("name" = String, Path, description = "The role.")),
    responses((status = 200, description = "The role.", body = RoleView)))]
pub async fn get(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    RolePath(name): RolePath,
) -> Result<Response, Problem> {
    Ok(tagged(StatusCode::OK, &roles::get(&app, &cx, &name).await?))
}

/// Replaces the permissions of the version that `If-Match` names. Needs
/// `roles:write` and every permission that the role has and shall have.
#[utoipa::path(put, path = "/api/v1/roles/{name}", tag = "roles", operation_id = "replace_role",
    params(("name" = String, Path, description = "The role."),
        ("If-Match" = String, Header, description = "The ETag of the role.", example = "\"1\"")),
    request_body = ReplaceRoleBody,
    responses((status = 200, description = "The new role.", body = RoleView),
        (status = 409, description = "`role_built_in`: it is `admin`."),
        (status = 428, description = "`If-Match` is missing.")))]
pub async fn replace(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    RolePath(name): RolePath,
    RequiredIfMatch(precondition): RequiredIfMatch,
    Json(body): Json<ReplaceRole>,
) -> Result<Response, Problem> {
    let permissions = body.of(&name)?;
    let role = roles::replace(&app, &cx, &name, &precondition, permissions).await?;
    Ok(tagged(StatusCode::OK, &role))
}

/// Deletes a role that nobody holds. Needs `roles:write` and every permission of
/// the role.
#[utoipa::path(delete, path = "/api/v1/roles/{name}", tag = "roles", operation_id = "delete_role",
    params(("name" = String, Path, description = "The role."),
        ("If-Match" = Option<String>, Header, nullable = false,
            description = "The ETag of the role.", example = "\"1\"")),
    responses((status = 204, description = "Deleted."),
        (status = 409, description = "`role_in_use` or `role_built_in`.")))]
pub async fn delete(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    RolePath(name): RolePath,
    IfMatch(precondition): IfMatch,
) -> Result<Response, Problem> {
    roles::delete(&app, &cx, &name, &precondition).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Lists the permissions that the service checks. Your roles may hold others.
#[utoipa::path(get, path = "/api/v1/permissions", tag = "roles", operation_id = "list_permissions",
    responses((status = 200, description = "All of them.", body = PermissionListView)))]
pub async fn list_permissions(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
) -> Result<Response, Problem> {
    access::caller(&app, &cx).await?;
    let view = |(permission, description): &'static (Permission, &str)| PermissionView {
        name: permission.as_str(),
        description,
    };
    Ok(view::whole_list(Permission::CHECKED.iter().map(view)))
}

fn created(role: &Role) -> Response {
    view::located(tagged(StatusCode::CREATED, role), &format!("{LIST}/{}", role.name))
}

fn tagged(status: StatusCode, role: &Role) -> Response {
    view::tagged(view::json(status, &RoleView::from(role)), role.version)
}
