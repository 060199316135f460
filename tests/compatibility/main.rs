//! What `openapi.baseline.json` promised, `openapi.json` keeps: a change that breaks
//! clients is declared in `openapi.breaking.json`, with its reason, or not made.
//! `make openapi-accept` makes what is promised now the next baseline.

mod comparison;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rollcall::domain::time::Timestamp;
use serde_json::{Value, json};

use comparison::broken;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn no_change_breaks_clients_unless_it_is_declared() {
    #[expect(clippy::disallowed_methods, reason = "what is past is past in the world too")]
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp::from_micros(0).plus(since_1970).to_string();
    let broken = broken(&read("openapi.baseline.json"), &read("openapi.json"), &now);
    let declared = read("openapi.breaking.json");
    let declared = declared.as_object().unwrap();
    let reasons = declared.values().all(|reason| reason.as_str().is_some_and(|r| r.len() > 10));
    assert!(reasons, "every declared change has a reason, in a sentence");
    let declared: BTreeSet<_> = declared.keys().cloned().collect();
    let undeclared: Vec<_> = broken.difference(&declared).collect();
    assert!(
        undeclared.is_empty(),
        "this breaks clients; mend it, or declare it in openapi.breaking.json: {undeclared:#?}"
    );
    let stale: Vec<_> = declared.difference(&broken).collect();
    assert!(stale.is_empty(), "this is declared in openapi.breaking.json and not so: {stale:#?}");
}

const NOW: &str = "2026-06-01T00:00:00Z";

/// A document of one operation, which may do with all that a comparison looks at.
fn document() -> Value {
    let body = json!({"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string", "maxLength": 200}, "kind": {"type": "string", "enum": ["a", "b"]}}});
    let answer = json!({"type": "object", "required": ["id"], "properties": {
        "id": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}}});
    json!({"paths": {"/users": {"post": {
        "parameters": [{"name": "limit", "in": "query", "required": false,
            "schema": {"type": "integer", "maximum": 200}}],
        "requestBody": {"required": true, "content": {"application/json":
            {"schema": {"$ref": "#/components/schemas/Body"}}}},
        "responses": {"201": {"content": {"application/json":
            {"schema": {"$ref": "#/components/schemas/Answer"}}}}, "409": {}}}}},
        "components": {"schemas": {"Body": body, "Answer": answer}}})
}

#[test]
fn every_sort_of_break_is_found() {
    let (body, answer) = ("/components/schemas/Body", "/components/schemas/Answer");
    let (limit, post) = ("/paths/~1users/post/parameters/0", "/paths/~1users/post");
    let at = |place: &str, rest: &str| format!("{place}{rest}");
    let in_body = "POST /users, body, application/json";
    let in_answer = "POST /users, 201, application/json";
    for (place, value, told) in [
        ("/paths/~1users".to_owned(), json!({}), "POST /users: is gone".to_owned()),
        (at(post, "/parameters"), json!([]), "POST /users, limit: is gone".to_owned()),
        (at(limit, "/required"), json!(true), "POST /users, limit: is required now".to_owned()),
        (
            at(limit, "/schema/maximum"),
            json!(100),
            "POST /users, limit: has a lower maximum now".to_owned(),
        ),
        (
            at(post, "/responses"),
            json!({"201": document()["paths"]["/users"]["post"]["responses"]["201"]}),
            "POST /users, 409: is gone".to_owned(),
        ),
        (
            at(body, "/required"),
            json!(["name", "kind"]),
            format!("{in_body}, kind: is required now"),
        ),
        (
            at(body, "/properties/name/type"),
            json!("integer"),
            format!("{in_body}, name: is of another type now"),
        ),
        (
            at(body, "/properties/name/maxLength"),
            json!(100),
            format!("{in_body}, name: has a lower maxLength now"),
        ),
        (
            at(body, "/properties/kind/enum"),
            json!(["a"]),
            format!("{in_body}, kind: allows fewer values now"),
        ),
        (at(answer, "/required"), json!([]), format!("{in_answer}, id: may be left out now")),
        (
            at(answer, "/properties/id/type"),
            json!(["string", "null"]),
            format!("{in_answer}, id: is of another type now"),
        ),
        (
            at(answer, "/properties/tags/items/type"),
            json!("integer"),
            format!("{in_answer}, tags, items: is of another type now"),
        ),
        (
            at(answer, "/properties"),
            json!({"id": {"type": "string"}}),
            format!("{in_answer}, tags: is gone"),
        ),
    ] {
        let (old, mut new) = (document(), document());
        *new.pointer_mut(&place).unwrap() = value;
        assert_eq!(broken(&old, &new, NOW), BTreeSet::from([told]), "{place}");
    }
}

