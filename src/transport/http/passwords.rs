//! `/api/v1/me/password`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use super::extract::{Cx, FromFields, IfMatch, Json};
use super::json::Fields;
use super::problem::Problem;
use crate::app::App;
use crate::domain::password::Password;
use crate::error::Error;
use crate::service::passwords;

/// A new password in the place of the old one.
#[derive(ToSchema)]
#[schema(as = ChangePassword)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct ChangePasswordBody {
    #[schema(format = Password, min_length = 1, max_length = 256,
        example = "correct horse battery staple")]
    current_password: String,
    /// Not a common password, and not made of name and address.
    #[schema(format = Password, min_length = 8, max_length = 256,
        example = "wrong pony battery staple")]
    new_password: String,
}

/// The same, valid.
pub struct ChangePassword {
    current: Password,
    new: Password,
}

impl FromFields for ChangePassword {
    fn from_fields(mut fields: Fields, app: &App) -> Result<Self, Error> {
        let current = fields.required("current_password", Password::given);
        let min = app.config.password_min_length;
        let new = fields.required("new_password", |text| Password::chosen(text, min));
        fields.finish(|| Some(Self { current: current?, new: new? }))
    }
}

/// Changes one's own password. The other sessions end, and a mail tells of it. A
/// current password that is wrong is a field error: `wrong_password`.
#[utoipa::path(put, path = "/api/v1/me/password", tag = "me",
    operation_id = "change_password", request_body = ChangePasswordBody,
    params(("If-Match" = Option<String>, Header, nullable = false,
        description = "Your ETag.", example = "\"1\"")),
    responses((status = 204, description = "Changed."),
        (status = 409, description = "`no_password`: there is none to be changed."),
        (status = 429, description = "Too many attempts failed.")))]
pub async fn replace(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    IfMatch(precondition): IfMatch,
    Json(ChangePassword { current, new }): Json<ChangePassword>,
) -> Result<Response, Problem> {
    passwords::change(&app, &cx, &precondition, current, new).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
