//! `/api/v1/invitations`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::extract::{Cx, FromFields, InvitationPath, Json, Query};
use super::idempotency::answer;
use super::json::Fields;
use super::problem::Problem;
use super::view;
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::invitation::Invitation;
use crate::domain::role::RoleName;
use crate::error::{Error, Invalid};
use crate::service::invitations;

const LIST: &str = "/api/v1/invitations";
/// The most roles of an invitation: more, nobody needs at once.
pub const MAX_ROLES: usize = 16;

/// Who is invited.
#[derive(ToSchema)]
#[schema(as = Invite)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct InviteBody {
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
    /// What the new user will be: at most 16, and none that allows what you may not
    /// do. `user` unless given.
    #[schema(nullable = false, min_items = 1, max_items = 16, example = json!(["user"]))]
    roles: Option<Vec<String>>,
}

/// The same, valid.
pub struct Invite {
    email: Email,
    roles: Vec<RoleName>,
}

impl FromFields for Invite {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let email = fields.required("email", Email::parse);
        let roles = fields.value("roles", roles).unwrap_or_else(|| vec![RoleName::USER]);
        fields.finish(|| Some(Self { email: email?, roles }))
    }
}

/// Each role once, in order.
fn roles(value: Value) -> Result<Vec<RoleName>, Invalid> {
    let wrong_type = || Invalid::new("wrong_type", "must be a list of role names");
    let Value::Array(names) = value else { return Err(wrong_type()) };
    if names.is_empty() {
        return Err(Invalid::new("required", "must not be empty"));
    }
    if names.len() > MAX_ROLES {
        return Err(Invalid::new("too_many", format!("must have at most {MAX_ROLES} items")));
    }
    let read = |name: &Value| name.as_str().ok_or_else(wrong_type).and_then(RoleName::parse);
    let mut roles = names.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    roles.sort();
    roles.dedup();
    Ok(roles)
}

/// An invitation that was neither accepted nor revoked.
#[derive(Serialize, ToSchema)]
#[schema(as = Invitation)]
pub struct InvitationView {
    /// UUIDv7.
    #[schema(format = "uuid")]
    id: String,
    #[schema(example = "ada@example.com")]
    email: String,
    /// What the new user will be.
    #[schema(example = json!(["user"]))]
    roles: Vec<String>,
    /// The user who invites.
    #[schema(format = "uuid")]
    invited_by: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<&Invitation> for InvitationView {
    fn from(invitation: &Invitation) -> Self {
        Self {
            id: invitation.id.to_string(),
            email: invitation.email.to_string(),
            roles: invitation.roles.iter().map(ToString::to_string).collect(),
            invited_by: invitation.invited_by.to_string(),
            created_at: invitation.created_at.to_string(),
            expires_at: invitation.expires_at.to_string(),
        }
    }
}

/// A part of the list of invitations.
#[derive(Serialize, ToSchema)]
#[schema(as = InvitationList)]
pub struct InvitationListView {
    items: Vec<InvitationView>,
    /// Give it as `cursor` to get the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Invites somebody by mail. Needs `invitations:write`. An earlier invitation of
/// the same address ends.
#[utoipa::path(post, path = "/api/v1/invitations", tag = "invitations", operation_id = "invite",
    request_body = InviteBody,
    responses((status = 201, description = "A mail is on its way.", body = InvitationView),
        (status = 403, description = "`registration_closed`: nobody can register; `forbidden`."),
        (status = 409, description = "`email_taken`: a user has this address."),
        (status = 429, description = "Too many requests.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    Json(Invite { email, roles }): Json<Invite>,
) -> Result<Response, Problem> {
    let view = |made: &_| view::json(StatusCode::CREATED, &InvitationView::from(made));
    answer(&cx, view, invitations::create(&app, &cx, email, roles)).await
}

/// Lists open invitations in the order in which they were made. Needs
/// `invitations:write`.
#[utoipa::path(get, path = "/api/v1/invitations", tag = "invitations",
    operation_id = "list_invitations",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 200, nullable = false,
            description = "At most so many; 20 unless given."),
        ("cursor" = Option<String>, Query, nullable = false,
            description = "A `next_cursor` of this list.")),
    responses((status = 200, description = "A page.", body = InvitationListView)))]
pub async fn list(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    query: Query,
) -> Result<Response, Problem> {
    let request = query.page(&app, LIST)?;
    let page = invitations::list(&app, &cx, &request).await?;
    let view = |item: &_| InvitationView::from(item);
    Ok(view::list(&page, LIST, request.limit, &app.config.secret_key, view))
}

/// Takes an invitation back. Needs `invitations:write`.
#[utoipa::path(delete, path = "/api/v1/invitations/{id}", tag = "invitations",
    operation_id = "revoke_invitation",
    params(("id" = String, Path, format = "uuid", description = "The invitation.")),
    responses((status = 204, description = "Revoked.")))]
pub async fn delete(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    InvitationPath(id): InvitationPath,
) -> Result<Response, Problem> {
    invitations::revoke(&app, &cx, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
