//! `/api/v1/sessions/current/reauthenticate`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa::ToSchema;

use super::extract::{Cx, FromFields, Json};
use super::idempotency::answer;
use super::json::Fields;
use super::problem::Problem;
use super::view::{self, SignedInView};
use crate::app::App;
use crate::domain::factor::Code;
use crate::domain::password::Password;
use crate::error::Error;
use crate::service::reauthentication;

/// All that signing in takes.
#[derive(ToSchema)]
#[schema(as = Reauthenticate)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct ReauthenticateBody {
    #[schema(format = Password, min_length = 1, max_length = 256,
        example = "correct horse battery staple")]
    password: String,
    /// Six digits of an authenticator app, or a recovery code: if there is a second factor.
    #[schema(nullable = false, example = "081804")]
    code: Option<String>,
}

/// All that signing in takes, valid.
pub struct Reauthenticate {
    password: Password,
    code: Option<Code>,
}

impl FromFields for Reauthenticate {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let password = fields.required("password", Password::given);
        let code = fields.optional("code", Code::parse);
        fields.finish(|| Some(Self { password: password?, code }))
    }
}

/// Proves again who one is, for operations that ask for a fresh session. Gives out
/// new tokens, as a refresh does.
#[utoipa::path(post, path = "/api/v1/sessions/current/reauthenticate", tag = "sessions",
    operation_id = "reauthenticate", request_body = ReauthenticateBody,
    responses((status = 200, description = "The session is fresh.", body = SignedInView),
        (status = 401, description = "`invalid_credentials`: password or code is wrong."),
        (status = 409, description = "`no_password`: sign in again instead; `busy`: too many \
            others use the session at the same time."),
        (status = 429, description = "Too many wrong codes.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    Json(Reauthenticate { password, code }): Json<Reauthenticate>,
) -> Result<Response, Problem> {
    let view = |signed_in: &_| view::json(StatusCode::OK, &SignedInView::from(signed_in));
    answer(&cx, view, reauthentication::reauthenticate(&app, &cx, password, code)).await
}
