//! `/api/v1/email-verifications`.

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
use crate::service::email_verifications;

/// The proof of an address.
#[derive(ToSchema)]
#[schema(as = ConfirmEmail)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct ConfirmEmailBody {
    /// The `token` of the link.
    #[schema(example = "rco_…")]
    token: String,
    /// The password that one registered with. A page that asks for it keeps out who
    /// registers with another one's address and waits until its owner opens the
    /// mail. It is not asked of those who are users already.
    #[schema(nullable = false, format = Password, min_length = 1, max_length = 256,
        example = "correct horse battery staple")]
    password: Option<String>,
}

/// The same, valid.
pub struct ConfirmEmail {
    token: OneTimeToken,
    password: Option<Password>,
}

impl FromFields for ConfirmEmail {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let token = fields.required("token", OneTimeToken::parse);
        let password = fields.optional("password", Password::given);
        fields.finish(|| Some(Self { token: token?, password }))
    }
}

/// Mails a new link to an address that waits to be proven. The answer is the same
/// for every address.
#[utoipa::path(post, path = "/api/v1/email-verifications", tag = "registrations",
    operation_id = "request_email_verification", security(()), request_body = AddressBody,
    responses((status = 202, description = "A mail, if there is anything to prove.",
        body = AcceptedView),
        (status = 429, description = "Too many requests.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(Address(email)): Json<Address>,
) -> Result<Response, Problem> {
    answer(&cx, mailed::accepted, email_verifications::ask(&app, &cx, &email)).await
}

/// Proves an address, once: whoever registered with it can sign in from now on. Where
/// several did and the link was asked for again, it decides for none of them: without
/// a `password`, the user has none.
#[utoipa::path(post, path = "/api/v1/email-verifications/confirm", tag = "registrations",
    operation_id = "confirm_email", security(()), request_body = ConfirmEmailBody,
    responses((status = 204, description = "Proven."),
        (status = 403, description = "Of a registration, where not everybody may register any more: \
            `registration_closed`, `invitation_required`."),
        (status = 409, description = "`email_taken`: another user has this address."),
        (status = 429, description = "Too many requests.")))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(ConfirmEmail { token, password }): Json<ConfirmEmail>,
) -> Result<Response, Problem> {
    answer(&cx, view::done, email_verifications::confirm(&app, &cx, &token, password)).await
}
