//! `/health`, `/livez`, `/readyz`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::view;
use crate::app::App;
use crate::service::health::{self, Check};

/// Whether the service is well.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub struct HealthView {
    /// `ok` or `unavailable`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether the service is ready, and what is wrong if it is not.
#[derive(Serialize, ToSchema)]
#[schema(as = Readiness)]
pub struct ReadinessView {
    /// `ok` or `unavailable`.
    #[schema(example = "ok")]
    status: &'static str,
    checks: Vec<CheckView>,
}

/// One thing that must be so.
#[derive(Serialize, ToSchema)]
#[schema(as = Check)]
pub struct CheckView {
    /// `settings`, `database` or `migrations`.
    #[schema(example = "database")]
    name: &'static str,
    /// `ok` or `failed`.
    #[schema(example = "ok")]
    status: &'static str,
    /// What is wrong, for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    problem: Option<String>,
}

impl From<Check> for CheckView {
    fn from(check: Check) -> Self {
        let status = if check.problem.is_none() { "ok" } else { "failed" };
        Self { name: check.name, status, problem: check.problem }
    }
}

/// Says that the service is there.
#[utoipa::path(get, path = "/health", tag = "health", operation_id = "health", security(()),
    responses((status = 200, description = "It is.", body = HealthView)))]
pub async fn health() -> Response {
    alive()
}

/// Says that the process answers; asks nothing else.
#[utoipa::path(get, path = "/livez", tag = "health", operation_id = "livez", security(()),
    responses((status = 200, description = "It does.", body = HealthView)))]
pub async fn livez() -> Response {
    alive()
}

/// The answer of `/livez`.
pub fn alive() -> Response {
    view::json(StatusCode::OK, &HealthView { status: "ok" })
}

/// Says whether the service can do its work: settings, database, migrations.
#[utoipa::path(get, path = "/readyz", tag = "health", operation_id = "readyz", security(()),
    responses((status = 200, description = "It can.", body = ReadinessView),
        (status = 503, description = "It cannot; the checks say why.", body = ReadinessView)))]
pub async fn readyz(State(app): State<Arc<App>>) -> Response {
    readiness(health::ready(&app).await)
}

/// Why the service is not ready, for the log.
#[derive(Clone)]
pub struct Reasons(pub String);

/// The answer of `/readyz`.
pub fn readiness(checks: Vec<Check>) -> Response {
    let well = checks.iter().all(|check| check.problem.is_none());
    let (code, status) = if well {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    let problems = checks.iter().filter_map(|check| check.problem.clone());
    let reasons = Reasons(problems.collect::<Vec<_>>().join("; "));
    let checks = checks.into_iter().map(CheckView::from).collect();
    let mut response = view::json(code, &ReadinessView { status, checks });
    if !well {
        response.extensions_mut().insert(reasons);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}
