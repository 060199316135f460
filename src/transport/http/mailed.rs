//! What the requests have in common by which people get a mail, or show what
//! stood in one.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::FromFields;
use super::json::Fields;
use super::view;
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::one_time_token::OneTimeToken;
use crate::error::Error;

/// An address.
#[derive(ToSchema)]
#[schema(as = Address)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct AddressBody {
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
}

/// An address, valid.
pub struct Address(pub Email);

impl FromFields for Address {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let email = fields.required("email", Email::parse);
        fields.finish(|| Some(Self(email?)))
    }
}

/// What stood in a mail.
#[derive(ToSchema)]
#[schema(as = Token)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct TokenBody {
    /// The `token` of the link.
    #[schema(example = "rco_…")]
    token: String,
}

/// What stood in a mail, well-formed.
pub struct Token(pub OneTimeToken);

impl FromFields for Token {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let token = fields.required("token", OneTimeToken::parse);
        fields.finish(|| Some(Self(token?)))
    }
}

/// What everybody is told, whatever is known of the address.
#[derive(Serialize, ToSchema)]
#[schema(as = Accepted)]
pub struct AcceptedView {
    /// Always `accepted`. Whether a mail is on its way, the mailbox tells.
    #[schema(example = "accepted")]
    status: &'static str,
}

/// The same with the secret of the request.
#[derive(Serialize, ToSchema)]
#[schema(as = Requested)]
pub struct RequestedView {
    /// Always `accepted`. Whether a mail is on its way, the mailbox tells.
    #[schema(example = "accepted")]
    status: &'static str,
    /// Keep it: what is mailed works together with it only.
    #[schema(example = "rco_…")]
    request: String,
}

/// The answer to a request for a mail.
pub fn accepted((): &()) -> Response {
    view::json(StatusCode::ACCEPTED, &AcceptedView { status: "accepted" })
}

/// The answer to a request to sign in by mail.
pub fn requested(request: &OneTimeToken) -> Response {
    let request = request.reveal();
    view::json(StatusCode::ACCEPTED, &RequestedView { status: "accepted", request })
}
