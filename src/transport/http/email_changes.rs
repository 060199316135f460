//! `/api/v1/me/email-change`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use utoipa::ToSchema;

use super::extract::{AnyCx, Cx, FromFields, Json};
use super::idempotency::answer;
use super::json::Fields;
use super::mailed::{self, AcceptedView, Token, TokenBody};
use super::problem::Problem;
use super::view;
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::error::Error;
use crate::service::email_changes;

/// Another address, and who asks for it.
#[derive(ToSchema)]
#[schema(as = ChangeEmail)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct ChangeEmailBody {
    #[schema(format = Email, max_length = 254, example = "ada@example.org")]
    new_email: String,
    /// Of an account that has one. Without one, who has signed in just now is asked for none.
    #[schema(format = Password, min_length = 1, max_length = 256,
        nullable = false, example = "correct horse battery staple")]
    current_password: Option<String>,
}

/// The same, valid.
pub struct ChangeEmail {
    new_email: Email,
    current_password: Option<Password>,
}

impl FromFields for ChangeEmail {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let new_email = fields.required("new_email", Email::parse);
        let current_password = fields.optional("current_password", Password::given);
        fields.finish(|| Some(Self { new_email: new_email?, current_password }))
    }
}

/// Asks for another address: a mail there asks for its proof, a mail to the old
/// address tells of it. Until it is proven, nothing changes.
#[utoipa::path(post, path = "/api/v1/me/email-change", tag = "me",
    operation_id = "request_email_change", request_body = ChangeEmailBody,
    responses((status = 202, description = "A mail to each address.", body = AcceptedView),
        (status = 401, description = "No good credential; or \
            `insufficient_user_authentication`: sign in again first."),
        (status = 409, description = "`no_password`: there is none to be shown; `in_progress`: \
            the request with this Idempotency-Key is being done."),
        (status = 429, description = "Too many requests.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    Json(ChangeEmail { new_email, current_password }): Json<ChangeEmail>,
) -> Result<Response, Problem> {
    let asked = email_changes::ask(&app, &cx, &new_email, current_password);
    answer(&cx, mailed::accepted, asked).await
}

/// Proves the new address, once within an hour, wherever the link is opened.
#[utoipa::path(post, path = "/api/v1/me/email-change/confirm", tag = "me",
    operation_id = "confirm_email_change", security(()), request_body = TokenBody,
    responses((status = 204, description = "Changed."),
        (status = 409, description = "`email_taken`: another user has this address."),
        (status = 429, description = "Too many requests.")))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(Token(token)): Json<Token>,
) -> Result<Response, Problem> {
    answer(&cx, view::done, email_changes::confirm(&app, &cx, &token)).await
}
