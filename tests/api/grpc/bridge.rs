//! gRPC and REST are two ways to one service: the annotations of the protos are
//! the routes, whoever may do something here may do it there, and gets the same.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, MethodDescriptor, ReflectMessage, SerializeOptions,
};
use rollcall::embedded;
use rollcall::transport::grpc::layers::{METHODS, Sends, Takes};
use rollcall::transport::grpc::pb;
use serde_json::{Map, Value, json};
use tonic::Code;

use crate::authorization::{CALLERS, TABLE, World};
use crate::support::client::Client;
use crate::support::grpc::Answer;

/// What REST can do and gRPC cannot, and why. An entry that ends with `/` or `*` is
/// for everything that begins so.
const WITHOUT_RPC: &[(&str, &str)] = &[
    ("POST /api/v1/bootstrap", "done once, by hand"),
    ("POST /api/v1/sessions/current/reauthenticate", "a dialogue with a person, in a page"),
    ("* /api/v1/me*", "what a person does in a page of the application"),
    ("* /api/v1/magic-links*", "a dialogue with a person, by mail"),
    ("* /api/v1/email-codes*", "a dialogue with a person, by mail"),
    ("* /api/v1/registrations*", "a dialogue with a person, by mail"),
    ("* /api/v1/email-verifications*", "a dialogue with a person, by mail"),
    ("* /api/v1/password-resets*", "a dialogue with a person, by mail"),
    ("* /api/v1/invitations*", "a dialogue with a person, by mail"),
    ("POST /api/v1/users/import", "ImportUsers takes users as a stream, too"),
    ("POST /api/v1/users/batch", "BatchUsers does many operations, as a stream"),
    ("DELETE /api/v1/users/{id}/factors", "the work of an administrator, in a page"),
    ("* /api/v1/roles*", "set up once, by whoever administers"),
    ("GET /api/v1/permissions", "set up once, by whoever administers"),
    ("* /api/v1/api-keys*", "set up once, by whoever administers"),
    ("* /api/v1/signing-keys*", "set up once, by whoever administers"),
    ("* /api/v1/audit-events*", "read by auditors; WatchUsers tells programs what changed"),
    ("GET /api/v1/users/export", "ExportUsers streams the same, user by user"),
    ("POST /internal/jobs/run", "called by timers, which speak HTTP"),
    ("GET /dev/mailbox", "for development"),
    ("GET /.well-known/jwks.json", "the address is a standard"),
    ("GET /openapi.json", "reflection tells the same"),
    ("GET /health", "grpc.health.v1 tells the same"),
    ("GET /livez", "grpc.health.v1 tells the same"),
    ("GET /readyz", "grpc.health.v1 tells the same"),
];

/// An RPC and a route of REST that does the same.
struct Binding {
    rpc: MethodDescriptor,
    /// As in the table: `GET /api/v1/users/{id}`.
    operation: String,
    /// The field that stands in the path.
    in_path: Option<String>,
    body: String,
    response_body: String,
}

fn pool() -> DescriptorPool {
    let descriptors = embedded::read(pb::DESCRIPTORS).unwrap();
    DescriptorPool::decode(descriptors.as_slice()).unwrap()
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).unwrap().as_str().unwrap().to_owned()
}

/// Every binding, by operation.
fn bindings() -> BTreeMap<String, Binding> {
    let pool = pool();
    let annotation = pool.get_extension_by_name("google.api.http").unwrap();
    let mut found = BTreeMap::new();
    let services = pool.services().filter(|service| service.package_name() == "rollcall.v1");
    for rpc in services.flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let options = rpc.options();
        if !options.has_extension(&annotation) {
            continue;
        }
        let rule = options.get_extension(&annotation).as_message().unwrap().clone();
        let more = rule.get_field_by_name("additional_bindings").unwrap().into_owned();
        let more: Vec<_> =
            more.as_list().unwrap().iter().map(|rule| rule.as_message().unwrap().clone()).collect();
        for rule in [rule].into_iter().chain(more) {
            let binding = bind(&rpc, &rule);
            found.insert(binding.operation.clone(), binding);
        }
    }
    found
}

