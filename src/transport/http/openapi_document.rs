//! The description of the API in OpenAPI 3.1, made from the handlers.

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::deprecations;
use super::idempotency;
use super::preconditions;
use super::problem;
use super::view::{FieldErrorView, ProblemView};
use super::{
    api_keys, audit, batches, bootstrap, email_changes, email_codes, email_verifications, exports,
    factors, health, imports, invitations, jobs, limits, magic_links, mailbox, me, openapi,
    openapi_deprecations, openapi_headers, openapi_rates, openapi_texts, own_data, password_resets,
    passwords, reauthentication, registrations, roles, second_factor, sessions, signing_keys,
    user_roles, users, well_known,
};
use crate::domain::idempotency::{IdempotencyKey, MIN_ANONYMOUS_LENGTH};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rollcall",
        version = "1",
        description = "Users, sessions and tokens. Every error is a problem (RFC 9457).",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        bootstrap::create,
        sessions::list, sessions::create, sessions::delete_others, sessions::delete,
        sessions::refresh, sessions::delete_current,
        second_factor::create, reauthentication::create,
        users::suspend, users::unsuspend, user_roles::replace,
        roles::list, roles::create, roles::get, roles::replace, roles::delete,
        roles::list_permissions,
        api_keys::list, api_keys::create, api_keys::get, api_keys::delete,
        sessions::list_of_user, sessions::delete_of_user,
        me::get, me::patch, passwords::replace, own_data::erase, own_data::export,
        factors::list, factors::enroll, factors::remove, factors::confirm,
        factors::replace_recovery_codes, factors::reset,
        magic_links::create, magic_links::confirm,
        email_codes::create, email_codes::confirm,
        registrations::create,
        email_verifications::create, email_verifications::confirm,
        password_resets::create, password_resets::confirm,
        invitations::list, invitations::create, invitations::delete,
        email_changes::create, email_changes::confirm,
        batches::create, imports::create,
        exports::export, users::list, users::create, users::get, users::replace, users::patch, users::delete,
        audit::list, audit::verify,
        jobs::run, mailbox::list,
        signing_keys::list, signing_keys::rotate, well_known::jwks,
        health::health, health::livez, health::readyz,
        openapi::get,
    ),
    components(schemas(ProblemView, FieldErrorView)),
    security(("access_token" = [])),
)]
struct Document;

