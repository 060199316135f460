//! `/api/v1/magic-links`.

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
use crate::domain::one_time_token::OneTimeToken;
use crate::domain::session::Device;
use crate::error::Error;
use crate::service::magic_links;

/// What stood in the mail, and what the request for it got.
#[derive(ToSchema)]
#[schema(as = ConfirmMagicLink)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct ConfirmMagicLinkBody {
    /// The `token` of the link.
    #[schema(example = "rco_…")]
    token: String,
    /// The `request` that the link was asked for with.
    #[schema(example = "rco_…")]
    request: String,
    /// How the device calls itself; the User-Agent unless given.
    #[schema(nullable = false, min_length = 1, max_length = 200, example = "Ada's telephone")]
    device: Option<String>,
}

/// The same, well-formed.
pub struct ConfirmMagicLink {
    token: OneTimeToken,
    request: OneTimeToken,
    device: Option<Device>,
}

impl FromFields for ConfirmMagicLink {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let token = fields.required("token", OneTimeToken::parse);
        let request = fields.required("request", OneTimeToken::parse);
        let device = fields.optional("device", Device::parse);
        fields.finish(|| Some(Self { token: token?, request: request?, device }))
    }
}

/// Mails a link that signs in, where it was asked for. The answer is the same in
/// kind for every address.
#[utoipa::path(post, path = "/api/v1/magic-links", tag = "sessions",
    operation_id = "request_magic_link", security(()), request_body = AddressBody,
    responses((status = 202, description = "A mail, if the address is somebody's.",
        body = RequestedView),
        (status = 429, description = "Too many requests.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(Address(email)): Json<Address>,
) -> Result<Response, Problem> {
    answer(&cx, mailed::requested, magic_links::ask(&app, &cx, &email)).await
}

/// Signs in with a mailed link, once within 10 minutes.
#[utoipa::path(post, path = "/api/v1/magic-links/confirm", tag = "sessions",
    operation_id = "confirm_magic_link", security(()), request_body = ConfirmMagicLinkBody,
    responses((status = 201, description = "Signed in.", body = SignedInView),
        (status = 202, description = "A second factor is asked for.", body = ChallengeView),
        (status = 403, description = "The account is suspended."),
        (status = 409, description = "`email_taken`: another user has this address."),
        (status = 429, description = "Too many requests.")))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(body): Json<ConfirmMagicLink>,
) -> Result<Response, Problem> {
    let ConfirmMagicLink { token, request, device } = body;
    let admission = magic_links::confirm(&app, &cx, &token, &request, device);
    answer(&cx, view::admission, admission).await
}
