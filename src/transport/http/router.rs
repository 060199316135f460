//! The whole table of routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};

use super::problem::Problem;
use super::{
    api_keys, audit, batches, bootstrap, docs, email_changes, email_codes, email_verifications,
    exports, factors, headers, health, idempotency, imports, invitations, jobs, magic_links,
    mailbox, me, openapi, own_data, password_resets, passwords, reauthentication, registrations,
    roles, second_factor, sessions, signing_keys, user_roles, users, well_known,
};
use crate::app::App;
use crate::transport::grpc;

/// Every path and method. `openapi.rs` lists the same operations, and a test
/// holds the two together.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/api/v1/bootstrap", post(bootstrap::create))
        .route(
            "/api/v1/sessions",
            get(sessions::list).post(sessions::create).delete(sessions::delete_others),
        )
        .route("/api/v1/sessions/{id}", delete(sessions::delete))
        .route("/api/v1/sessions/current", delete(sessions::delete_current))
        .route("/api/v1/sessions/current/reauthenticate", post(reauthentication::create))
        .route("/api/v1/sessions/refresh", post(sessions::refresh))
        .route("/api/v1/sessions/second-factor", post(second_factor::create))
        .route("/api/v1/me", get(me::get).patch(me::patch).delete(own_data::erase))
        .route("/api/v1/me/password", put(passwords::replace))
        .route("/api/v1/me/export", get(own_data::export))
        .route("/api/v1/me/factors", get(factors::list))
        .route("/api/v1/me/factors/recovery-codes", post(factors::replace_recovery_codes))
        .route("/api/v1/me/factors/totp", post(factors::enroll).delete(factors::remove))
        .route("/api/v1/me/factors/totp/confirm", post(factors::confirm))
        .route("/api/v1/magic-links", post(magic_links::create))
        .route("/api/v1/magic-links/confirm", post(magic_links::confirm))
        .route("/api/v1/email-codes", post(email_codes::create))
        .route("/api/v1/email-codes/confirm", post(email_codes::confirm))
        .route("/api/v1/registrations", post(registrations::create))
        .route("/api/v1/email-verifications", post(email_verifications::create))
        .route("/api/v1/email-verifications/confirm", post(email_verifications::confirm))
        .route("/api/v1/password-resets", post(password_resets::create))
        .route("/api/v1/password-resets/confirm", post(password_resets::confirm))
        .route("/api/v1/invitations", get(invitations::list).post(invitations::create))
        .route("/api/v1/invitations/{id}", delete(invitations::delete))
        .route("/api/v1/me/email-change", post(email_changes::create))
        .route("/api/v1/me/email-change/confirm", post(email_changes::confirm))
        .route("/api/v1/users", get(users::list).post(users::create))
        .route("/api/v1/users/export", get(exports::export))
        .route(
            "/api/v1/users/{id}",
            get(users::get).put(users::replace).patch(users::patch).delete(users::delete),
        )
        .route("/api/v1/users/batch", post(batches::create))
        .route("/api/v1/users/import", post(imports::create))
        .route("/api/v1/users/{id}/roles", put(user_roles::replace))
        .route("/api/v1/users/{id}/suspend", post(users::suspend))
        .route("/api/v1/users/{id}/unsuspend", post(users::unsuspend))
        .route("/api/v1/roles", get(roles::list).post(roles::create))
        .route("/api/v1/roles/{name}", get(roles::get).put(roles::replace).delete(roles::delete))
        .route("/api/v1/api-keys", get(api_keys::list).post(api_keys::create))
        .route("/api/v1/api-keys/{id}", get(api_keys::get).delete(api_keys::delete))
        .route("/api/v1/permissions", get(roles::list_permissions))
        .route(
            "/api/v1/users/{id}/sessions",
            get(sessions::list_of_user).delete(sessions::delete_of_user),
        )
        .route("/api/v1/users/{id}/factors", delete(factors::reset))
        .route("/internal/jobs/run", post(jobs::run))
        .route("/dev/mailbox", get(mailbox::list))
        .route("/api/v1/signing-keys", get(signing_keys::list))
        .route("/api/v1/signing-keys/rotate", post(signing_keys::rotate))
        .route("/api/v1/audit-events", get(audit::list))
        .route("/api/v1/audit-events/verify", get(audit::verify))
        .route("/.well-known/jwks.json", get(well_known::jwks))
        .route("/health", get(health::health))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/openapi.json", get(openapi::get))
        .route("/docs", get(docs::get))
        .route_layer(from_fn_with_state(Arc::clone(&app), at_route))
        .fallback(nothing_here)
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .with_state(app)
}

/// There is nothing at the path; or nothing but calls, and this is none.
async fn nothing_here(method: Method, uri: Uri) -> Response {
    if !grpc::is_for_calls(uri.path()) {
        return Problem::no_such_path().into_response();
    }
    if method != Method::POST {
        return ([(header::ALLOW, "POST")], Problem::method_not_allowed()).into_response();
    }
    Problem::unsupported_media_type(&["application/grpc"]).into_response()
}

/// What a route answers with. An export has a choice of its own.
fn offered(route: &str) -> Option<&'static str> {
    match route {
        "/docs" => Some("text/html"),
        imports::PATH => Some(imports::MEDIA_TYPE),
        exports::PATH => None,
        _ => Some("application/json"),
    }
}

/// What every request meets whose path and method there are. One layer for all of
/// it: each costs every request as much as reading its body.
async fn at_route(
    State(app): State<Arc<App>>,
    route: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let refused = |offered: &&str| !headers::accepts(request.headers(), offered);
    let refused = offered(route.as_str()).filter(refused);
    let mut response = match (refused, request.method()) {
        (Some(offered), _) => Problem::not_acceptable(offered).into_response(),
        // A POST with a key is done once.
        (None, &Method::POST) => idempotency::once(&app, route.as_str(), request, next).await,
        (None, _) => next.run(request).await,
    };
    // Tells the log which route answered: a path itself may hold what no log may.
    response.extensions_mut().insert(route);
    response
}
