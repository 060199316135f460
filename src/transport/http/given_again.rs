//! Answers that the instance gives again: what it remembers for a second, as it was
//! written. Nothing is asked, decided or written anew for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::MatchedPath;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};

use super::{headers, preconditions};
use crate::app::App;
use crate::cache::Fresh;
use crate::domain::time::Timestamp;
use crate::service::Context;
use crate::service::credentials::Credentials;

/// How many answers are kept, and how long the longest of them is, in bytes.
const ANSWERS: usize = 100;
const LONGEST: usize = 8 << 10;

/// The answers of an instance.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<HashMap<Asked, Given>>>);

/// What an answer hangs on: who asks, by the SHA-256 of their token, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Asked {
    token: [u8; 32],
    path: String,
}

impl Asked {
    /// What a request asks for that only reads, by whoever may be remembered.
    pub fn of(app: &App, context: &Context, request: &Request<Body>) -> Option<Self> {
        let Credentials::AccessToken(token) = &context.credentials else { return None };
        let (uri, is_get) = (request.uri(), request.method() == Method::GET);
        // What is remembered is asked for without a query.
        let is_remembered = app.cache.is_near()
            && is_get
            && uri.query().is_none()
            && headers::accepts(request.headers(), "application/json");
        is_remembered.then(|| Self { token: *token.hash(), path: uri.path().to_owned() })
    }
}

/// An answer, before what is added to every response.
struct Given {
    fresh: Fresh,
    route: Option<MatchedPath>,
    headers: HeaderMap,
    body: Bytes,
}

impl Answers {
    /// The answer that was given and is still good.
    pub fn find(&self, app: &App, asked: &Asked, now: Timestamp) -> Option<Response<Body>> {
        let answers = self.lock();
        let given = answers.get(asked).filter(|given| app.cache.is_fresh(given.fresh, now))?;
        let mut response = Response::new(Body::from(given.body.clone()));
        response.headers_mut().clone_from(&given.headers);
        response.extensions_mut().insert(given.route.clone()?);
        Some(response)
    }

    /// The response, which is kept if it may be given again.
    pub fn keep(
        &self,
        app: &App,
        context: &Context,
        asked: Asked,
        response: Response<Body>,
    ) -> Response<Body> {
        let (Some(fresh), StatusCode::OK) = (context.good_until.get(), response.status()) else {
            return response;
        };
        let (parts, body) = match preconditions::whole(response) {
            Ok(whole) => whole,
            Err(response) => return *response,
        };
        let now = app.clock.now();
        let mut answers = self.lock();
        // Nobody's data stays for longer than it is good for because nobody asks again.
        answers.retain(|_, given| app.cache.is_fresh(given.fresh, now));
        if app.cache.is_fresh(fresh, now) && body.len() <= LONGEST && answers.len() < ANSWERS {
            let route = parts.extensions.get::<MatchedPath>().cloned();
            let (headers, body) = (parts.headers.clone(), Bytes::copy_from_slice(&body));
            answers.insert(asked, Given { fresh, route, headers, body });
        }
        drop(answers);
        Response::from_parts(parts, Body::from(body))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Asked, Given>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
