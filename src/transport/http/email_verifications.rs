//! `/api/v1/email-verifications`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::extract::{AnyCx, Json};
use super::idempotency::answer;
use super::mailed::{self, AcceptedView, Address, AddressBody, Token, TokenBody};
use super::problem::Problem;
use super::view;
use crate::app::App;
use crate::service::email_verifications;

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

/// Proves an address, once: whoever registered with it can sign in from now on.
#[utoipa::path(post, path = "/api/v1/email-verifications/confirm", tag = "registrations",
    operation_id = "confirm_email", security(()), request_body = TokenBody,
    responses((status = 204, description = "Proven."),
        (status = 409, description = "`email_taken`: another user has this address."),
        (status = 429, description = "Too many requests.")))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(Token(token)): Json<Token>,
) -> Result<Response, Problem> {
    answer(&cx, view::done, email_verifications::confirm(&app, &cx, &token)).await
}
