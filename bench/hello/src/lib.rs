//! A component that only says hello, through axum as Rollcall does: what it
//! reaches is the ceiling for everything that is measured on the same host.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use spin_sdk::http::{IntoResponse, Request};
use spin_sdk::http_service;
use tower_service::Service;

static ROUTER: LazyLock<Router> =
    LazyLock::new(|| Router::new().route("/hello", get(async || "Hello, World!")));

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    ROUTER.clone().call(request.map(Body::new)).await
}
