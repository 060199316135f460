//! Who may do what: one table of every operation and every sort of caller.

use http::Method;
use rollcall::domain::role::Permission;
use serde_json::{Value, json};

use crate::support::authenticator::{Authenticator, Protected};
use crate::support::client::Client;
use crate::support::{BOOTSTRAP_TOKEN, PASSWORD, TestApp};

/// The columns of [`TABLE`]. A new sort of caller is a new column.
pub(crate) const CALLERS: [&str; 10] = [
    "nobody",
    "garbage",
    "half-authenticated",
    "operator",
    "user",
    "other user",
    "lower admin",
    "admin",
    "API key with the permission",
    "API key without",
];

/// An operation, what it is asked for, and the status that each of [`CALLERS`]
/// gets. An operation has a row for each target that makes a difference.
pub(crate) type Row = (&'static str, Target, fn(&World) -> Value, [u16; CALLERS.len()]);

// `user` is the one whom the target `Own` names, and has an authenticator app that
// was never confirmed; `other user` is another one, and has one that was.
// `half-authenticated` is the other user before the second factor. `lower admin` may read
// and write users, and do nothing else. `key` is an API key that may do everything
// which has a permission of its own, `none` one that may do nothing here.
#[rustfmt::skip]
pub(crate) const TABLE: &[Row] = &[
    //                                                                                             nobody    half  user   lower    key
    //                                                                                               garbage  operator other  admin     none
    ("POST /api/v1/bootstrap",                       Target::None,             somebody,       [401, 401, 401, 409, 401, 401, 401, 401, 401, 401]),
    ("POST /api/v1/sessions",                        Target::None,             credentials,    [201, 201, 201, 201, 201, 201, 201, 201, 201, 201]),
    ("GET /api/v1/sessions",                         Target::None,             nothing,        [401, 401, 401, 401, 200, 200, 200, 200, 403, 403]),
    ("DELETE /api/v1/sessions",                      Target::None,             nothing,        [401, 401, 401, 401, 204, 204, 204, 204, 403, 403]),
    ("POST /api/v1/sessions/refresh",                Target::None,             refresh,        [200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
    ("POST /api/v1/sessions/second-factor",          Target::None,             second_factor,  [201, 201, 201, 201, 201, 201, 201, 201, 201, 201]),
    ("POST /api/v1/sessions/current/reauthenticate", Target::None,             password,       [401, 401, 401, 401, 200, 422, 200, 200, 403, 403]),
    ("DELETE /api/v1/sessions/current",              Target::None,             nothing,        [401, 401, 401, 401, 204, 204, 204, 204, 403, 403]),
    ("DELETE /api/v1/sessions/{id}",                 Target::OwnSession,       nothing,        [401, 401, 401, 401, 204, 404, 404, 404, 403, 403]),
    ("DELETE /api/v1/sessions/{id}",                 Target::Unknown,          nothing,        [401, 401, 401, 401, 404, 404, 404, 404, 403, 403]),
    ("GET /api/v1/me",                               Target::None,             nothing,        [401, 401, 401, 401, 200, 200, 200, 200, 403, 403]),
    ("PATCH /api/v1/me",                             Target::None,             name,           [401, 401, 401, 401, 200, 200, 200, 200, 403, 403]),
    ("DELETE /api/v1/me",                            Target::None,             nothing,        [401, 401, 401, 401, 204, 204, 204, 409, 403, 403]),
    ("PUT /api/v1/me/password",                      Target::None,             new_password,   [401, 401, 401, 401, 204, 204, 204, 204, 403, 403]),
    ("GET /api/v1/me/export",                        Target::None,             nothing,        [401, 401, 401, 401, 200, 200, 200, 200, 403, 403]),
    ("GET /api/v1/me/factors",                       Target::None,             nothing,        [401, 401, 401, 401, 200, 200, 200, 200, 403, 403]),
    ("POST /api/v1/me/factors/totp",                 Target::None,             nothing,        [401, 401, 401, 401, 201, 409, 201, 201, 403, 403]),
    ("DELETE /api/v1/me/factors/totp",               Target::None,             other_code,     [401, 401, 401, 401, 404, 204, 404, 404, 403, 403]),
    ("POST /api/v1/me/factors/totp/confirm",         Target::None,             own_code,       [401, 401, 401, 401, 200, 409, 404, 404, 403, 403]),
    ("POST /api/v1/me/factors/recovery-codes",       Target::None,             other_code,     [401, 401, 401, 401, 404, 200, 404, 404, 403, 403]),
    ("GET /api/v1/users",                            Target::None,             nothing,        [401, 401, 401, 401, 403, 403, 200, 200, 200, 403]),
    ("GET /api/v1/users/export",                     Target::None,             nothing,        [401, 401, 401, 401, 403, 403, 200, 200, 200, 403]),
    ("POST /api/v1/users",                           Target::None,             somebody,       [401, 401, 401, 401, 403, 403, 201, 201, 201, 403]),
    ("POST /api/v1/users",                           Target::None,             new_admin,      [401, 401, 401, 401, 403, 403, 403, 201, 403, 403]),
    ("GET /api/v1/users/{id}",                       Target::Own,              nothing,        [401, 401, 401, 401, 403, 403, 200, 200, 200, 403]),
    ("GET /api/v1/users/{id}",                       Target::Admin,            nothing,        [401, 401, 401, 401, 403, 403, 200, 200, 200, 403]),
    ("GET /api/v1/users/{id}",                       Target::Unknown,          nothing,        [401, 401, 401, 401, 403, 403, 404, 404, 404, 403]),
    ("PUT /api/v1/users/{id}",                       Target::Own,              profile,        [401, 401, 401, 401, 403, 403, 200, 200, 200, 403]),
    ("PUT /api/v1/users/{id}",                       Target::Admin,            profile,        [401, 401, 401, 401, 403, 403, 403, 200, 403, 403]),
    ("PUT /api/v1/users/{id}",                       Target::Unknown,          profile,        [401, 401, 401, 401, 403, 403, 404, 404, 404, 403]),
    ("PATCH /api/v1/users/{id}",                     Target::Own,              name,           [401, 401, 401, 401, 403, 403, 200, 200, 200, 403]),
    ("PATCH /api/v1/users/{id}",                     Target::Admin,            name,           [401, 401, 401, 401, 403, 403, 403, 200, 403, 403]),
    ("PATCH /api/v1/users/{id}",                     Target::Unknown,          name,           [401, 401, 401, 401, 403, 403, 404, 404, 404, 403]),
    ("DELETE /api/v1/users/{id}",                    Target::Own,              nothing,        [401, 401, 401, 401, 403, 403, 204, 204, 204, 403]),
    ("DELETE /api/v1/users/{id}",                    Target::Admin,            nothing,        [401, 401, 401, 401, 403, 403, 403, 409, 403, 403]),
    ("DELETE /api/v1/users/{id}",                    Target::Unknown,          nothing,        [401, 401, 401, 401, 403, 403, 404, 404, 404, 403]),
    ("POST /api/v1/users/batch",                     Target::None,             batch,          [401, 401, 401, 401, 403, 403, 200, 200, 200, 403]),
    ("POST /api/v1/users/batch",                     Target::None,             admin_batch,    [401, 401, 401, 401, 403, 403, 403, 200, 403, 403]),
    ("POST /api/v1/users/import",                    Target::None,             person,         [401, 401, 401, 401, 403, 403, 200, 200, 200, 403]),
    ("POST /api/v1/users/{id}/suspend",              Target::Own,              nothing,        [401, 401, 401, 401, 403, 403, 200, 200, 200, 403]),
    ("POST /api/v1/users/{id}/suspend",              Target::Admin,            nothing,        [401, 401, 401, 401, 403, 403, 403, 409, 403, 403]),
    ("POST /api/v1/users/{id}/suspend",              Target::Unknown,          nothing,        [401, 401, 401, 401, 403, 403, 404, 404, 404, 403]),
    ("POST /api/v1/users/{id}/unsuspend",            Target::Own,              nothing,        [401, 401, 401, 401, 403, 403, 200, 200, 200, 403]),
    ("POST /api/v1/users/{id}/unsuspend",            Target::Admin,            nothing,        [401, 401, 401, 401, 403, 403, 403, 200, 403, 403]),
    ("POST /api/v1/users/{id}/unsuspend",            Target::Unknown,          nothing,        [401, 401, 401, 401, 403, 403, 404, 404, 404, 403]),
    ("PUT /api/v1/users/{id}/roles",                 Target::Own,              support,        [401, 401, 401, 401, 403, 403, 403, 200, 200, 403]),
    ("PUT /api/v1/users/{id}/roles",                 Target::Admin,            support,        [401, 401, 401, 401, 403, 403, 403, 409, 403, 403]),
    ("PUT /api/v1/users/{id}/roles",                 Target::Unknown,          support,        [401, 401, 401, 401, 403, 403, 403, 404, 404, 403]),
    ("PUT /api/v1/users/{id}/roles",                 Target::Own,              admin_role,     [401, 401, 401, 401, 403, 403, 403, 200, 403, 403]),
    ("PUT /api/v1/users/{id}/roles",                 Target::Admin,            admin_role,     [401, 401, 401, 401, 403, 403, 403, 200, 403, 403]),
    ("GET /api/v1/users/{id}/sessions",              Target::Own,              nothing,        [401, 401, 401, 401, 403, 403, 403, 200, 200, 403]),
    ("GET /api/v1/users/{id}/sessions",              Target::Admin,            nothing,        [401, 401, 401, 401, 403, 403, 403, 200, 403, 403]),
    ("GET /api/v1/users/{id}/sessions",              Target::Unknown,          nothing,        [401, 401, 401, 401, 403, 403, 403, 404, 404, 403]),
    ("DELETE /api/v1/users/{id}/sessions",           Target::Own,              nothing,        [401, 401, 401, 401, 403, 403, 403, 204, 204, 403]),
    ("DELETE /api/v1/users/{id}/sessions",           Target::Admin,            nothing,        [401, 401, 401, 401, 403, 403, 403, 204, 403, 403]),
    ("DELETE /api/v1/users/{id}/sessions",           Target::Unknown,          nothing,        [401, 401, 401, 401, 403, 403, 403, 404, 404, 403]),
    ("DELETE /api/v1/users/{id}/factors",            Target::Own,              nothing,        [401, 401, 401, 401, 403, 403, 204, 204, 204, 403]),
    ("DELETE /api/v1/users/{id}/factors",            Target::Admin,            nothing,        [401, 401, 401, 401, 403, 403, 403, 403, 403, 403]),
    ("DELETE /api/v1/users/{id}/factors",            Target::Unknown,          nothing,        [401, 401, 401, 401, 403, 403, 404, 404, 404, 403]),
    ("GET /api/v1/roles",                            Target::None,             nothing,        [401, 401, 401, 401, 403, 403, 403, 200, 200, 403]),
    ("POST /api/v1/roles",                           Target::None,             role,           [401, 401, 401, 401, 403, 403, 403, 201, 201, 403]),
    ("GET /api/v1/roles/{name}",                     Target::Role("admin"),    nothing,        [401, 401, 401, 401, 403, 403, 403, 200, 200, 403]),
    ("GET /api/v1/roles/{name}",                     Target::Role("nobody"),   nothing,        [401, 401, 401, 401, 403, 403, 403, 404, 404, 403]),
    ("PUT /api/v1/roles/{name}",                     Target::Role("support"),  permissions,    [401, 401, 401, 401, 403, 403, 403, 200, 200, 403]),
    ("PUT /api/v1/roles/{name}",                     Target::Role("admin"),    permissions,    [401, 401, 401, 401, 403, 403, 403, 409, 403, 403]),
    ("PUT /api/v1/roles/{name}",                     Target::Role("nobody"),   permissions,    [401, 401, 401, 401, 403, 403, 403, 404, 404, 403]),
    ("DELETE /api/v1/roles/{name}",                  Target::Role("unused"),   nothing,        [401, 401, 401, 401, 403, 403, 403, 204, 204, 403]),
    ("DELETE /api/v1/roles/{name}",                  Target::Role("support"),  nothing,        [401, 401, 401, 401, 403, 403, 403, 409, 409, 403]),
    ("DELETE /api/v1/roles/{name}",                  Target::Role("user"),     nothing,        [401, 401, 401, 401, 403, 403, 403, 409, 409, 403]),
    ("DELETE /api/v1/roles/{name}",                  Target::Role("admin"),    nothing,        [401, 401, 401, 401, 403, 403, 403, 409, 403, 403]),
    ("DELETE /api/v1/roles/{name}",                  Target::Role("nobody"),   nothing,        [401, 401, 401, 401, 403, 403, 403, 404, 404, 403]),
    ("GET /api/v1/permissions",                      Target::None,             nothing,        [401, 401, 401, 401, 200, 200, 200, 200, 200, 200]),
    ("GET /api/v1/api-keys",                         Target::None,             nothing,        [401, 401, 401, 401, 403, 403, 403, 200, 200, 403]),
    ("POST /api/v1/api-keys",                        Target::None,             api_key,        [401, 401, 401, 401, 403, 403, 403, 201, 201, 403]),
    ("GET /api/v1/api-keys/{id}",                    Target::ApiKey,           nothing,        [401, 401, 401, 401, 403, 403, 403, 200, 200, 403]),
    ("GET /api/v1/api-keys/{id}",                    Target::Unknown,          nothing,        [401, 401, 401, 401, 403, 403, 403, 404, 404, 403]),
    ("DELETE /api/v1/api-keys/{id}",                 Target::ApiKey,           nothing,        [401, 401, 401, 401, 403, 403, 403, 204, 204, 403]),
    ("DELETE /api/v1/api-keys/{id}",                 Target::StrongApiKey,     nothing,        [401, 401, 401, 401, 403, 403, 403, 204, 403, 403]),
    ("DELETE /api/v1/api-keys/{id}",                 Target::Unknown,          nothing,        [401, 401, 401, 401, 403, 403, 403, 404, 404, 403]),
    ("POST /api/v1/magic-links",                      Target::None,             address,        [202, 202, 202, 202, 202, 202, 202, 202, 202, 202]),
    ("POST /api/v1/magic-links/confirm",              Target::None,             bad_link,       [422, 422, 422, 422, 422, 422, 422, 422, 422, 422]),
    ("POST /api/v1/email-codes",                      Target::None,             address,        [202, 202, 202, 202, 202, 202, 202, 202, 202, 202]),
    ("POST /api/v1/email-codes/confirm",              Target::None,             bad_code,       [422, 422, 422, 422, 422, 422, 422, 422, 422, 422]),
    ("POST /api/v1/registrations",                    Target::None,             somebody,       [202, 202, 202, 202, 202, 202, 202, 202, 202, 202]),
    ("POST /api/v1/email-verifications",              Target::None,             address,        [202, 202, 202, 202, 202, 202, 202, 202, 202, 202]),
    ("POST /api/v1/email-verifications/confirm",      Target::None,             bad_token,      [422, 422, 422, 422, 422, 422, 422, 422, 422, 422]),
    ("POST /api/v1/password-resets",                  Target::None,             address,        [202, 202, 202, 202, 202, 202, 202, 202, 202, 202]),
    ("POST /api/v1/password-resets/confirm",          Target::None,             bad_reset,      [422, 422, 422, 422, 422, 422, 422, 422, 422, 422]),
    ("GET /api/v1/invitations",                       Target::None,             nothing,        [401, 401, 401, 401, 403, 403, 403, 200, 200, 403]),
    ("POST /api/v1/invitations",                      Target::None,             invited,        [401, 401, 401, 401, 403, 403, 403, 201, 403, 403]),
    ("DELETE /api/v1/invitations/{id}",               Target::Unknown,          nothing,        [401, 401, 401, 401, 403, 403, 403, 404, 404, 403]),
    ("POST /api/v1/me/email-change",                  Target::None,             new_email,      [401, 401, 401, 401, 202, 202, 202, 202, 403, 403]),
    ("POST /api/v1/me/email-change/confirm",          Target::None,             bad_token,      [422, 422, 422, 422, 422, 422, 422, 422, 422, 422]),
    ("POST /internal/jobs/run",                       Target::None,             nothing,        [401, 401, 401, 401, 403, 403, 403, 200, 200, 403]),
    ("GET /dev/mailbox",                              Target::None,             nothing,        [404, 404, 404, 404, 404, 404, 404, 404, 404, 404]),
    ("GET /api/v1/signing-keys",                     Target::None,             nothing,        [401, 401, 401, 401, 403, 403, 403, 200, 200, 403]),
    ("POST /api/v1/signing-keys/rotate",             Target::None,             nothing,        [401, 401, 401, 401, 403, 403, 403, 200, 200, 403]),
    ("GET /api/v1/audit-events",                     Target::None,              nothing,        [401, 401, 401, 401, 403, 403, 403, 200, 200, 403]),
    ("GET /api/v1/audit-events/verify",              Target::None,              nothing,        [401, 401, 401, 401, 403, 403, 403, 200, 200, 403]),
    ("GET /.well-known/jwks.json",                   Target::None,             nothing,        [200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
    ("GET /health",                                  Target::None,             nothing,        [200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
    ("GET /livez",                                   Target::None,             nothing,        [200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
    ("GET /readyz",                                  Target::None,             nothing,        [200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
    ("GET /openapi.json",                            Target::None,             nothing,        [200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
];

/// What stands in the place of `{…}` in the path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// The path has no place for it.
    None,
    /// `user`.
    Own,
    /// `admin`.
    Admin,
    /// The session of `user`.
    OwnSession,
    /// A role.
    Role(&'static str),
    /// An API key that may read users.
    ApiKey,
    /// An API key with a permission that nobody else holds.
    StrongApiKey,
    /// The id of nothing.
    Unknown,
}

/// Somebody of every sort.
pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) callers: [Client; CALLERS.len()],
    unconfirmed: Authenticator,
    other: Protected,
    weak_key: Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        let app = TestApp::new().await;
        let (nobody, admin) = (app.anon(), app.admin().await);
        let user = app.user("user").await;
        let unconfirmed = app.enroll(&user).await;
        let other = app.protect(app.user("other").await).await;
        let half = nobody.showing(app.half_sign_in(&other.client.email).await);
        let lower = app.user("lower").await;
        app.role("support", &["users:read", "users:write"]).await;
        app.role("unused", &["users:read"]).await;
        let roles = json!({"roles": ["support", "user"]});
        let path = format!("/api/v1/users/{}/roles", lower.id);
        admin.with("if-match", "*").put(path, roles).await.assert_status(200);
        let all: Vec<_> = Permission::CHECKED.iter().map(|(name, _)| name.as_str()).collect();
        let (key, none) = (app.api_key(&all).await, app.api_key(&["other:thing"]).await);
        let weak_key = app.api_key(&["users:read"]).await;
        let (garbage, operator) = (nobody.showing("garbage"), nobody.showing(BOOTSTRAP_TOKEN));
        let callers =
            [nobody, garbage, half, operator, user, other.client.clone(), lower, admin, key, none];
        Self { app, callers, weak_key, unconfirmed, other }
    }

    fn caller(&self, name: &str) -> &Client {
        let column = CALLERS.iter().position(|caller| *caller == name).unwrap();
        &self.callers[column]
    }

    /// A path with the target in its place.
    pub(crate) fn path(&self, template: &str, target: Target) -> String {
        let Some((before, placeholder)) = template.split_once('{') else {
            return template.to_owned();
        };
        let after = placeholder.split_once('}').unwrap().1;
        let id = match target {
            Target::None => panic!("{template} needs a target"),
            Target::Own => &self.caller("user").id,
            Target::Admin => &self.caller("admin").id,
            Target::OwnSession => &self.caller("user").session,
            Target::Role(name) => name,
            Target::ApiKey => &self.weak_key.id,
            Target::StrongApiKey => &self.caller("API key without").id,
            Target::Unknown => "019b76da-a800-7000-8000-000000000000",
        };
        format!("{before}{id}{after}")
    }
}

fn nothing(_: &World) -> Value {
    Value::Null
}

fn somebody(_: &World) -> Value {
    json!({"email": "new@example.com", "name": "New", "password": PASSWORD})
}

fn person(_: &World) -> Value {
    json!({"external_id": "crm-1", "email": "new@example.com", "name": "New"})
}

fn batch(world: &World) -> Value {
    let create = json!({"op": "create", "user": person(world)});
    let suspend = json!({"op": "suspend", "id": world.caller("user").id});
    json!({"mode": "all", "operations": [create, suspend]})
}

fn admin_batch(world: &World) -> Value {
    json!({"mode": "all", "operations": [{"op": "create", "user": new_admin(world)}]})
}

fn new_admin(_: &World) -> Value {
    json!({"email": "new@example.com", "name": "New", "roles": ["admin"]})
}

fn support(_: &World) -> Value {
    json!({"roles": ["support"]})
}

fn admin_role(_: &World) -> Value {
    json!({"roles": ["admin"]})
}

fn role(_: &World) -> Value {
    json!({"name": "new", "permissions": ["users:read"]})
}

fn permissions(_: &World) -> Value {
    json!({"permissions": ["users:write"]})
}

fn api_key(_: &World) -> Value {
    json!({"name": "New", "permissions": ["users:read"]})
}

fn profile(_: &World) -> Value {
    json!({"email": "changed@example.com", "name": "Changed"})
}

fn name(_: &World) -> Value {
    json!({"name": "Changed"})
}

fn credentials(world: &World) -> Value {
    json!({"email": world.caller("user").email, "password": PASSWORD})
}

fn address(world: &World) -> Value {
    json!({"email": world.caller("user").email})
}

fn new_email(_: &World) -> Value {
    json!({"new_email": "new@example.com", "current_password": PASSWORD})
}

fn invited(_: &World) -> Value {
    json!({"email": "new@example.com"})
}

/// Well-formed, and nobody's.
const TOKEN: &str = "rco_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABQN7qN";

fn bad_token(_: &World) -> Value {
    json!({"token": TOKEN})
}

fn bad_link(_: &World) -> Value {
    json!({"token": TOKEN, "request": TOKEN})
}

fn bad_code(_: &World) -> Value {
    json!({"request": TOKEN, "code": "12345678"})
}

fn bad_reset(_: &World) -> Value {
    json!({"token": TOKEN, "new_password": PASSWORD})
}

fn refresh(world: &World) -> Value {
    json!({"refresh_token": world.caller("user").refresh_token})
}

fn new_password(_: &World) -> Value {
    json!({"current_password": PASSWORD, "new_password": "wrong pony battery staple"})
}

fn password(_: &World) -> Value {
    json!({"password": PASSWORD})
}

fn own_code(world: &World) -> Value {
    json!({"code": world.unconfirmed.code()})
}

fn other_code(world: &World) -> Value {
    json!({"code": world.other.authenticator.code_at(1)})
}

fn second_factor(world: &World) -> Value {
    let token = &world.caller("half-authenticated").access_token;
    json!({"token": token, "code": world.other.authenticator.code_at(1)})
}

/// An import is the one operation that takes lines.
fn media_type(operation: &str) -> &'static str {
    match operation {
        "POST /api/v1/users/import" => "application/x-ndjson",
        _ => "application/json",
    }
}

#[tokio::test]
async fn every_caller_may_do_what_the_table_says_and_nothing_else() {
    let mut wrong = Vec::new();
    let mut world = World::new().await;
    for (operation, target, body, expected) in TABLE {
        let (method, template) = operation.split_once(' ').unwrap();
        for (column, expected) in expected.iter().enumerate() {
            let before = world.app.contents();
            let path = world.path(template, *target);
            let client = world.callers[column].with("if-match", "*");
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = match body(&world) {
                Value::Null => client.send(method, path, "", "").await,
                body => client.send(method, path, media_type(operation), body.to_string()).await,
            };
            let case = format!("{operation} on {target:?} by {}", CALLERS[column]);
            if answer.status.as_u16() != *expected {
                wrong.push(format!("{case}: expected {expected}, got {answer}"));
            }
            let changed = world.app.contents() != before;
            if changed && !answer.status.is_success() {
                wrong.push(format!("{case}: refused, and yet something changed"));
            }
            if changed {
                world = World::new().await;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn whoever_is_not_known_is_told_so_before_the_request_is_judged() {
    let world = World::new().await;
    for (operation, target, _, expected) in TABLE.iter().filter(|row| row.3[1] == 401) {
        let (method, template) = operation.split_once(' ').unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        for caller in ["nobody", "garbage", "half-authenticated"] {
            let path = world.path(template, *target);
            let client = world.caller(caller).with("if-match", "no tag");
            let answer = client.send(method.clone(), path, "application/json", "{").await;
            assert_eq!(answer.status, expected[0], "{operation} by {caller}: {answer}");
        }
    }
}
