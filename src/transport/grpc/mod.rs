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
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::server::NamedService;
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::pb::{v1, v1alpha};
use tonic_web::GrpcWebLayer;
use tower_service::Service;

use crate::app::App;
use crate::config::ConfigErrors;
use crate::error::Error;
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

/// Whether a request is a call, or means to be one.
pub fn is_call<B>(request: &Request<B>) -> bool {
    let is_preflight = request.method() == Method::OPTIONS;
    let path = request.uri().path();
    let is_path = PATHS.iter().any(|prefix| path.starts_with(prefix));
    !is_preflight && (is_path || content_type(request).starts_with("application/grpc"))
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
        let mut router = match Dialect::of(content_type(&request)) {
            Some(_) if request.method() != Method::POST => {
                let allow = [(header::ALLOW, HeaderValue::from_static("POST"))];
                return (StatusCode::METHOD_NOT_ALLOWED, allow).into_response();
            }
            Some(Dialect::Grpc) => self.grpc.clone(),
            Some(Dialect::Web) => self.web.clone(),
            None => return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
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
enum Dialect {
    Grpc,
    Web,
}

impl Dialect {
    fn of(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        match essence.strip_prefix("application/grpc")? {
            "" | "+proto" => Some(Self::Grpc),
            "-web" | "-web+proto" | "-web-text" | "-web-text+proto" => Some(Self::Web),
            _ => None,
        }
    }
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
        .accept_compressed(Gzip)
        .send_compressed(Gzip);
    let reflection = reflection::Reflection::default();
    let v1 = v1::server_reflection_server::ServerReflectionServer::new(reflection.clone())
        .accept_compressed(Gzip)
        .send_compressed(Gzip);
    let v1alpha = v1alpha::server_reflection_server::ServerReflectionServer::new(reflection)
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
pub fn misconfigured(errors: &ConfigErrors) -> Response<Body> {
    body::in_trailers(tonic::Status::from(Error::unavailable(errors)).into_http())
}

fn content_type<B>(request: &Request<B>) -> &str {
    let value = request.headers().get(header::CONTENT_TYPE);
    value.and_then(|value| value.to_str().ok()).unwrap_or_default()
}