#[test]
fn what_is_only_added_breaks_nothing() {
    let (old, mut new) = (document(), document());
    new["paths"]["/roles"] = json!({"get": {"responses": {}}});
    new["components"]["schemas"]["Body"]["properties"]["email"] = json!({"type": "string"});
    new["components"]["schemas"]["Body"]["properties"]["kind"]["enum"] = json!(["a", "b", "c"]);
    new["components"]["schemas"]["Answer"]["properties"]["email"] = json!({"type": "string"});
    new["paths"]["/users"]["post"]["responses"]["429"] = json!({});
    assert_eq!(broken(&old, &new, NOW), BTreeSet::new());
}

#[test]
fn what_was_deprecated_may_be_gone_once_its_sunset_is_past() {
    let post = "POST /users: is gone".to_owned();
    for (deprecated, sunset, told) in [
        (true, "2026-06-01T00:00:00Z", None),
        (true, "2026-06-01T00:00:01Z", Some(&post)),
        (false, "2026-01-01T00:00:00Z", Some(&post)),
    ] {
        let mut old = document();
        let operation = &mut old["paths"]["/users"]["post"];
        operation["x-sunset"] = json!(sunset);
        operation["deprecated"] = json!(deprecated);
        let new = json!({"paths": {}, "components": document()["components"]});
        assert_eq!(broken(&old, &new, NOW), told.into_iter().cloned().collect(), "{sunset}");
    }
}

/// Whether somebody sends it, or gets it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum In {
    Body,
    Answer,
}

/// What is told when the member `it` was one schema and is another one.
fn told(place: In, old: &Value, new: &Value) -> Vec<String> {
    let with = |schema: &Value| {
        let mut document = document();
        let schemas = &mut document["components"]["schemas"];
        schemas["Text"] = json!({"type": "string", "maxLength": 10});
        schemas["Thing"] = json!({"type": "object", "required": ["a"],
            "properties": {"a": {"type": "string"}}});
        let name = if place == In::Body { "Body" } else { "Answer" };
        schemas[name]["properties"]["it"] = schema.clone();
        document
    };
    let begin = match place {
        In::Body => "POST /users, body, application/json, it",
        In::Answer => "POST /users, 201, application/json, it",
    };
    let told = broken(&with(old), &with(new), NOW);
    told.iter().map(|told| told.strip_prefix(begin).unwrap().to_owned()).collect()
}