fn bind(rpc: &MethodDescriptor, rule: &DynamicMessage) -> Binding {
    let verbs = ["get", "put", "post", "delete", "patch"];
    let verb = verbs.into_iter().find(|verb| !text(rule, verb).is_empty()).unwrap();
    let route = text(rule, verb);
    let in_path = route.split_once('{').map(|(_, rest)| rest.split_once('}').unwrap().0);
    let in_path = in_path.map(str::to_owned);
    let route = match &in_path {
        Some(field) => route.replace(&format!("{{{field}}}"), "{id}"),
        None => route,
    };
    Binding {
        rpc: rpc.clone(),
        operation: format!("{} {route}", verb.to_uppercase()),
        in_path,
        body: text(rule, "body"),
        response_body: text(rule, "response_body"),
    }
}

impl Binding {
    /// The path of the call.
    fn method(&self) -> String {
        format!("/{}/{}", self.rpc.parent_service().full_name(), self.rpc.name())
    }

    /// What a request of REST is as a message of gRPC.
    fn transcode(&self, id: Option<&str>, body: Value, version: i64) -> Vec<u8> {
        let mut message = match self.body.as_str() {
            "" => json!({}),
            "*" => body,
            field => json!({ field: body }),
        };
        if let (Some(field), Some(id)) = (&self.in_path, id) {
            let (outer, inner) = field.split_once('.').unwrap_or(("", field));
            let place = if outer.is_empty() { &mut message } else { &mut message[outer] };
            place[inner] = json!(id);
        }
        if self.operation.starts_with("PUT") && self.rpc.name() == "UpdateUser" {
            message["update_mask"] = json!("*");
            message["version"] = json!(version);
        }
        DynamicMessage::deserialize(self.rpc.input(), message).unwrap().encode_to_vec()
    }

    /// What REST would have answered.
    fn result(&self, answer: &Answer) -> Value {
        let message = DynamicMessage::decode(self.rpc.output(), answer.message()).unwrap();
        assert_eq!(message.descriptor(), self.rpc.output());
        let options =
            SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
        let value =
            message.serialize_with_options(serde_json::value::Serializer, &options).unwrap();
        match (self.response_body.as_str(), self.rpc.name()) {
            ("", "SignIn") => value["signed_in"].clone(),
            ("", _) => value,
            (field, _) => value[field].clone(),
        }
    }
}

/// A JSON value as both transports can write it: nothing is not told, moments have
/// no zeros at their end, and what is random has no value.
fn normal(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut kept = Map::new();
            for (name, value) in members {
                let value = match (name.as_str(), value) {
                    ("access_token", _) => json!("a token"),
                    ("expires_in", Value::Number(seconds)) => json!(format!("{seconds}s")),
                    (_, value) => normal(value),
                };
                if ![json!(null), json!(""), json!([]), json!({}), json!(false)].contains(&value) {
                    kept.insert(name, value);
                }
            }
            Value::Object(kept)
        }
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::String(text) => Value::String(text.replace(".000000Z", "Z")),
        other => other,
    }
}

/// What an operation is asked for, by either way.
struct Case<'a> {
    binding: &'a Binding,
    path: String,
    id: Option<String>,
    body: Value,
}

impl<'a> Case<'a> {
    fn of(world: &World, binding: &'a Binding, row: &crate::authorization::Row) -> Self {
        let (operation, target, body, _) = row;
        let template = operation.split_once(' ').unwrap().1;
        let path = world.path(template, *target);
        let place = template.split('/').position(|segment| segment.starts_with('{'));
        let id = place.map(|place| path.split('/').nth(place).unwrap().to_owned());
        Self { binding, path, id, body: body(world) }
    }

    async fn by_grpc(&self, client: &Client, version: i64) -> Answer {
        let message = self.binding.transcode(self.id.as_deref(), self.body.clone(), version);
        client.channel().unary(&self.binding.method(), &message).await
    }

