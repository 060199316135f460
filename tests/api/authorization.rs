//! Who may do what: one table of every operation and every sort of caller.

use http::Method;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::{BOOTSTRAP_TOKEN, PASSWORD, TestApp};

/// The columns of [`TABLE`]. A new sort of caller is a new column.
const CALLERS: [&str; 7] =
    ["nobody", "garbage", "operator", "user", "other user", "lower admin", "admin"];

/// An operation, what it is asked for, and the status that each of [`CALLERS`]
/// gets. An operation has a row for each target that makes a difference.
type Row = (&'static str, Target, fn(&World) -> Value, [u16; CALLERS.len()]);

// `user` is the one whom the target `Own` names; `other user` is another one.
// `lower admin` may read and write users, and do nothing else.
#[rustfmt::skip]
pub(crate) const TABLE: &[Row] = &[
    //                                                                 nobody  operator  other    admin
    //                                                                   garbage   user     lower
    ("POST /api/v1/bootstrap",          Target::None,    somebody,     [401, 401, 409, 401, 401, 401, 401]),
    ("POST /api/v1/sessions",           Target::None,    credentials,  [201, 201, 201, 201, 201, 201, 201]),
    ("POST /api/v1/sessions/refresh",   Target::None,    refresh,      [200, 200, 200, 200, 200, 200, 200]),
    ("DELETE /api/v1/sessions/current", Target::None,    nothing,      [401, 401, 401, 204, 204, 204, 204]),
    ("GET /api/v1/me",                  Target::None,    nothing,      [401, 401, 401, 200, 200, 200, 200]),
    ("PATCH /api/v1/me",                Target::None,    name,         [401, 401, 401, 200, 200, 200, 200]),
    ("GET /api/v1/users",               Target::None,    nothing,      [401, 401, 401, 403, 403, 200, 200]),
    ("POST /api/v1/users",              Target::None,    somebody,     [401, 401, 401, 403, 403, 201, 201]),
    ("GET /api/v1/users/{id}",          Target::Own,     nothing,      [401, 401, 401, 403, 403, 200, 200]),
    ("GET /api/v1/users/{id}",          Target::Admin,   nothing,      [401, 401, 401, 403, 403, 200, 200]),
    ("GET /api/v1/users/{id}",          Target::Unknown, nothing,      [401, 401, 401, 403, 403, 404, 404]),
    ("PUT /api/v1/users/{id}",          Target::Own,     profile,      [401, 401, 401, 403, 403, 200, 200]),
    ("PUT /api/v1/users/{id}",          Target::Admin,   profile,      [401, 401, 401, 403, 403, 403, 200]),
    ("PUT /api/v1/users/{id}",          Target::Unknown, profile,      [401, 401, 401, 403, 403, 404, 404]),
    ("PATCH /api/v1/users/{id}",        Target::Own,     name,         [401, 401, 401, 403, 403, 200, 200]),
    ("PATCH /api/v1/users/{id}",        Target::Admin,   name,         [401, 401, 401, 403, 403, 403, 200]),
    ("PATCH /api/v1/users/{id}",        Target::Unknown, name,         [401, 401, 401, 403, 403, 404, 404]),
    ("DELETE /api/v1/users/{id}",       Target::Own,     nothing,      [401, 401, 401, 403, 403, 204, 204]),
    ("DELETE /api/v1/users/{id}",       Target::Admin,   nothing,      [401, 401, 401, 403, 403, 403, 409]),
    ("DELETE /api/v1/users/{id}",       Target::Unknown, nothing,      [401, 401, 401, 403, 403, 404, 404]),
    ("GET /.well-known/jwks.json",      Target::None,    nothing,      [200, 200, 200, 200, 200, 200, 200]),
    ("GET /health",                     Target::None,    nothing,      [200, 200, 200, 200, 200, 200, 200]),
    ("GET /livez",                      Target::None,    nothing,      [200, 200, 200, 200, 200, 200, 200]),
    ("GET /readyz",                     Target::None,    nothing,      [200, 200, 200, 200, 200, 200, 200]),
    ("GET /openapi.json",               Target::None,    nothing,      [200, 200, 200, 200, 200, 200, 200]),
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
    /// A user who does not exist.
    Unknown,
}

/// Somebody of every sort.
pub(crate) struct World {
    app: TestApp,
    callers: [Client; CALLERS.len()],
}

impl World {
    pub(crate) async fn new() -> Self {
        let app = TestApp::new().await;
        let (nobody, admin) = (app.anon(), app.admin().await);
        let (user, other) = (app.user("user").await, app.user("other").await);
        let lower = app.user("lower").await;
        app.sql(
            "INSERT INTO roles (name, permissions, created_at, updated_at, version) \
             VALUES ('support', 'users:read users:write', 0, 0, 1)",
            Vec::new(),
        )
        .await;
        let grant = "INSERT INTO user_roles (user_id, role) VALUES ($1, 'support')";
        app.sql(grant, vec![lower.id.as_str().into()]).await;
        let (garbage, operator) = (nobody.showing("garbage"), nobody.showing(BOOTSTRAP_TOKEN));
        Self { app, callers: [nobody, garbage, operator, user, other, lower, admin] }
    }

    fn caller(&self, name: &str) -> &Client {
        let column = CALLERS.iter().position(|caller| *caller == name).unwrap();
        &self.callers[column]
    }

    fn path(&self, template: &str, target: Target) -> String {
        let Some((before, placeholder)) = template.split_once('{') else {
            return template.to_owned();
        };
        let after = placeholder.split_once('}').unwrap().1;
        let id = match target {
            Target::None => panic!("{template} needs a target"),
            Target::Own => &self.caller("user").id,
            Target::Admin => &self.caller("admin").id,
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

fn profile(_: &World) -> Value {
    json!({"email": "changed@example.com", "name": "Changed"})
}

fn name(_: &World) -> Value {
    json!({"name": "Changed"})
}

fn credentials(world: &World) -> Value {
    json!({"email": world.caller("user").email, "password": PASSWORD})
}

fn refresh(world: &World) -> Value {
    json!({"refresh_token": world.caller("user").refresh_token})
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
                body => client.json(method, path, body).await,
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
        for caller in ["nobody", "garbage"] {
            let path = world.path(template, *target);
            let client = world.caller(caller).with("if-match", "no tag");
            let answer = client.send(method.clone(), path, "application/json", "{").await;
            assert_eq!(answer.status, expected[0], "{operation} by {caller}: {answer}");
        }
    }
}