#[test]
fn every_sort_of_break_is_found_within_schemas_that_are_made_of_others() {
    use In::{Answer, Body};
    let (text, thing) = (
        json!({"$ref": "#/components/schemas/Text"}),
        json!({"$ref": "#/components/schemas/Thing"}),
    );
    let shorter = json!({"type": "string", "maxLength": 5});
    let (string, integer) = (json!({"type": "string"}), json!({"type": "integer"}));
    let nothing = json!({"type": "null"});
    for (place, old, new, expected) in [
        // One of several.
        (Body, json!({"anyOf": [text, thing]}), json!({"anyOf": [thing]}), ", as Text: is gone"),
        (Body, json!({"oneOf": [nothing, text]}), text.clone(), ", as null: is gone"),
        (
            Body,
            json!({"oneOf": [nothing, string]}),
            json!({"oneOf": [nothing, shorter]}),
            ", as string: has a lower maxLength now",
        ),
        (
            Answer,
            json!({"oneOf": [thing]}),
            json!({"oneOf": [thing, nothing]}),
            ", as null: is something else that it may be now",
        ),
        (
            Answer,
            thing.clone(),
            json!({"anyOf": [nothing, thing]}),
            ", as null: is something else that it may be now",
        ),
        // All of several.
        (
            Body,
            json!({"allOf": [thing]}),
            json!({"allOf": [thing, {"required": ["b"], "properties": {"b": string}}]}),
            ", b: is required now",
        ),
        (
            Answer,
            json!({"allOf": [thing, {"properties": {"b": string}}]}),
            json!({"allOf": [thing, {"properties": {"b": integer}}]}),
            ", b: is of another type now",
        ),
        (
            Answer,
            json!({"allOf": [thing, {"properties": {"b": string}}]}),
            thing.clone(),
            ", b: is gone",
        ),
        // By place.
        (
            Body,
            json!({"prefixItems": [string, integer]}),
            json!({"prefixItems": [shorter, integer]}),
            ", item 0: has a lower maxLength now",
        ),
        (
            Body,
            json!({"prefixItems": [string]}),
            json!({"prefixItems": [string, integer]}),
            ", item 1: must be of a kind now",
        ),
        (
            Answer,
            json!({"prefixItems": [string, integer]}),
            json!({"prefixItems": [string]}),
            ", item 1: may be anything now",
        ),
        (
            Answer,
            json!({"prefixItems": [string], "items": string}),
            json!({"prefixItems": [integer], "items": string}),
            ", item 0: is of another type now",
        ),
        (Body, json!({}), json!({"items": string}), ", items: must be of a kind now"),
        // By any name.
        (
            Body,
            json!({"additionalProperties": text}),
            json!({"additionalProperties": shorter}),
            ", others: has a lower maxLength now",
        ),
        (
            Body,
            json!({}),
            json!({"additionalProperties": false}),
            ", others: must not be there now",
        ),
        (
            Body,
            json!({"additionalProperties": true}),
            json!({"additionalProperties": text}),
            ", others: must be of a kind now",
        ),
        (
            Answer,
            json!({"additionalProperties": text}),
            json!({"additionalProperties": integer}),
            ", others: is of another type now",
        ),
        (Answer, json!({"additionalProperties": text}), json!({}), ", others: may be anything now"),
        (
            Body,
            json!({"propertyNames": text}),
            json!({"propertyNames": shorter}),
            ", names: has a lower maxLength now",
        ),
        // In each other.
        (
            Answer,
            json!({"anyOf": [{"type": "array", "items": {"oneOf": [nothing, {"allOf": [thing]}]}}]}),
            json!({"anyOf": [{"type": "array", "items": {"oneOf": [nothing, {"allOf": [text]}]}}]}),
            ", as array, items, as {\"allOf\":[{\"$ref\":\"#/components/schemas/Text\"}]}: \
             is something else that it may be now",
        ),
    ] {
        assert_eq!(told(place, &old, &new), [expected], "{place:?}: {old} and {new}");
    }
}

#[test]
fn what_is_only_added_to_schemas_that_are_made_of_others_breaks_nothing() {
    use In::{Answer, Body};
    let thing = json!({"$ref": "#/components/schemas/Thing"});
    let (string, nothing) = (json!({"type": "string"}), json!({"type": "null"}));
    for (place, old, new) in [
        (Body, thing.clone(), json!({"oneOf": [nothing, thing]})),
        (Body, json!({"anyOf": [string]}), json!({"anyOf": [thing, string]})),
        (Body, json!({"anyOf": [string]}), string.clone()),
        (Body, json!({"additionalProperties": false}), json!({})),
        (Body, json!({"items": string}), json!({})),
        (Answer, json!({"oneOf": [nothing, thing]}), thing.clone()),
        (Answer, json!({"oneOf": [nothing, thing]}), json!({"anyOf": [thing, nothing]})),
        (Answer, thing.clone(), json!({"allOf": [thing, {"properties": {"b": string}}]})),
        (Answer, json!({"prefixItems": [string]}), json!({"prefixItems": [string, string]})),
        (Answer, json!({}), json!({"additionalProperties": string})),
    ] {
        assert!(told(place, &old, &new).is_empty(), "{place:?}: {old} and {new}");
    }
}
