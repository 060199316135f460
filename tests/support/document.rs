//! Every exchange of every test is held against `/openapi.json`: what happens
//! and is not described there fails the test in which it happened.

use std::sync::LazyLock;

use http::Method;
use regex_lite::Regex;
use serde_json::{Map, Value};

use super::response::Response;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(rollcall::transport::http::openapi_document::document);

/// The headers that say something of an operation, and not of every answer.
const TOLD_HEADERS: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-patch",
    "content-disposition",
    "deprecation",
    "etag",
    "idempotent-replayed",
    "link",
    "location",
    "retry-after",
    "sunset",
    "www-authenticate",
];

/// Fails unless the document describes the answer and, if it was accepted, the
/// request. What has no place in the document is not judged.
#[track_caller]
pub(crate) fn check(method: &Method, path: &str, sent: (&str, &[u8]), answer: &Response) {
    let Some((operation, described)) = operation(method, path) else {
        return;
    };
    // Another version has another document.
    if answer.body["code"] == "unknown_version" {
        return;
    }
    let fail = |what: &str| panic!("{operation}: {what} in /openapi.json; the answer was {answer}");
    let Some(response) = described["responses"].get(answer.status.as_str()) else {
        return fail("this status is not described");
    };
    if let Some(policy) = answer.header("ratelimit-policy") {
        let named = |limit: &Value| policy.contains(&format!("\"{}\"", limit.as_str().unwrap()));
        let known = items(&described["x-rate-limits"]).iter().filter(|limit| named(limit)).count();
        let is_described = response["headers"].get("RateLimit").is_some();
        if known != policy.split(", ").count() || !is_described {
            fail("these rate limits are not described");
        }
    }
    let response = match response["$ref"].as_str() {
        Some(reference) => resolved(reference).unwrap(),
        None => response,
    };
    let told = response["headers"].as_object();
    for name in TOLD_HEADERS.iter().filter(|name| answer.header(name).is_some()) {
        if !told.is_some_and(|told| told.keys().any(|own| own.eq_ignore_ascii_case(name))) {
            fail(&format!("the header {name} is not described"));
        }
    }
    for name in ["Location", "Content-Disposition"] {
        if told.is_some_and(|told| told.contains_key(name)) && answer.header(name).is_none() {
            fail(&format!("the header {name} is described and not there"));
        }
    }
    match (response["content"].as_object(), answer.header("content-type")) {
        (None, None) if answer.text.is_empty() => {}
        (Some(content), Some(media_type)) if content.contains_key(media_type) => {
            let schema = &content[media_type]["schema"];
            for value in values(media_type, answer.text.as_bytes()) {
                if let Err(reason) = conforms(&value, schema, Unknown::Forbidden) {
                    fail(&format!("the body is not as described ({reason})"));
                }
            }
        }
        _ => fail("this media type is not described"),
    }
    if answer.status.is_success() && !sent.1.is_empty() {
        let content = &described["requestBody"]["content"];
        let media_type = sent.0.split(';').next().unwrap_or_default().to_lowercase();
        let schema = content.get(&media_type).map(|media| &media["schema"]);
        let values = match media_type.as_str() {
            // The service judges each line by itself, and accepts the others.
            "application/x-ndjson" => Vec::new(),
            other => values(other, sent.1),
        };
        let conform =
            |schema| values.iter().try_for_each(|value| conforms(value, schema, Unknown::Allowed));
        match schema.map(conform) {
            None => fail("the media type of the request is not described"),
            Some(Err(reason)) => fail(&format!("the request is not as described ({reason})")),
            Some(Ok(())) => {}
        }
    }
}

/// What the schema of a media type is about: the body, or each line of it.
fn values(media_type: &str, body: &[u8]) -> Vec<Value> {
    match media_type {
        "application/x-ndjson" => {
            let lines = body.split(|byte| *byte == b'\n');
            lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
        }
        "text/csv" => vec![Value::String(String::from_utf8_lossy(body).into_owned())],
        _ => vec![serde_json::from_slice(body).unwrap_or_default()],
    }
}

