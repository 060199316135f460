//! What is measured. A new row is a new entry here; what it asks for is made in
//! [`crate::target`].

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;

use crate::target::{Fixture, Kind};

/// One thing that is measured.
pub(crate) struct Row {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// What answers it.
    pub(crate) kind: Kind,
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
    read("GET /api/v1/users/{id}", Kind::Rollcall, |fixture| {
        fixture.get(&format!("/api/v1/users/{}", fixture.user()))
    }),
    read("GET /api/v1/users, 20 of them", Kind::Rollcall, |fixture| fixture.get("/api/v1/users")),
    Row {
        name: "refresh",
        kind: Kind::Rollcall,
        request: Fixture::refresh,
        status: StatusCode::OK,
        keep: Fixture::keep_refresh_token,
    },
    Row {
        name: "sign-in",
        kind: Kind::Rollcall,
        request: Fixture::sign_in,
        status: StatusCode::CREATED,
        keep: |_, _| {},
    },
];

const fn read(
    name: &'static str,
    kind: Kind,
    request: fn(&Fixture) -> Request<Full<Bytes>>,
) -> Row {
    Row { name, kind, request, status: StatusCode::OK, keep: |_, _| {} }
}
