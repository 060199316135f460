//! What happens to every call, as a layer around the services.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Request, Response};
use axum::middleware::Next;
use futures_util::future::{Either, select};
use tonic::{Code, Status};

use super::body::{Heard, Limited, in_trailers};
use super::call::Call;
use super::status;
use crate::app::App;
use crate::error::Error;
use crate::transport::context;
use crate::transport::http::{cors, headers, rate_limit};

/// Every method of ours: whether it takes a credential, and whether it streams.
/// A test holds the list to the protos.
pub const METHODS: &[(&str, Takes, Sends)] = &[
    ("/rollcall.v1.UserService/CreateUser", Takes::Credential, Sends::Once),
    ("/rollcall.v1.UserService/GetUser", Takes::Credential, Sends::Once),
    ("/rollcall.v1.UserService/ListUsers", Takes::Credential, Sends::Once),
    ("/rollcall.v1.UserService/UpdateUser", Takes::Credential, Sends::Once),
    ("/rollcall.v1.UserService/DeleteUser", Takes::Credential, Sends::Once),
    ("/rollcall.v1.UserService/SuspendUser", Takes::Credential, Sends::Once),
    ("/rollcall.v1.UserService/UnsuspendUser", Takes::Credential, Sends::Once),
    ("/rollcall.v1.UserService/ReplaceUserRoles", Takes::Credential, Sends::Once),
    ("/rollcall.v1.UserService/ExportUsers", Takes::Credential, Sends::Stream),
    ("/rollcall.v1.UserService/ImportUsers", Takes::Credential, Sends::Stream),
    ("/rollcall.v1.UserService/BatchUsers", Takes::Credential, Sends::Stream),
    ("/rollcall.v1.UserService/WatchUsers", Takes::Credential, Sends::Stream),
    ("/rollcall.v1.SessionService/SignIn", Takes::Nothing, Sends::Once),
    ("/rollcall.v1.SessionService/SignInWithSecondFactor", Takes::Nothing, Sends::Once),
    ("/rollcall.v1.SessionService/RefreshSession", Takes::Nothing, Sends::Once),
    ("/rollcall.v1.SessionService/SignOut", Takes::Credential, Sends::Once),
    ("/rollcall.v1.SessionService/ListSessions", Takes::Credential, Sends::Once),
    ("/rollcall.v1.SessionService/EndSession", Takes::Credential, Sends::Once),
    ("/rollcall.v1.SessionService/EndOtherSessions", Takes::Credential, Sends::Once),
    ("/rollcall.v1.SessionService/ListUserSessions", Takes::Credential, Sends::Once),
    ("/rollcall.v1.SessionService/EndUserSessions", Takes::Credential, Sends::Once),
    ("/rollcall.v1.TokenService/VerifyToken", Takes::Nothing, Sends::Once),
    ("/rollcall.v1.TokenService/IntrospectToken", Takes::Credential, Sends::Once),
    ("/grpc.health.v1.Health/Check", Takes::Nothing, Sends::Once),
    ("/grpc.health.v1.Health/Watch", Takes::Nothing, Sends::Stream),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Takes::Nothing, Sends::Stream),
    (
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        Takes::Nothing,
        Sends::Stream,
    ),
];

/// Whether a method takes a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// It is for everybody.
    Nothing,
    /// It is for those who are known.
    Credential,
}

/// Whether either side of a method sends more than one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    /// One message each.
    Once,
    /// A stream.
    Stream,
}

/// Nothing is done in less, so a call that has no more is over before it begins.
const SHORTEST: Duration = Duration::from_millis(1);
/// Timers beyond this are no limit, and more than some hosts can count.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// One of ours, or `None`.
type Known = Option<&'static (&'static str, Takes, Sends)>;

