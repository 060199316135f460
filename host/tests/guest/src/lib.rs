//! A component that steps into every trap of the host, for its tests.
//!
//! Requests say what to do, so that a test shows what happens and in which
//! order; this component only does it and tells what came of it.

mod http;
mod key_value;
mod postgres;
mod sqlite;
mod system;

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{any, get, post};
use spin_sdk::http::{Error, IntoResponse, Request};
use spin_sdk::http_service;
use spin_sdk::wasip3::http::types::ErrorCode;
use tower_service::Service;

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    Router::new()
        .route("/headers", any(http::headers))
        .route("/echo", post(http::echo))
        .route("/trailers", get(http::trailers))
        .route("/trap", get(system::trap))
        .route("/sleep", get(system::sleep))
        .route("/spin", get(system::spin))
        .route("/instance", get(system::instance))
        .route("/print", post(system::print))
        .route("/clock", get(system::clock))
        .route("/random", get(system::random))
        .route("/environment", get(system::environment))
        .route("/file", get(system::file))
        .route("/variable", get(system::variable))
        .route("/sqlite", post(sqlite::script))
        .route("/sqlite/result-without-rows", post(sqlite::result_without_rows))
        .route("/sqlite/sync", post(sqlite::sync_script))
        .route("/sqlite/open", get(sqlite::open_many))
        .route("/key-value", post(key_value::script))
        .route("/key-value/keys-held", post(key_value::keys_held))
        .route("/postgres", post(postgres::script))
        .route("/postgres/sync", post(postgres::sync_script))
        .route("/fetch", post(http::fetch))
        .fallback(http::headers)
});

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    if request.uri().path() == "/error" {
        return Err(Error::ErrorCode(ErrorCode::InternalError(None)));
    }
    let Ok(response) = ROUTER.clone().call(request.map(Body::new)).await;
    Ok::<Response, Error>(response)
}
