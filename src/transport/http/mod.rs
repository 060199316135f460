//! HTTP: what a request passes through on its way to a service, and back.

pub mod api_keys;
pub mod audit;
pub mod batches;
pub mod bootstrap;
pub mod cors;
pub mod deprecations;
pub mod docs;
pub mod email_changes;
pub mod email_codes;
pub mod email_verifications;
pub mod entity_tags;
pub mod exports;
pub mod extract;
pub mod factors;
pub mod finding;
pub mod given_again;
pub mod headers;
pub mod health;
pub mod idempotency;
pub mod imports;
pub mod invitations;
pub mod jobs;
pub mod json;
pub mod json_patch;
#[cfg(not(target_family = "wasm"))]
pub mod limits;
pub mod magic_links;
pub mod mailbox;
pub mod mailed;
pub mod me;
pub mod openapi;
#[cfg(not(target_family = "wasm"))]
pub mod openapi_deprecations;
#[cfg(not(target_family = "wasm"))]
pub mod openapi_document;
#[cfg(not(target_family = "wasm"))]
pub mod openapi_headers;
#[cfg(not(target_family = "wasm"))]
pub mod openapi_rates;
#[cfg(not(target_family = "wasm"))]
pub mod openapi_texts;
pub mod own_data;
pub mod password_resets;
pub mod passwords;
pub mod preconditions;
pub mod problem;
pub mod rate_limit;
pub mod reauthentication;
pub mod records;
pub mod registrations;
pub mod roles;
pub mod router;
pub mod second_factor;
pub mod sessions;
pub mod signing_keys;
pub mod strict_json;
pub mod user_roles;
pub mod users;
pub mod view;
pub mod well_known;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::http::{HeaderValue, Method, Request, Response, header};
use axum::response::IntoResponse;
use futures_util::future::{Either, select};
use tower_service::Service;

use super::context;
use super::log_line::{self, Ended};
use crate::app::App;
use crate::config::ConfigErrors;
use crate::domain::time::Timestamp;
use crate::service::Context;
use crate::service::credentials::Credentials;
use crate::service::health::Check;
use crate::service::mails;
use given_again::{Answers, Asked};
use health::Reasons;
use preconditions::{Known, Tags};
use problem::Problem;

/// The service over HTTP.
#[derive(Clone)]
pub struct Server {
    app: Arc<App>,
    router: Router,
    tags: Tags,
    answers: Answers,
}

impl Server {
    /// Puts the routes in front of the app.
    pub fn new(app: Arc<App>) -> Self {
        let tags = Tags::new(&app.config.secret_key);
        Self { router: router::router(Arc::clone(&app)), app, tags, answers: Answers::default() }
    }

    /// The chain: everything that happens to every request, in this order.
    pub async fn serve(&self, mut request: Request<Body>) -> Response<Body> {
        let app = &*self.app;
        let begin = app.now();
        app.store.look_again(begin);

        // The request gets a name: the client's if it is well-formed, else a new one.
        // Who calls is read, not believed: services decide what it is worth.
        let context = Arc::new(context::read(app, &request, begin));
        let origin = cors::allowed_origin(request.headers(), &app.config.cors_origins);
        let method = request.method().clone();
        // Who asks with HEAD gets what GET would have got, but for the body: see below.
        if method == Method::HEAD {
            *request.method_mut() = Method::GET;
        }
        request.extensions_mut().insert(Arc::clone(&context));

        // The request is answered, or the timer runs out: nobody waits for ever.
        let timer = app.timer.sleep(app.config.request_timeout);
        let mut response =
            match select(Box::pin(self.answer(&context, begin, request)), timer).await {
                Either::Left((response, _)) => response,
                Either::Right(((), _)) => Problem::timed_out().into_response(),
            };

        // A problem gets its body here, where the request's name is known.
        let problem = response.extensions_mut().remove::<Problem>();
        if let Some(problem) = &problem {
            // The length that was set belongs to the empty body that stood here.
            let body = problem.body(&context.request_id);
            response.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
            *response.body_mut() = Body::from(body);
        }

        // Who showed a credential learns that it is none (RFC 6750, 3.1).
        if problem.as_ref().is_some_and(|problem| problem.code == "unauthenticated")
            && !matches!(context.credentials, Credentials::None)
        {
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }

        // Browsers are told what they may do, and clients which version answered.
        let https = app.config.public_url.starts_with("https");
        headers::add(&mut response, &context.request_id, https);
        cors::add(&mut response, &app.config.cors_origins, origin, cors::OF_REST);

        // Who uses what will be gone learns when.
        deprecations::add(&mut response, &method, deprecations::TABLE);

        // Who met a limit learns what is left of it.
        rate_limit::add(&mut response, &context.limits.get());

        // Who asked with HEAD gets no body.
        if method == Method::HEAD {
            response = headers::without_body(response);
        }

        // One line in the log, without secrets and without personal data.
        self.log(&method, begin, &context, &response, problem.as_ref());

        // What the request wrote to people is sent once nobody waits for it.
        if context.wrote_mail.get() {
            let app = Arc::clone(&self.app);
            app.clone().background.spawn(Box::pin(async move { mails::deliver_due(&app).await }));
        }
        response
    }

