//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07) on every POST.

use std::future::Future;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};

use super::json;
use super::problem::Problem;
use crate::app::App;
use crate::domain::idempotency::IdempotencyKey;
use crate::error::{Error, Result};
use crate::service::Context;
use crate::service::idempotency::{self, Begun};

/// Names a request that may be sent again.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before, and that nothing was done now.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The POSTs that take no key, and why not.
pub const WITHOUT_KEY: &[(&str, &str)] = &[
    (
        "/api/v1/sessions/refresh",
        "A refresh token is such a key itself: shown again within `refresh_grace`, it gets the \
         same answer; later, it ends the session.",
    ),
    ("/internal/jobs/run", "It does what is due: the second time, there is nothing left."),
];

/// Whether a POST to this route may have a key.
pub fn takes_key(route: &str) -> bool {
    WITHOUT_KEY.iter().all(|(path, _)| *path != route)
}

/// Does a POST with a key once, and answers it in the same way every time.
pub async fn once(
    State(app): State<Arc<App>>,
    route: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let takes_key = request.method() == Method::POST && takes_key(route.as_str());
    match read_key(request.headers()) {
        Ok(Some(key)) if takes_key => {
            repeatable(&app, &key, route.as_str(), request, next).await.into_response()
        }
        Err(error) if takes_key => Problem::from(error).into_response(),
        Ok(_) | Err(_) => next.run(request).await,
    }
}

async fn repeatable(
    app: &App,
    key: &IdempotencyKey,
    route: &str,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let body = json::collect(body, app.config.body_limit).await?;
    let context = parts.extensions.get::<Arc<Context>>().cloned();
    let context = context.ok_or_else(|| Error::internal("a request without a context"))?;
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let asked = [target.as_bytes(), &body];
    let once = match idempotency::begin(app, &context, key, route, &asked).await? {
        Begun::Answered(answer) => return Ok(replay(&answer)?),
        Begun::Now(once) => once,
    };
    let context = Context { once: Some(Arc::clone(&once)), ..(*context).clone() };
    parts.extensions.insert(Arc::new(context));
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if response.status().is_success() {
        return Ok(response);
    }
    // Another instance may have been faster.
    match idempotency::answered_meanwhile(app, &once).await? {
        Some(answer) => Ok(replay(&answer)?),
        None => Ok(response),
    }
}

/// What an operation answers. Every POST says by this what it comes to and how that
/// looks, before it is done: the answer is kept together with the change.
pub async fn answer<T: 'static>(
    cx: &Context,
    view: impl Fn(&T) -> Response + Clone + Send + Sync + 'static,
    outcome: impl Future<Output = Result<T>>,
) -> Result<Response, Problem> {
    let kept = view.clone();
    cx.answer_with(move |outcome| write(kept(outcome)));
    Ok(view(&outcome.await?))
}

fn read_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let malformed = |why: &str| Error::Malformed(format!("The Idempotency-Key {why}."));
    if values.next().is_some() {
        return Err(malformed("must be given once"));
    }
    let key = IdempotencyKey::parse(value.to_str().unwrap_or_default());
    key.map(Some).map_err(|reason| malformed(&reason.message))
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

fn write(response: Response) -> Option<Vec<u8>> {
    let (parts, body) = response.into_parts();
    // What a view makes is there already.
    let body: Bytes = body.collect().now_or_never()?.ok()?.to_bytes();
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.to_string(), value.to_str().ok()?.to_owned()))
    };
    let kept = Kept {
        status: parts.status.as_u16(),
        headers: parts.headers.iter().map(header).collect::<Option<_>>()?,
        body: String::from_utf8(body.to_vec()).ok()?,
    };
    serde_json::to_vec(&kept).ok()
}

fn replay(answer: &[u8]) -> Result<Response> {
    let kept: Kept = serde_json::from_slice(answer).map_err(Error::internal)?;
    let mut response = Response::new(Body::from(kept.body));
    *response.status_mut() = StatusCode::from_u16(kept.status).map_err(Error::internal)?;
    for (name, value) in &kept.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(Error::internal)?;
        let value = HeaderValue::from_str(value).map_err(Error::internal)?;
        response.headers_mut().append(name, value);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}
