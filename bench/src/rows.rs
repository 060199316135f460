//! What is measured. A new row is a new entry here; what it asks for is made in
//! [`crate::target`].

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;

use crate::load::Over;
use crate::target::{Fixture, Kind};

/// One thing that is measured.
pub(crate) struct Row {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// What answers it.
    pub(crate) kind: Kind,
    /// What its requests go over.
    pub(crate) over: Over,
    /// Its next request.
    pub(crate) request: fn(&Fixture) -> Request<Full<Bytes>>,
    /// The status that every answer must have.
    pub(crate) status: StatusCode,
    /// What later requests need of its answers.
    pub(crate) keep: fn(&Fixture, &Bytes),
}

/// Everything that is measured, hello world first: the others are compared with it.
pub(crate) const ROWS: &[Row] = &[
    read("hello world", Kind::Hello, |fixture| fixture.get("/hello")),
    read("GET /livez", Kind::Rollcall, |fixture| fixture.get("/livez")),
    read("GET /api/v1/me", Kind::Rollcall, |fixture| fixture.get("/api/v1/me")),
    read("GET /api/v1/users/{id}", Kind::Rollcall, get_user),
    read("GET /api/v1/users, 20 of them", Kind::Rollcall, |fixture| fixture.get("/api/v1/users")),
    Row {
        name: "refresh",
        kind: Kind::Rollcall,
        over: Over::Http1,
        request: Fixture::refresh,
        status: StatusCode::OK,
        keep: Fixture::keep_refresh_token,
    },
    Row {
        name: "sign-in",
        kind: Kind::Rollcall,
        over: Over::Http1,
        request: Fixture::sign_in,
        status: StatusCode::CREATED,
        keep: |_, _| {},
    },
    over(Over::Http2, "GET /api/v1/users/{id} by HTTP/2", get_user),
    over(Over::Http2, "GetUser by gRPC", Fixture::get_user),
    over(Over::OneHttp2, "GET /api/v1/users/{id} by one HTTP/2 connection", get_user),
    over(Over::OneHttp2, "GetUser by one gRPC connection", Fixture::get_user),
];

fn get_user(fixture: &Fixture) -> Request<Full<Bytes>> {
    fixture.get(&format!("/api/v1/users/{}", fixture.user()))
}

const fn over(
    over: Over,
    name: &'static str,
    request: fn(&Fixture) -> Request<Full<Bytes>>,
) -> Row {
    Row { over, ..read(name, Kind::Rollcall, request) }
}

const fn read(
    name: &'static str,
    kind: Kind,
    request: fn(&Fixture) -> Request<Full<Bytes>>,
) -> Row {
    let (over, status) = (Over::Http1, StatusCode::OK);
    Row { name, kind, over, request, status, keep: |_, _| {} }
}
