//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07) on every POST.

use std::future::Future;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use serde_json::{Value, json};

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
    (
        "/api/v1/users/import",
        "What it has imported already, by `external_id`, it leaves alone the second time.",
    ),
    ("/internal/jobs/run", "It does what is due: the second time, there is nothing left."),
];

/// Whether a POST to this route may have a key.
pub fn takes_key(route: &str) -> bool {
    WITHOUT_KEY.iter().all(|(path, _)| *path != route)
}

/// Why a key is refused. Who calls comes first: the handler says it, once it is known
/// whether it is for everybody.
#[derive(Clone)]
struct Refused {
    why: String,
    /// It would do from somebody who shows a good credential.
    is_for_strangers: bool,
}

/// Refuses a request whose key is none.
pub fn refuse_unfit(request: &Parts) -> Result<()> {
    match request.extensions.get::<Refused>() {
        Some(refused) => Err(Error::Malformed(refused.why.clone())),
        None => Ok(()),
    }
}

/// Whether the key of a request was refused because its sender is nobody.
pub fn is_of_nobody(request: &Parts) -> bool {
    request.extensions.get::<Refused>().is_some_and(|refused| refused.is_for_strangers)
}

/// Does a POST with a key once, and answers it in the same way every time.
pub async fn once(app: &App, route: &str, mut request: Request, next: Next) -> Response {
    let takes_key = takes_key(route);
    match read_key(request.headers()) {
        Ok(Some(key)) if takes_key => {
            repeatable(app, &key, route, request, next).await.into_response()
        }
        Err(why) if takes_key => {
            request.extensions_mut().insert(Refused { why, is_for_strangers: false });
            next.run(request).await
        }
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
        Begun::Guessable(why) => {
            parts.extensions.insert(Refused { why, is_for_strangers: true });
            return Ok(next.run(Request::from_parts(parts, Body::from(body))).await);
        }
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
pub async fn answer<T: 'static, E>(
    cx: &Context,
    view: impl Fn(&T) -> Response + Clone + Send + Sync + 'static,
    outcome: impl Future<Output = Result<T, E>>,
) -> Result<Response, Problem>
where
    Problem: From<E>,
{
    let kept = view.clone();
    cx.answer_with(move |outcome| write(kept(outcome)));
    Ok(view(&outcome.await?))
}

/// The key, if there is one, or why it is none.
fn read_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, String> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let malformed = |why: &str| format!("The Idempotency-Key {why}.");
    if values.next().is_some() {
        return Err(malformed("must be given once"));
    }
    let key = IdempotencyKey::parse(value.to_str().unwrap_or_default());
    key.map(Some).map_err(|reason| malformed(&reason.message))
}

/// Writes an answer as it is kept.
fn write(response: Response) -> Option<Vec<u8>> {
    let (parts, body) = response.into_parts();
    // What a view makes is there already.
    let body: Bytes = body.collect().now_or_never()?.ok()?.to_bytes();
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        Some(json!([name.as_str(), value.to_str().ok()?]))
    };
    let headers: Vec<_> = parts.headers.iter().map(header).collect::<Option<_>>()?;
    let body = std::str::from_utf8(&body).ok()?;
    let kept = json!({"status": parts.status.as_u16(), "headers": headers, "body": body});
    Some(kept.to_string().into_bytes())
}

fn replay(answer: &[u8]) -> Result<Response> {
    let kept: Value = serde_json::from_slice(answer).map_err(Error::internal)?;
    read(&kept).ok_or_else(|| Error::internal("a kept answer is none"))
}

fn read(kept: &Value) -> Option<Response> {
    let mut response = Response::new(Body::from(kept.get("body")?.as_str()?.to_owned()));
    let status = kept.get("status")?.as_u64()?;
    *response.status_mut() = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    for header in kept.get("headers")?.as_array()? {
        let name = HeaderName::from_bytes(header.get(0)?.as_str()?.as_bytes()).ok()?;
        let value = HeaderValue::from_str(header.get(1)?.as_str()?).ok()?;
        response.headers_mut().append(name, value);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Some(response)
}
