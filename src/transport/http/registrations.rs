//! `/api/v1/registrations`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use utoipa::ToSchema;

use super::extract::{AnyCx, FromFields, Json};
use super::idempotency::answer;
use super::json::Fields;
use super::mailed::{self, AcceptedView};
use super::problem::Problem;
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::name::Name;
use crate::domain::one_time_token::OneTimeToken;
use crate::domain::password::Password;
use crate::error::Error;
use crate::service::registrations::{self, NewRegistration};

/// An account that somebody wants.
#[derive(ToSchema)]
#[schema(as = Register)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct RegisterBody {
    /// The address to sign in with; a mail asks for its proof.
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
    /// Not a common password, and not made of name and address.
    #[schema(format = Password, min_length = 8, max_length = 256,
        example = "correct horse battery staple")]
    password: String,
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace")]
    name: String,
    /// The `token` of an invitation to this address, which proves it.
    #[schema(nullable = false, example = "rco_…")]
    invitation: Option<String>,
}

impl FromFields for NewRegistration {
    fn from_fields(mut fields: Fields, app: &App) -> Result<Self, Error> {
        let email = fields.required("email", Email::parse);
        let min = app.config.password_min_length;
        let password = fields.required("password", |text| Password::chosen(text, min));
        let name = fields.required("name", Name::parse);
        let invitation = fields.optional("invitation", OneTimeToken::parse);
        fields.finish(|| Some(Self { email: email?, password: password?, name: name?, invitation }))
    }
}

/// Registers. The answer is the same whether or not the address has an account;
/// a mail to it says what to do next. Who was invited is a user at once.
#[utoipa::path(post, path = "/api/v1/registrations", tag = "registrations",
    operation_id = "register", security(()), request_body = RegisterBody,
    responses((status = 202, description = "A mail says more.", body = AcceptedView),
        (status = 403, description = "`registration_closed`: nobody can register; \
            `invitation_required`: only who was invited can."),
        (status = 409, description = "`email_taken`: who was invited has an account."),
        (status = 429, description = "Too many requests.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(new): Json<NewRegistration>,
) -> Result<Response, Problem> {
    answer(&cx, mailed::accepted, registrations::register(&app, &cx, new)).await
}