/// The operation that a request asks for.
fn operation(method: &Method, path: &str) -> Option<(String, &'static Value)> {
    let path = path.split('?').next().unwrap_or_default();
    let is_it = |template: &str| {
        template.split('/').count() == path.split('/').count()
            && template
                .split('/')
                .zip(path.split('/'))
                .all(|(expected, given)| expected == given || expected.starts_with('{'))
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let exact = paths.get_key_value(path);
    let (template, item) = exact.or_else(|| paths.iter().find(|(template, _)| is_it(template)))?;
    let operation = item.get(method.as_str().to_lowercase())?;
    Some((format!("{method} {template}"), operation))
}

/// Whether objects may have members that their schema does not name.
#[derive(Clone, Copy, PartialEq)]
enum Unknown {
    Allowed,
    Forbidden,
}

/// Judges a value by a schema. A word that is not known here is an error, so
/// that nothing is taken for checked that is not.
fn conforms(value: &Value, schema: &Value, unknown: Unknown) -> Result<(), String> {
    let words = schema.as_object().ok_or_else(|| format!("{schema} is no schema"))?;
    for (word, argument) in words {
        let is_met = match word.as_str() {
            "description" | "example" | "title" | "default" | "writeOnly" => true,
            "$ref" => {
                return conforms(value, resolved(argument.as_str().unwrap_or_default())?, unknown);
            }
            "allOf" => {
                let whole = Value::Object(merged(argument)?);
                conforms(value, &whole, unknown)?;
                true
            }
            "anyOf" => {
                items(argument).iter().any(|schema| conforms(value, schema, unknown).is_ok())
            }
            "oneOf" => {
                let fits = |schema| conforms(value, schema, unknown).is_ok();
                items(argument).iter().filter(|schema| fits(schema)).count() == 1
            }
            "type" => match argument {
                Value::Array(types) => types.iter().any(|kind| is_of_type(value, kind)),
                kind => is_of_type(value, kind),
            },
            "enum" => items(argument).contains(value),
            "format" => value.as_str().is_none_or(|text| has_format(text, argument)),
            "pattern" => {
                let pattern = Regex::new(argument.as_str().unwrap_or_default());
                let pattern = pattern.map_err(|error| error.to_string())?;
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "minItems" => !value.is_array() || Some(items(value).len() as u64) >= argument.as_u64(),
            "maxItems" => !value.is_array() || Some(items(value).len() as u64) <= argument.as_u64(),
            "uniqueItems" => {
                let items = items(value);
                items.iter().enumerate().all(|(place, item)| !items[..place].contains(item))
            }
            "minLength" => length(value).is_none_or(|length| Some(length) >= argument.as_u64()),
            "maxLength" => length(value).is_none_or(|length| Some(length) <= argument.as_u64()),
            "minimum" => value.as_f64().is_none_or(|number| Some(number) >= argument.as_f64()),
            "maximum" => value.as_f64().is_none_or(|number| Some(number) <= argument.as_f64()),
            "required" => {
                let has = |name: &Value| value.get(name.as_str().unwrap_or_default()).is_some();
                !value.is_object() || items(argument).iter().all(has)
            }
            "items" => {
                items(value).iter().try_for_each(|item| conforms(item, argument, unknown))?;
                true
            }
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    match argument.get(name) {
                        Some(schema) => conforms(member, schema, unknown)
                            .map_err(|reason| format!("{name}: {reason}"))?,
                        None if unknown == Unknown::Forbidden => {
                            return Err(format!("{name} is not described"));
                        }
                        None => {}
                    }
                }
                true
            }
            "propertyNames" => {
                let names = value.as_object().into_iter().flatten();
                let mut names = names.map(|(name, _)| Value::String(name.clone()));
                names.try_for_each(|name| conforms(&name, argument, unknown))?;
                true
            }
            "additionalProperties" => match argument {
                Value::Bool(false) => value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .all(|(name, _)| schema["properties"].get(name).is_some()),
                Value::Bool(true) => true,
                schema => {
                    let mut members = value.as_object().into_iter().flatten();
                    members.try_for_each(|(_, member)| conforms(member, schema, unknown))?;
                    true
                }
            },
            other => return Err(format!("{other} is a word that this check does not know")),
        };
        if !is_met {
            return Err(format!("{word} {argument} is not met by {value}"));
        }
    }
    Ok(())
}

/// The schemas of an `allOf` as one, so that each knows the others' members.
fn merged(schemas: &Value) -> Result<Map<String, Value>, String> {
    let mut whole = Map::new();
    for schema in items(schemas) {
        let parts = match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => resolved(reference)?.as_object(),
            None => schema.as_object(),
        };
        for (word, argument) in parts.into_iter().flatten() {
            match (whole.get_mut(word), argument) {
                (Some(Value::Object(members)), Value::Object(more)) => members.extend(more.clone()),
                (Some(Value::Array(items)), Value::Array(more)) => items.extend(more.clone()),
                _ => drop(whole.insert(word.clone(), argument.clone())),
            }
        }
    }
    Ok(whole)
}

fn resolved(reference: &str) -> Result<&'static Value, String> {
    let target = DOCUMENT.pointer(reference.trim_start_matches('#'));
    target.ok_or_else(|| format!("there is no {reference}"))
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

fn is_of_type(value: &Value, kind: &Value) -> bool {
    match kind.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    }
}

fn has_format(text: &str, format: &Value) -> bool {
    match format.as_str() {
        Some("uuid") => rollcall::domain::id::UserId::parse(text).is_ok(),
        Some("date-time") => rollcall::domain::time::Timestamp::parse(text).is_some(),
        Some("email") => rollcall::domain::email::Email::parse(text).is_ok(),
        Some("uri") => text.parse::<http::Uri>().is_ok(),
        Some("password") => true,
        _ => false,
    }
}
