//! What is measured. A new row is a new entry here; what it asks for is made in
//! [`crate::fixture`].

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;

use crate::fixture::Fixture;
use crate::load::Over;
use crate::target::Kind;

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

/// Everything that is measured, beside hello world on a host with the same flags.
pub(crate) const ROWS: &[Row] = &[
    read("hello world", Kind::Hello, hello),
    ONE_ROW_UPDATE,
    read("one-row read", Kind::Update, |fixture| fixture.get("/read")),
    read("GET /livez", Kind::Rollcall, |fixture| fixture.get("/livez")),
    read("GET /api/v1/me", Kind::Rollcall, me),
    read("GET /api/v1/me, many tokens", Kind::Rollcall, Fixture::me_of_many),
    READ_USER,
    read("GET /api/v1/users, 20 of them", Kind::Rollcall, list),
    write("POST /api/v1/users", Kind::Rollcall, StatusCode::CREATED, Fixture::create_user),
    write("PATCH /api/v1/users/{id}", Kind::Rollcall, StatusCode::OK, Fixture::patch_user),
    refresh("refresh", Kind::Rollcall),
    SIGN_IN,
    over(Over::Http2, "GET /api/v1/users/{id}, HTTP/2", get_user),
    over(Over::Http2, "GetUser, gRPC", Fixture::get_user),
    over(Over::OneHttp2, "GET /api/v1/users/{id}, one HTTP/2 connection", get_user),
    over(Over::OneHttp2, "GetUser, one gRPC connection", Fixture::get_user),
    read("GET /api/v1/me, cache kv", Kind::KeyValue, me),
    read("GET /api/v1/users/{id}, cache kv", Kind::KeyValue, get_user),
    read("GET /api/v1/me, cache kv+instance", Kind::Instance, me),
    read("GET /api/v1/users/{id}, cache kv+instance", Kind::Instance, get_user),
    read("GET /api/v1/me, Postgres", Kind::Postgres, me),
    read("GET /api/v1/users/{id}, Postgres", Kind::Postgres, get_user),
    read("GET /api/v1/users, 20 of them, Postgres", Kind::Postgres, list),
    write(
        "POST /api/v1/users, Postgres",
        Kind::Postgres,
        StatusCode::CREATED,
        Fixture::create_user,
    ),
    refresh("refresh, Postgres", Kind::Postgres),
    read("GET /api/v1/me, Postgres, cache kv", Kind::PostgresKeyValue, me),
    read("GET /api/v1/users/{id}, Postgres, cache kv", Kind::PostgresKeyValue, get_user),
    read("GET /api/v1/me, Postgres, cache kv+instance", Kind::PostgresInstance, me),
    read("GET /api/v1/users/{id}, Postgres, cache kv+instance", Kind::PostgresInstance, get_user),
    read("hello world, kept", Kind::HelloKept, hello),
    read("GET /api/v1/me, kept", Kind::Kept, me),
    read("GET /api/v1/users/{id}, kept", Kind::Kept, get_user),
    read("GET /api/v1/users, 20 of them, kept", Kind::Kept, list),
    refresh("refresh, kept", Kind::Kept),
    read("GET /api/v1/me, cache kv+instance, kept", Kind::InstanceKept, me),
    read("GET /api/v1/users/{id}, cache kv+instance, kept", Kind::InstanceKept, get_user),
    read("native peer, one user", Kind::Peer, get_user),
    read("native peer, 20 users", Kind::Peer, list),
    write("native peer, one user more", Kind::Peer, StatusCode::CREATED, Fixture::create_user),
];

/// A read of one user.
pub(crate) const READ_USER: Row = read("GET /api/v1/users/{id}", Kind::Rollcall, get_user);

/// A sign-in by password.
pub(crate) const SIGN_IN: Row =
    write("sign-in", Kind::Rollcall, StatusCode::CREATED, Fixture::sign_in);

/// What writes are compared with.
pub(crate) const ONE_ROW_UPDATE: Row =
    write("one-row update", Kind::Update, StatusCode::NO_CONTENT, |fixture| {
        fixture.post("/update", &serde_json::Value::Null)
    });

/// A hash, and nothing else.
pub(crate) const HASH: Row =
    write("hash", Kind::Hash, StatusCode::NO_CONTENT, |fixture| fixture.get("/"));

fn hello(fixture: &Fixture) -> Request<Full<Bytes>> {
    fixture.get("/hello")
}

fn me(fixture: &Fixture) -> Request<Full<Bytes>> {
    fixture.get("/api/v1/me")
}

fn list(fixture: &Fixture) -> Request<Full<Bytes>> {
    fixture.get("/api/v1/users")
}

const fn refresh(name: &'static str, kind: Kind) -> Row {
    let row = write(name, kind, StatusCode::OK, Fixture::refresh);
    Row { keep: Fixture::keep_refresh_token, ..row }
}

const fn write(
    name: &'static str,
    kind: Kind,
    status: StatusCode,
    request: fn(&Fixture) -> Request<Full<Bytes>>,
) -> Row {
    Row { status, ..read(name, kind, request) }
}

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
