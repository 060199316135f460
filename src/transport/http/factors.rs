//! `/api/v1/me/factors` and `/api/v1/users/{id}/factors`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{Cx, FromFields, Json, UserPath};
use super::idempotency::answer;
use super::json::Fields;
use super::problem::Problem;
use super::view;
use crate::app::App;
use crate::domain::factor::{Code, Factors, TotpCode, TotpFactor};
use crate::error::Error;
use crate::service::factors::{self, Enrollment};

/// What is asked for besides a first factor.
#[derive(Serialize, ToSchema)]
#[schema(as = FactorList)]
pub struct FactorListView {
    items: Vec<FactorView>,
    /// Always null: nobody has more than a page of factors.
    #[schema(required)]
    next_cursor: Option<String>,
    /// How many recovery codes are left.
    #[schema(minimum = 0, maximum = 10, example = 10)]
    recovery_codes_left: i64,
}

/// An authenticator app.
#[derive(Serialize, ToSchema)]
#[schema(as = Factor)]
pub struct FactorView {
    /// Always `totp`.
    #[schema(example = "totp")]
    kind: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
    /// Since when its codes are asked for; null until one was shown.
    #[schema(required, format = DateTime)]
    confirmed_at: Option<String>,
}

impl From<&TotpFactor> for FactorView {
    fn from(factor: &TotpFactor) -> Self {
        Self {
            kind: "totp",
            created_at: factor.created_at.to_string(),
            confirmed_at: factor.confirmed_at.map(|at| at.to_string()),
        }
    }
}

impl From<&Factors> for FactorListView {
    fn from(factors: &Factors) -> Self {
        Self {
            items: factors.totp.iter().map(FactorView::from).collect(),
            next_cursor: None,
            recovery_codes_left: factors.recovery_codes,
        }
    }
}

/// A new authenticator app, shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = TotpEnrollment)]
pub struct EnrollmentView {
    /// In base32, for typing.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// For a picture (QR code) that apps read: SHA-1, 6 digits, 30 seconds.
    #[schema(example = "otpauth://totp/Rollcall:ada%40example.com\
        ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Rollcall")]
    otpauth_uri: String,
}

impl From<&Enrollment> for EnrollmentView {
    fn from(enrollment: &Enrollment) -> Self {
        let Enrollment { secret, uri } = enrollment;
        Self { secret: secret.clone(), otpauth_uri: uri.clone() }
    }
}

/// New recovery codes, shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryCodes)]
pub struct RecoveryCodesView {
    /// Ten, each good once.
    #[schema(min_items = 10, max_items = 10, example = json!(["mzxw-6ytb-oi4d-sobq"]))]
    recovery_codes: Vec<String>,
}

fn recovery_codes(codes: &[String]) -> Response {
    view::json(StatusCode::OK, &RecoveryCodesView { recovery_codes: codes.to_owned() })
}

/// A code of the second factor.
#[derive(ToSchema)]
#[schema(as = FactorCode)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct FactorCodeBody {
    /// Six digits of an authenticator app, or a recovery code.
    #[schema(example = "081804")]
    code: String,
}

/// A code of the app that is being confirmed.
#[derive(ToSchema)]
#[schema(as = TotpCode)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct TotpCodeBody {
    /// What the app shows now: six digits.
    #[schema(min_length = 6, max_length = 6, example = "081804")]
    code: String,
}

impl FromFields for Code {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let code = fields.required("code", Self::parse);
        fields.finish(|| code)
    }
}

impl FromFields for TotpCode {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let code = fields.required("code", Self::parse);
        fields.finish(|| code)
    }
}

/// Lists one's own second factors.
#[utoipa::path(get, path = "/api/v1/me/factors", tag = "factors", operation_id = "list_factors",
    responses((status = 200, description = "One's factors.", body = FactorListView)))]
pub async fn list(State(app): State<Arc<App>>, Cx(cx): Cx) -> Result<Response, Problem> {
    let factors = factors::list(&app, &cx).await?;
    Ok(view::json(StatusCode::OK, &FactorListView::from(&factors)))
}

/// Adds an authenticator app. It is asked for once it was confirmed; until then,
/// another one takes its place. Needs a session that is at most ten minutes fresh.
#[utoipa::path(post, path = "/api/v1/me/factors/totp", tag = "factors", operation_id = "enroll_totp",
    responses((status = 201, description = "Its secret, shown once.", body = EnrollmentView),
        (status = 401, description = "`insufficient_user_authentication` (RFC 9470): reauthenticate first."),
        (status = 409, description = "`factor_active`: there is an authenticator app.")))]
pub async fn enroll(State(app): State<Arc<App>>, Cx(cx): Cx) -> Result<Response, Problem> {
    let view = |new: &_| view::json(StatusCode::CREATED, &EnrollmentView::from(new));
    answer(&cx, view, factors::enroll(&app, &cx)).await
}

/// Confirms the authenticator app with a code of it, and ends the other sessions.
#[utoipa::path(post, path = "/api/v1/me/factors/totp/confirm", tag = "factors",
    operation_id = "confirm_totp", request_body = TotpCodeBody,
    responses((status = 200, description = "Recovery codes, shown once.", body = RecoveryCodesView),
        (status = 401, description = "`invalid_credentials`: the code is wrong."),
        (status = 404, description = "There is no authenticator app to confirm."),
        (status = 409, description = "`factor_active`: it was confirmed before."),
        (status = 429, description = "Too many wrong codes.")))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    Json(code): Json<TotpCode>,
) -> Result<Response, Problem> {
    let view = |codes: &Vec<_>| recovery_codes(codes);
    answer(&cx, view, factors::confirm(&app, &cx, &code)).await
}

/// Removes the authenticator app and the recovery codes.
#[utoipa::path(delete, path = "/api/v1/me/factors/totp", tag = "factors",
    operation_id = "remove_totp", request_body = FactorCodeBody,
    responses((status = 204, description = "Removed."),
        (status = 401, description = "`invalid_credentials`: the code is wrong, or was used before."),
        (status = 404, description = "There is no second factor."),
        (status = 429, description = "Too many wrong codes.")))]
pub async fn remove(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    Json(code): Json<Code>,
) -> Result<Response, Problem> {
    factors::remove(&app, &cx, &code).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Gives new recovery codes; the old ones are good no longer.
#[utoipa::path(post, path = "/api/v1/me/factors/recovery-codes", tag = "factors",
    operation_id = "replace_recovery_codes", request_body = FactorCodeBody,
    responses((status = 200, description = "Recovery codes, shown once.", body = RecoveryCodesView),
        (status = 401, description = "`invalid_credentials`: the code is wrong, or was used before."),
        (status = 404, description = "There is no second factor."),
        (status = 429, description = "Too many wrong codes.")))]
pub async fn replace_recovery_codes(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    Json(code): Json<Code>,
) -> Result<Response, Problem> {
    let view = |codes: &Vec<_>| recovery_codes(codes);
    answer(&cx, view, factors::replace_recovery_codes(&app, &cx, &code)).await
}

/// Removes the second factor of somebody who has lost it, and ends their sessions; of
/// somebody who has none, it does nothing. Needs `users:write`.
#[utoipa::path(delete, path = "/api/v1/users/{id}/factors", tag = "factors",
    operation_id = "reset_factors",
    params(("id" = String, Path, format = "uuid", description = "The user.")),
    responses((status = 204, description = "There is none any more.")))]
pub async fn reset(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    UserPath(id): UserPath,
) -> Result<Response, Problem> {
    factors::reset(&app, &cx, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
