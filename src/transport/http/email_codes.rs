//! `/api/v1/email-codes`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use utoipa::ToSchema;

use super::extract::{AnyCx, FromFields, Json};
use super::idempotency::answer;
use super::json::Fields;
use super::mailed::{self, Address, AddressBody, RequestedView};
use super::problem::Problem;
use super::view::{self, ChallengeView, SignedInView};
use crate::app::App;
use crate::domain::one_time_token::{EmailCode, OneTimeToken};
use crate::domain::session::Device;
use crate::error::Error;
use crate::service::email_codes;

/// What the request for a code got, and the code.
#[derive(ToSchema)]
#[schema(as = ConfirmEmailCode)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct ConfirmEmailCodeBody {
    /// The `request` that the code was asked for with.
    #[schema(example = "rco_…")]
    request: String,
    /// Eight digits, with or without spaces.
    #[schema(example = "1234 5678")]
    code: String,
    /// How the device calls itself; the User-Agent unless given.
    #[schema(nullable = false, min_length = 1, max_length = 200, example = "Ada's telephone")]
    device: Option<String>,
}

/// The same, well-formed.
pub struct ConfirmEmailCode {
    request: OneTimeToken,
    code: EmailCode,
    device: Option<Device>,
}

impl FromFields for ConfirmEmailCode {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let request = fields.required("request", OneTimeToken::parse);
        let code = fields.required("code", EmailCode::parse);
        let device = fields.optional("device", Device::parse);
        fields.finish(|| Some(Self { request: request?, code: code?, device }))
    }
}

/// Mails a code that signs in, where it was asked for. The answer is the same in
/// kind for every address.
#[utoipa::path(post, path = "/api/v1/email-codes", tag = "sessions",
    operation_id = "request_email_code", security(()), request_body = AddressBody,
    responses((status = 202, description = "A mail, if the address is somebody's.",
        body = RequestedView),
        (status = 429, description = "Too many requests.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(Address(email)): Json<Address>,
) -> Result<Response, Problem> {
    answer(&cx, mailed::requested, email_codes::ask(&app, &cx, &email)).await
}

/// Signs in with a mailed code, once within 10 minutes and 5 tries.
#[utoipa::path(post, path = "/api/v1/email-codes/confirm", tag = "sessions",
    operation_id = "confirm_email_code", security(()), request_body = ConfirmEmailCodeBody,
    responses((status = 201, description = "Signed in.", body = SignedInView),
        (status = 202, description = "A second factor is asked for.", body = ChallengeView),
        (status = 403, description = "The account is suspended."),
        (status = 409, description = "`email_taken`: another user has this address."),
        (status = 429, description = "Too many requests.")))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(body): Json<ConfirmEmailCode>,
) -> Result<Response, Problem> {
    let ConfirmEmailCode { request, code, device } = body;
    let admission = email_codes::confirm(&app, &cx, &request, &code, device);
    answer(&cx, view::admission, admission).await
}
