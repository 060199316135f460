//! The edges: parse, call one service function, render.

pub mod context;
pub mod grpc;
pub mod http;
pub mod log_line;

use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Response};

use crate::app::App;
use crate::config::ConfigErrors;
use crate::domain::time::{Rng, Timestamp};

/// The service over HTTP and gRPC, on one port.
#[derive(Clone)]
pub struct Server {
    app: Arc<App>,
    http: http::Server,
    /// Made at the first call: hosts start many instances that never get one.
    grpc: Arc<OnceLock<grpc::Server>>,
}

impl Server {
    /// Puts both transports in front of the app.
    pub fn new(app: Arc<App>) -> Self {
        Self { http: http::Server::new(Arc::clone(&app)), grpc: Arc::default(), app }
    }

    /// Answers a request by the transport that it is for.
    pub async fn serve(&self, request: Request<Body>) -> Response<Body> {
        if grpc::is_call(&request) {
            let grpc = self.grpc.get_or_init(|| grpc::Server::new(Arc::clone(&self.app)));
            grpc.serve(request).await
        } else {
            self.http.serve(request).await
        }
    }
}

/// The answer to everything while the settings are wrong, and a line in the log that
/// says what is wrong with them.
pub fn misconfigured(
    request: &Request<Body>,
    errors: &ConfigErrors,
    now: Timestamp,
    rng: &dyn Rng,
    log: impl FnOnce(&str),
) -> Response<Body> {
    let request_id = http::headers::request_id(request.headers(), now, rng);
    let mut response = if grpc::is_call(request) {
        grpc::misconfigured(request, errors)
    } else {
        let mut response = http::misconfigured(request, errors, &request_id);
        // What depends on a setting, which is not known, is left out.
        http::headers::add(&mut response, &request_id, false);
        response
    };
    if request.method() == Method::HEAD {
        response = http::headers::without_body(response);
    }
    log(&log_line::of_wrong_settings(now, &request_id, errors));
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(http::headers::REQUEST_ID, id);
    }
    response
}
