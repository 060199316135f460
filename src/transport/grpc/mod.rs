//! gRPC: the same service, for callers that speak protobuf.
//!
//! A call passes the layer in [`layers`], then one of the services, which parse,
//! call one service function and render, as the handlers of REST do.

pub mod batches;
pub mod body;
pub mod call;
pub mod changes;
pub mod descriptors;
pub mod exports;
pub mod fields;
pub mod finding;
pub mod health;
pub mod imports;
pub mod layers;
pub mod masks;
pub mod pb;
pub mod reflection;
pub mod sessions;
pub mod status;
pub mod structs;
pub mod tokens;
pub mod users;
pub mod view;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Response, Version, header};
use axum::middleware::from_fn_with_state;
use tonic::Code;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::server::NamedService;
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::pb::{v1, v1alpha};
use tonic_web::GrpcWebLayer;
use tower_service::Service;

use crate::app::App;
use crate::config::ConfigErrors;
use crate::transport::http::problem::Problem;
use pb::session_service_server::SessionServiceServer;
use pb::token_service_server::TokenServiceServer;
use pb::user_service_server::UserServiceServer;

/// What the paths of calls begin with; no path of REST does.
const PATHS: [&str; 2] = ["/rollcall.v1.", "/grpc."];

/// By what messages are compressed, and by what they may be.
const ENCODING: &str = "grpc-encoding";
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// The service over gRPC and gRPC-Web.
#[derive(Clone)]
pub struct Server {
    grpc: Router,
    web: Router,
}

/// Whether a request is a call.
pub fn is_call<B>(request: &Request<B>) -> bool {
    request.method() == Method::POST && dialect(request).is_some()
}

/// Whether nothing but calls is answered at a path.
pub fn is_for_calls(path: &str) -> bool {
    PATHS.iter().any(|prefix| path.starts_with(prefix))
}

impl Server {
    /// Puts the services in front of the app.
    pub fn new(app: Arc<App>) -> Self {
        let grpc = router(app);
        let web = grpc.clone().layer(GrpcWebLayer::new());
        Self { grpc, web }
    }

    /// Answers a call.
    pub async fn serve(&self, mut request: Request<Body>) -> Response<Body> {
        let mut router = match dialect(&request) {
            Some((name, Dialect::Web)) => {
                // In the one form that the library knows.
                request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(name));
                self.web.clone()
            }
            Some((_, Dialect::Grpc)) | None => self.grpc.clone(),
        };
        // Hosts do not tell the version, and the library asks for it.
        *request.version_mut() = Version::HTTP_2;
        // Who compresses gets compressed answers, as from other servers: most clients
        // say that they could read them, and would gain nothing from small ones.
        if !request.headers().contains_key(ENCODING) {
            request.headers_mut().remove(ACCEPT_ENCODING);
        }
        match router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// How messages are framed.
#[derive(Clone, Copy)]
enum Dialect {
    Grpc,
    Web,
}

/// The media types of calls.
const DIALECTS: [(&str, Dialect); 6] = [
    ("application/grpc", Dialect::Grpc),
    ("application/grpc+proto", Dialect::Grpc),
    ("application/grpc-web", Dialect::Web),
    ("application/grpc-web+proto", Dialect::Web),
    ("application/grpc-web-text", Dialect::Web),
    ("application/grpc-web-text+proto", Dialect::Web),
];

/// The media type of a request, if it is one of those.
fn dialect<B>(request: &Request<B>) -> Option<(&'static str, Dialect)> {
    let value = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next()?.trim();
    DIALECTS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(essence))
}

/// Every service, behind what happens to every call.
fn router(app: Arc<App>) -> Router {
    let limit = app.config.body_limit;
    let users = UserServiceServer::new(users::Users(Arc::clone(&app)))
        .max_decoding_message_size(limit)
        .accept_compressed(Gzip)
        .send_compressed(Gzip);
    let sessions = SessionServiceServer::new(sessions::Sessions(Arc::clone(&app)))
        .max_decoding_message_size(limit)
        .accept_compressed(Gzip)
        .send_compressed(Gzip);
    let tokens = TokenServiceServer::new(tokens::Tokens(Arc::clone(&app)))
        .max_decoding_message_size(limit)
        .accept_compressed(Gzip)
        .send_compressed(Gzip);
    let health = HealthServer::new(health::HealthCheck(Arc::clone(&app)))
        .max_decoding_message_size(limit)
        .accept_compressed(Gzip)
        .send_compressed(Gzip);
    let reflection = reflection::Reflection::default();
    let v1 = v1::server_reflection_server::ServerReflectionServer::new(reflection.clone())
        .max_decoding_message_size(limit)
        .accept_compressed(Gzip)
        .send_compressed(Gzip);
    let v1alpha = v1alpha::server_reflection_server::ServerReflectionServer::new(reflection)
        .max_decoding_message_size(limit)
        .accept_compressed(Gzip)
        .send_compressed(Gzip);
    let router = add(Router::new(), users);
    let router = add(add(router, sessions), tokens);
    let router = add(add(add(router, health), v1), v1alpha);
    router
        .fallback(|| async { layers::unknown_method() })
        .layer(from_fn_with_state(app, layers::around))
}

fn add<S>(router: Router, service: S) -> Router
where
    S: Service<Request<Body>, Response = Response<tonic::body::Body>, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    router.route_service(&format!("/{}/{{method}}", S::NAME), service)
}

/// The answer to every call while the settings are wrong.
pub fn misconfigured(request: &Request<Body>, errors: &ConfigErrors) -> Response<Body> {
    let problem = Problem::misconfigured(errors.to_string());
    let mut response = status::of_problem(Code::Unavailable, problem).into_http();
    match dialect(request) {
        // Browsers see no trailers, and read the headers of an answer without a message.
        Some((name, Dialect::Web)) => {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(name));
            response
        }
        Some((_, Dialect::Grpc)) | None => body::in_trailers(response),
    }
}
