//! `/api/v1/password-resets`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use utoipa::ToSchema;

use super::extract::{AnyCx, FromFields, Json};
use super::idempotency::answer;
use super::json::Fields;
use super::mailed::{self, AcceptedView, Address, AddressBody};
use super::problem::Problem;
use super::view;
use crate::app::App;
use crate::domain::one_time_token::OneTimeToken;
use crate::domain::password::Password;
use crate::error::Error;
use crate::service::password_resets;

/// What stood in the mail, and a new password.
#[derive(ToSchema)]
#[schema(as = ResetPassword)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct ResetPasswordBody {
    /// The `token` of the link.
    #[schema(example = "rco_…")]
    token: String,
    /// Not a common password, and not made of name and address.
    #[schema(format = Password, min_length = 8, max_length = 256,
        example = "correct horse battery staple")]
    new_password: String,
}

/// The same, valid.
pub struct ResetPassword {
    token: OneTimeToken,
    new_password: Password,
}

impl FromFields for ResetPassword {
    fn from_fields(mut fields: Fields, app: &App) -> Result<Self, Error> {
        let token = fields.required("token", OneTimeToken::parse);
        let min = app.config.password_min_length;
        let password = fields.required("new_password", |text| Password::chosen(text, min));
        fields.finish(|| Some(Self { token: token?, new_password: password? }))
    }
}

/// Mails a link by which a new password is set. The answer is the same for every
/// address.
#[utoipa::path(post, path = "/api/v1/password-resets", tag = "passwords",
    operation_id = "request_password_reset", security(()), request_body = AddressBody,
    responses((status = 202, description = "A mail, if the address is somebody's.",
        body = AcceptedView),
        (status = 429, description = "Too many requests.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(Address(email)): Json<Address>,
) -> Result<Response, Problem> {
    answer(&cx, mailed::accepted, password_resets::ask(&app, &cx, &email)).await
}

/// Sets a new password, once within 30 minutes, and signs the user out everywhere.
/// It signs nobody in.
#[utoipa::path(post, path = "/api/v1/password-resets/confirm", tag = "passwords",
    operation_id = "reset_password", security(()), request_body = ResetPasswordBody,
    responses((status = 204, description = "The password is set."),
        (status = 409, description = "`email_taken`: another user has this address."),
        (status = 429, description = "Too many requests.")))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(ResetPassword { token, new_password }): Json<ResetPassword>,
) -> Result<Response, Problem> {
    answer(&cx, view::done, password_resets::confirm(&app, &cx, &token, new_password)).await
}