    /// What can be said before a route is chosen, and then the route's answer.
    async fn answer(
        &self,
        context: &Context,
        begin: Timestamp,
        request: Request<Body>,
    ) -> Response<Body> {
        if let Some(problem) = headers::excess(&request) {
            return problem.into_response();
        }
        let path = request.uri().path();
        if !headers::names_known_version(path, request.headers()) {
            return Problem::unknown_version().into_response();
        }
        if cors::is_preflight(&request) {
            return cors::preflight();
        }
        // A body that says itself that it is too large is read, if at all, only so
        // that its sender gets to see the answer.
        let length = headers::content_length(request.headers());
        if length > self.app.config.body_limit && path != imports::PATH {
            if length <= json::DISCARDED {
                json::discard(request.into_body()).await;
            }
            return Problem::payload_too_large(self.app.config.body_limit).into_response();
        }
        // Who means another version does not get this one, and who has it not again.
        let known = Known::of(&request);
        known.judge(self.respond(context, begin, request).await)
    }

    /// The answer of a route, or the one that it gave a moment ago.
    async fn respond(
        &self,
        context: &Context,
        now: Timestamp,
        request: Request<Body>,
    ) -> Response<Body> {
        let asked = Asked::of(&self.app, context, &request);
        let given = asked.as_ref().and_then(|asked| self.answers.find(&self.app, asked, now));
        if let Some(response) = given {
            return response;
        }
        let is_tagged =
            request.method() == Method::GET && preconditions::is_tagged(request.uri().path());
        let response = match self.router.clone().call(request).await {
            Ok(response) if is_tagged => self.tags.tag(response),
            Ok(response) => response,
            Err(never) => match never {},
        };
        match asked {
            Some(asked) => self.answers.keep(&self.app, context, asked, response),
            None => response,
        }
    }

    fn log(
        &self,
        method: &Method,
        begin: Timestamp,
        context: &Context,
        response: &Response<Body>,
        problem: Option<&Problem>,
    ) {
        let status = response.status();
        let route = response.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let reasons = response.extensions().get::<Reasons>().map(|reasons| reasons.0.as_str());
        let ended = Ended {
            request_id: &context.request_id,
            trace_id: context.trace_id.as_deref(),
            method: method.as_str(),
            route,
            status: status.as_u16(),
            grpc_status: None,
            code: problem.map(|problem| problem.code),
            cause: problem.and_then(|problem| problem.cause.as_deref()).or(reasons),
        };
        log_line::write(&self.app, begin, status.is_server_error(), ended);
    }
}

/// The answer to everything while the settings are wrong: `/readyz` says what is
/// wrong with them, everything else that it cannot be done.
pub fn misconfigured(
    request: &Request<Body>,
    errors: &ConfigErrors,
    request_id: &str,
) -> Response<Body> {
    match request.uri().path() {
        "/health" | "/livez" => health::alive(),
        "/readyz" => {
            let settings = Check { name: "settings", problem: Some(errors.to_string()) };
            health::readiness(vec![settings])
        }
        _ => {
            let problem = Problem::misconfigured(errors.to_string());
            let body = problem.body(request_id);
            problem.into_response().map(|_| Body::from(body))
        }
    }
}