    async fn by_rest(&self, client: &Client) -> crate::support::response::Response {
        let (method, _) = self.binding.operation.split_once(' ').unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let client = client.with("if-match", "*");
        match &self.body {
            Value::Null => client.send(method, &self.path, "", "").await,
            body => client.json(method, &self.path, body.clone()).await,
        }
    }
}

/// The version of the user that a case is about, if it is about one.
async fn version(world: &World, id: Option<&String>) -> i64 {
    let id = id.cloned().unwrap_or_default().into();
    let rows = world.app.sql("SELECT version FROM users WHERE id = $1", vec![id]).await;
    rows.into_iter().next().map_or(1, |row| row.read().integer().unwrap())
}

/// The codes of gRPC that mean what a status of HTTP means.
fn codes(status: u16) -> &'static [Code] {
    match status {
        200..=299 => &[Code::Ok],
        401 => &[Code::Unauthenticated],
        403 => &[Code::PermissionDenied],
        404 => &[Code::NotFound],
        409 => &[Code::AlreadyExists, Code::FailedPrecondition, Code::Aborted],
        422 => &[Code::InvalidArgument],
        other => panic!("the table says {other}"),
    }
}

#[tokio::test]
async fn every_caller_may_do_by_grpc_what_the_table_says_and_nothing_else() {
    let bindings = bindings();
    let mut wrong = Vec::new();
    let mut world = World::new().await;
    for row in TABLE {
        let Some(binding) = bindings.get(row.0) else { continue };
        for (column, expected) in row.3.iter().enumerate() {
            let before = world.app.contents();
            let case = Case::of(&world, binding, row);
            let version = version(&world, case.id.as_ref()).await;
            let answer = case.by_grpc(&world.callers[column], version).await;
            let called = format!("{} on {:?} by {}", row.0, row.1, CALLERS[column]);
            if !codes(*expected).contains(&answer.code()) {
                wrong.push(format!("{called}: {expected}, but {:?}", answer.status));
            }
            let changed = world.app.contents() != before;
            if changed && answer.code() != Code::Ok {
                wrong.push(format!("{called}: refused, and yet something changed"));
            }
            if changed {
                world = World::new().await;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_the_admin_gets_by_grpc_is_what_rest_answers() {
    let bindings = bindings();
    let admin = CALLERS.iter().position(|caller| *caller == "admin").unwrap();
    let mut compared = BTreeSet::new();
    for row in TABLE.iter().filter(|row| (200..300).contains(&row.3[admin])) {
        let Some(binding) = bindings.get(row.0) else { continue };
        // Two worlds that are alike: time stands still, and randomness has a seed.
        let (one, other) = (World::new().await, World::new().await);
        let case = Case::of(&one, binding, row);
        let rest = case.by_rest(&one.callers[admin]).await;
        let case = Case::of(&other, binding, row);
        let version = version(&other, case.id.as_ref()).await;
        let grpc = case.by_grpc(&other.callers[admin], version).await;
        let result = normal(binding.result(&grpc));
        let expected = if rest.body.is_null() { json!({}) } else { normal(rest.body) };
        assert_eq!(result, expected, "{}", row.0);
        compared.insert(row.0);
    }
    // Of those that nobody but the owner of a session may do, there is nothing to see.
    let all: BTreeSet<_> = bindings.keys().map(String::as_str).collect();
    let left: Vec<_> = all.difference(&compared).collect();
    assert_eq!(left, [&"DELETE /api/v1/sessions/{id}"]);
}

#[test]
fn every_annotated_rpc_has_its_route_and_every_route_its_rpc_or_a_reason() {
    let bindings = bindings();
    let operations: BTreeSet<_> = TABLE.iter().map(|(operation, ..)| *operation).collect();
    let unknown: Vec<_> =
        bindings.keys().filter(|bound| !operations.contains(bound.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?} are annotated and no routes");

    let is_for = |entry: &str, operation: &str| match entry.strip_prefix("* ") {
        Some(path) => operation.split_once(' ').unwrap().1.starts_with(path.trim_end_matches('*')),
        None => entry == operation,
    };
    for operation in operations.iter().filter(|operation| !bindings.contains_key(**operation)) {
        let reasons = WITHOUT_RPC.iter().filter(|(entry, _)| is_for(entry, operation));
        assert_eq!(reasons.count(), 1, "{operation} needs an RPC, or one reason to have none");
    }
    for (entry, _) in WITHOUT_RPC {
        let free = |operation: &&&str| !bindings.contains_key(**operation);
        let used = operations.iter().filter(free).any(|operation| is_for(entry, operation));
        assert!(used, "{entry} is about nothing");
    }
}

#[test]
fn the_layers_know_every_method_as_the_protos_say_it() {
    let mut pool = pool();
    for set in [
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ] {
        pool.decode_file_descriptor_set(set).unwrap();
    }
    let described: BTreeMap<_, _> = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|rpc| {
            let streams = rpc.is_client_streaming() || rpc.is_server_streaming();
            let sends = if streams { Sends::Stream } else { Sends::Once };
            (format!("/{}/{}", rpc.parent_service().full_name(), rpc.name()), sends)
        })
        .collect();
    let listed: BTreeMap<_, _> =
        METHODS.iter().map(|(path, _, sends)| ((*path).to_owned(), *sends)).collect();
    assert_eq!(listed, described);
}

/// RPCs without a route, what they are asked for, and what each of the callers
/// gets: `.` is OK, `?` is who are you, `!` is you may not.
const OTHERS: &[(&str, &str, &str)] = &[
    ("/rollcall.v1.UserService/ExportUsers", "{}", "????!!...!"),
    (
        "/rollcall.v1.UserService/ImportUsers",
        r#"{"user": {"email": "new@example.com", "name": "New"}}"#,
        "????!!...!",
    ),
    ("/rollcall.v1.UserService/BatchUsers", r#"{"delete": {"id": "1"}}"#, "????......"),
    ("/rollcall.v1.UserService/WatchUsers", "{}", "????!!...!"),
    ("/rollcall.v1.TokenService/VerifyToken", "{}", ".........."),
    ("/rollcall.v1.TokenService/IntrospectToken", "{}", "????......"),
];

#[tokio::test]
async fn what_rest_does_not_have_is_for_those_whom_the_other_table_names() {
    let (pool, bound) = (pool(), bindings());
    let bound: BTreeSet<_> = bound.values().map(Binding::method).collect();
    let own = METHODS.iter().map(|(path, ..)| *path).filter(|path| path.starts_with("/rollcall"));
    let unbound: BTreeSet<_> = own.filter(|path| !bound.contains(*path)).collect();
    assert_eq!(OTHERS.iter().map(|(path, ..)| *path).collect::<BTreeSet<_>>(), unbound);
    for (path, request, expected) in OTHERS {
        let world = World::new().await;
        let (service, method) = path[1..].split_once('/').unwrap();
        let service = pool.get_service_by_name(service).unwrap();
        let rpc = service.methods().find(|rpc| rpc.name() == method).unwrap();
        let request: Value = serde_json::from_str(request).unwrap();
        let message = DynamicMessage::deserialize(rpc.input(), request).unwrap().encode_to_vec();
        let mut got = String::new();
        for (caller, client) in CALLERS.iter().zip(&world.callers) {
            let code = if method == "WatchUsers" {
                // It does not end by itself.
                let answer = client.users().watch_users(pb::WatchUsersRequest::default()).await;
                let first = answer.unwrap().into_inner().message().await;
                first.map_or_else(|status| status.code(), |_| Code::Ok)
            } else {
                client.channel().unary(path, &message).await.code()
            };
            got.push(match code {
                Code::Ok => '.',
                Code::Unauthenticated => '?',
                Code::PermissionDenied => '!',
                other => panic!("{path} by {caller}: {other:?}"),
            });
        }
        assert_eq!(got, *expected, "{path} by {CALLERS:?}");
        let takes = METHODS.iter().find(|(known, ..)| known == path).unwrap().1;
        assert_eq!(takes == Takes::Nothing, got.starts_with('.'), "{path}");
    }
}