/// A problem that operations of a kind share: its name, status and description.
type Shared = (&'static str, &'static str, &'static str);

/// What may happen to any operation.
const ALWAYS: &[Shared] = &[
    ("Malformed", "400", "The request could not be read."),
    ("NotAcceptable", "406", "The Accept header rules out JSON."),
    (
        "PreconditionFailed",
        "412",
        "Another version than If-Match names, or one that If-None-Match names; or they name one \
         where there are none.",
    ),
    ("TooLarge", "413", "The body is larger than the limit."),
    ("UriTooLong", "414", "The path and the query are longer than the limit."),
    ("HeaderFieldsTooLarge", "431", "There are more header fields than the limit, or larger ones."),
    ("Defect", "500", "A defect. Quote the request_id to the operator."),
    ("Unavailable", "503", "Something that the service depends on does not answer. Try again."),
    ("TimedOut", "504", "The request took too long."),
];
/// Of a body; or of the query, which most changes do not read.
const INVALID_FIELDS: Shared =
    ("InvalidFields", "422", "Some fields are not acceptable; `errors` names each.");
const WITH_IF_NONE_MATCH: &[Shared] =
    &[("NotModified", "304", "It still has the version that If-None-Match names.")];
const WITH_IDEMPOTENCY_KEY: &[Shared] = &[
    (
        "InProgress",
        "409",
        "`in_progress`: the request with this Idempotency-Key is being done. Ask again.",
    ),
    ("KeyReused", "422", "`idempotency_key_reused`: the Idempotency-Key is of another request."),
];
const WITH_CREDENTIAL: &[Shared] = &[
    ("Unauthenticated", "401", "No credential, or one that is not (or no longer) good."),
    ("Forbidden", "403", "The caller may not do this."),
];
const WITH_BODY: &[Shared] =
    &[("UnsupportedMediaType", "415", "The body is of another media type."), INVALID_FIELDS];
const WITH_QUERY: &[Shared] =
    &[("InvalidParameters", "422", "Some parameters are not acceptable; `errors` names each.")];
const WITH_PATH: &[Shared] = &[("NotFound", "404", "There is no such resource.")];
const WITH_IF_MATCH: &[Shared] = &[("Conflict", "409", "A conflict with what is there.")];
const OF_CHANGES: &[Shared] = &[INVALID_FIELDS];

/// The document.
pub fn document() -> Value {
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    if let Some(schemes) = document.pointer_mut("/components").and_then(Value::as_object_mut) {
        schemes.insert("securitySchemes".to_owned(), security_schemes());
        schemes.insert("responses".to_owned(), shared_responses());
        schemes.insert("headers".to_owned(), openapi_headers::described());
    }
    if let Some(paths) = document.pointer_mut("/paths").and_then(Value::as_object_mut) {
        for (name, operation) in operations(paths) {
            if let Some(rates) = openapi_rates::of(&name) {
                operation.insert("x-rate-limits".to_owned(), json!(rates));
            }
            complete(operation, !name.starts_with("get "));
            if name.strip_prefix("get ").is_some_and(preconditions::is_tagged)
                && answers_with_json(operation)
            {
                allow_if_none_match(operation);
            }
            if name.strip_prefix("post ").is_some_and(idempotency::takes_key) {
                allow_idempotency_key(operation);
            }
            openapi_headers::add_of_operation(&name, operation);
        }
    }
    if let Some(document) = document.as_object_mut() {
        document.insert("x-limits".to_owned(), limits::described());
        document.insert("x-rate-limits".to_owned(), openapi_rates::described());
    }
    close_request_schemas(&mut document);
    allow_parts_of_users(&mut document);
    openapi_deprecations::deprecate(&mut document, deprecations::TABLE);
    document
}

/// Says that a list of users has parts of them, where somebody asks for `fields`.
fn allow_parts_of_users(document: &mut Value) {
    let schema = |name: &str| format!("/components/schemas/{name}");
    let (Some(mut part), Some(mut list)) = (
        document.pointer(&schema("User")).cloned(),
        document.pointer(&schema("UserList")).cloned(),
    ) else {
        return;
    };
    if let Some(part) = part.as_object_mut() {
        part.remove("required");
        part.insert("description".to_owned(), json!("The members of a user that `fields` names."));
    }
    if let Some(items) = list.pointer_mut("/properties/items/items") {
        *items = json!({"$ref": "#/components/schemas/UserPart"});
    }
    if let Some(schemas) =
        document.pointer_mut("/components/schemas").and_then(Value::as_object_mut)
    {
        schemas.insert("UserPart".to_owned(), part);
        schemas.insert("UserPartList".to_owned(), list);
    }
    let answer = "/paths/~1api~1v1~1users/get/responses/200/content/application~1json/schema";
    if let Some(answer) = document.pointer_mut(answer) {
        let reference = |name| json!({"$ref": format!("#/components/schemas/{name}")});
        *answer = json!({"anyOf": [reference("UserList"), reference("UserPartList")]});
    }
}

/// Whether what an operation answers with is whole, and so has an ETag.
fn answers_with_json(operation: &Map<String, Value>) -> bool {
    let responses = operation.get("responses");
    responses.is_some_and(|r| r.pointer("/200/content/application~1json").is_some())
}

/// Says that a read of a resource may name the version that the client has. What else
/// RFC 9110 gives every read and every change is told in docs/retries.md alone: whoever
/// makes calls of this description would make ones that are refused with 412.
fn allow_if_none_match(operation: &mut Map<String, Value>) {
    let parameter = json!({"name": "If-None-Match", "in": "header", "required": false,
        "description": "The ETag of what you have: 304 instead of it, if it is still that.",
        "schema": {"type": "string"}, "example": "\"1\""});
    allow(operation, parameter, WITH_IF_NONE_MATCH);
}

/// Says that a request may name itself, to be sent again.
fn allow_idempotency_key(operation: &mut Map<String, Value>) {
    // What says itself who may call is for those who have no credential yet.
    let is_for_strangers = operation.contains_key("security");
    let least = if is_for_strangers { MIN_ANONYMOUS_LENGTH } else { 1 };
    let parameter = json!({"name": "Idempotency-Key", "in": "header", "required": false,
        "description": "A name of the request, such as a new UUID. Sent again with the same name \
            and the same body within 24 hours, it is not done again, and gets the same answer. \
            Without a credential, it must have at least 16 characters. Quotes around it (RFC 9651) \
            may be left out.",
        "schema": {"type": "string", "pattern": IdempotencyKey::pattern(least)},
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324"});
    allow(operation, parameter, WITH_IDEMPOTENCY_KEY);
}

/// Adds a header of the request, and the problems that come with it.
fn allow(operation: &mut Map<String, Value>, parameter: Value, problems: &[Shared]) {
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(parameters) = parameters.as_array_mut() {
        parameters.push(parameter);
    }
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        for (name, status, _) in problems {
            let reference = json!({"$ref": format!("#/components/responses/{name}")});
            responses.entry(*status).or_insert(reference);
        }
    }
}

/// Says of requests that they may contain exactly what their schemas name, and what
/// their texts look like.
fn close_request_schemas(document: &mut Value) {
    let mut requests = Vec::new();
    if let Some(paths) = document.pointer_mut("/paths").and_then(Value::as_object_mut) {
        for (_, operation) in operations(paths) {
            let content = operation
                .get("requestBody")
                .and_then(|body| body.get("content").and_then(Value::as_object));
            let schemas = content.into_iter().flat_map(Map::values);
            requests.extend(schemas.filter_map(|media| {
                media.pointer("/schema/$ref").and_then(Value::as_str).map(str::to_owned)
            }));
        }
    }
    for reference in requests {
        let schema = document.pointer_mut(reference.trim_start_matches('#'));
        let schema = schema.and_then(Value::as_object_mut);
        if let Some(schema) = schema.filter(|schema| schema.contains_key("properties")) {
            schema.insert("additionalProperties".to_owned(), json!(false));
            let name = reference.rsplit('/').next().unwrap_or_default();
            openapi_texts::describe_schema(name, schema);
        }
    }
}

fn operations(
    paths: &mut Map<String, Value>,
) -> impl Iterator<Item = (String, &mut Map<String, Value>)> {
    paths.iter_mut().flat_map(|(path, item)| {
        let methods = item.as_object_mut().into_iter().flatten();
        methods.filter_map(move |(method, operation)| {
            Some((format!("{method} {path}"), operation.as_object_mut()?))
        })
    })
}

fn security_schemes() -> Value {
    let bearer = |description, format| json!({"type": "http", "scheme": "bearer", "bearerFormat": format, "description": description});
    json!({
        "access_token": bearer("The access token of a session, or an API key (`rck_…`) where a program may call.", "JWT"),
        "bootstrap_token": bearer("The operator's bootstrap token.", "opaque"),
    })
}

/// Adds to an operation the problems that its kind can have, and their form.
fn complete(operation: &mut Map<String, Value>, is_change: bool) {
    let mut parameters = Vec::new();
    if let Some(own) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
        own.iter_mut().for_each(openapi_texts::describe_parameter);
        parameters.clone_from(own);
    }
    let has = |place| {
        parameters
            .iter()
            .any(|parameter| parameter.get("in").and_then(Value::as_str) == Some(place))
    };
    let is_limited = operation.contains_key("x-rate-limits");
    let is_public = operation.get("security") == Some(&json!([{}]));
    let has_body = operation.contains_key("requestBody");
    let kinds = [
        (true, ALWAYS),
        (!is_public, WITH_CREDENTIAL),
        (has_body, WITH_BODY),
        (has("query"), WITH_QUERY),
        (has("path"), WITH_PATH),
        (has("header"), WITH_IF_MATCH),
        (is_change, OF_CHANGES),
    ];
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    for (_, problems) in kinds.into_iter().filter(|(applies, _)| *applies) {
        for (name, status, description) in problems {
            // What is decided behind a rate limit tells how the client stands with it.
            let response = if is_limited && matches!(*status, "401" | "403" | "422") {
                json!({"description": description})
            } else {
                json!({"$ref": format!("#/components/responses/{name}")})
            };
            responses.entry(*status).or_insert(response);
        }
    }
    for (status, response) in responses.iter_mut() {
        describe(status, response, is_limited);
    }
}

/// The problems that operations refer to.
fn shared_responses() -> Value {
    let kinds = [
        ALWAYS,
        WITH_IF_NONE_MATCH,
        WITH_IDEMPOTENCY_KEY,
        WITH_CREDENTIAL,
        WITH_BODY,
        WITH_QUERY,
        WITH_PATH,
        WITH_IF_MATCH,
        OF_CHANGES,
    ];
    let responses = kinds.into_iter().flatten().map(|(name, status, description)| {
        let mut response = json!({"description": description});
        describe(status, &mut response, false);
        ((*name).to_owned(), response)
    });
    Value::Object(responses.collect())
}

/// Gives a response the headers that it has, and a problem its body.
fn describe(status: &str, response: &mut Value, is_limited: bool) {
    let Some(response) = response.as_object_mut() else { return };
    if response.contains_key("$ref") {
        return;
    }
    openapi_headers::add_of_status(status, response, is_limited);
    if status.starts_with(['4', '5']) && !response.contains_key("content") {
        let schema = json!({"$ref": "#/components/schemas/Problem"});
        response.insert("content".to_owned(), json!({problem::MEDIA_TYPE: {"schema": schema}}));
    }
}