/// What happens to every call, in this order. One layer for all of it: each costs
/// every call as much as reading its message.
pub async fn around(
    State(app): State<Arc<App>>,
    mut request: Request<Body>,
    next: Next,
) -> Response<Body> {
    let begin = app.now();
    app.store.look_again(begin);

    // The call gets a name. Who calls is read, not believed.
    let cx = context::read(&app, &request, begin);
    let origin = cors::allowed_origin(request.headers(), &app.config.cors_origins);
    let method = METHODS.iter().find(|(path, ..)| *path == request.uri().path());
    let call = Call::new(app, cx, method.map(|(path, ..)| *path), begin);
    request.extensions_mut().insert(call.clone());

    let response = answer(&call, method, request, next).await;
    let mut response = report_in_trailers(response, &call);

    // Who met a limit learns what is left of it, and browsers what they may read.
    rate_limit::add(&mut response, &call.cx.limits.get());
    if let Ok(id) = HeaderValue::from_str(&call.cx.request_id) {
        response.headers_mut().insert(headers::REQUEST_ID, id);
    }
    cors::add(&mut response, &call.app.config.cors_origins, origin, cors::OF_CALLS);

    // Its end gets a line in the log.
    response.map(|body| Body::new(Heard::new(body, call)))
}

/// What can be said before a service is asked, and then its answer.
async fn answer(call: &Call, method: Known, request: Request<Body>, next: Next) -> Response<Body> {
    // More of a head than is read.
    if let Some(problem) = headers::excess(&request) {
        return status::of_problem(Code::ResourceExhausted, problem).into_http();
    }
    let Ok(deadline) = timeout(request.headers()) else {
        let detail = "grpc-timeout must be up to eight digits and a unit: H, M, S, m, u or n.";
        return Status::from(Error::Malformed(detail.to_owned())).into_http();
    };
    // Before anything else is read of those who show no credential that could be good
    // where one is needed. Whether it is good, the service asks.
    let is_public = matches!(method, Some((_, Takes::Nothing, _)) | None);
    if !is_public && !call.cx.credentials.is_plausible() {
        return Status::from(Error::Unauthenticated).into_http();
    }
    if deadline.is_some_and(|deadline| deadline < SHORTEST) {
        return status::deadline_exceeded().into_http();
    }
    let own = match method {
        Some((_, _, Sends::Stream)) => LONGEST,
        Some((_, _, Sends::Once)) | None => call.app.config.request_timeout,
    };
    in_time(call, deadline.map_or(own, |deadline| deadline.min(own)), request, next).await
}

/// Ends the call when the client's deadline comes, or a call of one message takes
/// longer than a request may.
async fn in_time(
    call: &Call,
    limit: Duration,
    request: Request<Body>,
    next: Next,
) -> Response<Body> {
    if limit >= LONGEST {
        return next.run(request).await;
    }
    match select(Box::pin(next.run(request)), call.app.timer.sleep(limit)).await {
        Either::Left((response, time)) => {
            response.map(|body| Body::new(Limited::new(body, time, call.clone())))
        }
        Either::Right(((), _)) => status::deadline_exceeded().into_http(),
    }
}

/// What failed without a body tells so in trailers, in our words.
fn report_in_trailers(mut response: Response<Body>, call: &Call) -> Response<Body> {
    let given = response.extensions_mut().remove::<Status>();
    if let Some(status) = given.or_else(|| Status::from_header_map(response.headers())) {
        let status = status::of_codec(status);
        call.note(&status);
        // What could fail are texts that no header can hold; ours can.
        let _ = status.add_header(response.headers_mut());
    }
    in_trailers(response)
}

/// The answer to a call of a method that there is not.
pub fn unknown_method() -> Response<Body> {
    status::no_such_method().into_http()
}

/// How long the client waits, by `grpc-timeout`.
fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, ()> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let text = value.to_str().map_err(|_| ())?;
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(())?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let number: u32 = digits.parse().ok().filter(|_| is_number).ok_or(())?;
    let unit = match unit {
        "H" => Duration::from_secs(3_600),
        "M" => Duration::from_secs(60),
        "S" => Duration::from_secs(1),
        "m" => Duration::from_millis(1),
        "u" => Duration::from_micros(1),
        "n" => Duration::from_nanos(1),
        _ => return Err(()),
    };
    Ok(Some(unit.saturating_mul(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", HeaderValue::from_static(text));
            timeout(&headers)
        };
        assert_eq!(timeout(&HeaderMap::new()), Ok(None));
        assert_eq!(read("1H"), Ok(Some(Duration::from_secs(3_600))));
        assert_eq!(read("00000250m"), Ok(Some(Duration::from_millis(250))));
        assert_eq!(read("99999999n"), Ok(Some(Duration::from_nanos(99_999_999))));
        for text in ["", "S", "1", "1s", "+1S", "-1S", "1.5S", "123456789S", "1 S"] {
            assert_eq!(read(text), Err(()), "{text}");
        }
    }
}
