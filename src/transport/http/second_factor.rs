//! `/api/v1/sessions/second-factor`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa::ToSchema;

use super::extract::{AnyCx, FromFields, Json};
use super::idempotency::answer;
use super::json::Fields;
use super::problem::Problem;
use super::view::{self, SignedInView};
use crate::app::App;
use crate::domain::factor::Code;
use crate::error::Error;
use crate::service::second_factor;

/// The answer to the question for the second factor.
#[derive(ToSchema)]
#[schema(as = SecondFactor)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct SecondFactorBody {
    /// From the answer to the first factor.
    #[schema(example = "rcm_…")]
    token: String,
    /// Six digits of an authenticator app, or a recovery code.
    #[schema(example = "081804")]
    code: String,
}

/// The answer, valid.
pub struct SecondFactor {
    token: String,
    code: Code,
}

impl FromFields for SecondFactor {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let token = fields.required("token", |text| Ok(text.to_owned()));
        let code = fields.required("code", Code::parse);
        fields.finish(|| Some(Self { token: token?, code: code? }))
    }
}

/// Signs in with the second factor. The token is good once, for five minutes and
/// five attempts; a code is good once.
#[utoipa::path(post, path = "/api/v1/sessions/second-factor", tag = "sessions",
    operation_id = "sign_in_with_second_factor", security(()), request_body = SecondFactorBody,
    responses((status = 201, description = "Signed in.", body = SignedInView),
        (status = 401, description = "`invalid_credentials`: the code is wrong, or was used \
            before. `unauthenticated`: the token is not, or no longer, good."),
        (status = 403, description = "The account is suspended."),
        (status = 429, description = "Too many wrong codes.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(SecondFactor { token, code }): Json<SecondFactor>,
) -> Result<Response, Problem> {
    let view = |signed_in: &_| view::json(StatusCode::CREATED, &SignedInView::from(signed_in));
    answer(&cx, view, second_factor::complete(&app, &cx, &token, &code)).await
}
