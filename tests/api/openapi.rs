//! `/openapi.json` and `/docs`: what clients and their authors read.

use std::collections::BTreeSet;

use http::Method;
use rollcall::transport::http::openapi_document;
use serde_json::{Map, Value, json};

use crate::support::TestApp;
use crate::support::response::Response;

/// The document, with every shared response and header in its place.
async fn document() -> Value {
    let app = TestApp::new().await;
    let document = app.anon().get("/openapi.json").await.assert_status(200).body;
    let mut resolved = document.clone();
    for place in ["responses", "headers"] {
        resolve(&mut resolved, &format!("#/components/{place}/"), &document);
    }
    resolved
}

/// Puts what they refer to in the place of references that begin like this.
fn resolve(value: &mut Value, prefix: &str, document: &Value) {
    let reference = value.get("$ref").and_then(Value::as_str).map(str::to_owned);
    if let Some(reference) = reference.filter(|reference| reference.starts_with(prefix)) {
        *value = document.pointer(reference.trim_start_matches('#')).unwrap().clone();
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|v| resolve(v, prefix, document)),
        Value::Array(items) => items.iter_mut().for_each(|v| resolve(v, prefix, document)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_the_one_that_the_handlers_describe() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let checked_in: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let is_the_same = checked_in == openapi_document::document();
    assert!(is_the_same, "run `make openapi` and look at what it changes");
}

/// Every operation with its name, such as `GET /api/v1/me`.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(m, operation)| (format!("{} {path}", m.to_uppercase()), operation))
        })
        .collect()
}

/// Calls `visit` with every object of the document.
fn each_object(value: &Value, visit: &mut impl FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            visit(members);
            members.values().for_each(|member| each_object(member, visit));
        }
        Value::Array(items) => items.iter().for_each(|item| each_object(item, visit)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_openapi_3_1_and_hangs_together() {
    let document = document().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(document["info"]["title"], "Rollcall");
    let mut dangling = Vec::new();
    each_object(&document, &mut |object| {
        if let Some(Value::String(reference)) = object.get("$ref")
            && document.pointer(reference.trim_start_matches('#')).is_none()
        {
            dangling.push(reference.clone());
        }
    });
    assert_eq!(dangling, [""; 0]);
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    for (name, operation) in operations(&document) {
        let security = operation.get("security").unwrap_or(&document["security"]);
        for requirement in security.as_array().unwrap() {
            for scheme in requirement.as_object().unwrap().keys() {
                assert!(schemes.contains_key(scheme), "{name} asks for {scheme}");
            }
        }
    }
}

#[tokio::test]
async fn every_operation_is_named_explained_and_answers_with_problems() {
    let document = document().await;
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{name}");
        assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{name}");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name}");
        let placeholders = name.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        for placeholder in placeholders {
            let declared = |p: &&Value| p["in"] == "path" && p["name"] == placeholder;
            let parameter = parameters.iter().find(declared);
            assert_eq!(parameter.map(|p| &p["required"]), Some(&json!(true)), "{name}");
        }
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{name}");
        for (status, response) in responses {
            assert!(!response["description"].as_str().unwrap().is_empty(), "{name} {status}");
            let is_health = response["content"].get("application/json").is_some();
            if status.starts_with(['4', '5']) && !is_health {
                let schema = &response["content"]["application/problem+json"]["schema"];
                assert_eq!(schema["$ref"], "#/components/schemas/Problem", "{name} {status}");
            }
        }
        for status in ["400", "406", "413", "500", "503", "504"] {
            assert!(responses.contains_key(status), "{name} {status}");
        }
    }
}

/// What a body may consist of, and whether it is a list of that.
fn described<'a>(document: &'a Value, media: &Value) -> (Vec<&'a Value>, bool) {
    let resolved = |schema: &Value| {
        let reference = schema["$ref"].as_str()?.trim_start_matches('#');
        Some(document.pointer(reference).unwrap())
    };
    // CSV is not described by a schema.
    let Some(schema) = resolved(&media["schema"]) else { return (Vec::new(), false) };
    let items = schema.get("items").map(|items| resolved(items).unwrap());
    let schema = items.unwrap_or(schema);
    let choices = schema["oneOf"].as_array().map(|choices| choices.iter().collect());
    (choices.unwrap_or_else(|| vec![schema]), items.is_some())
}

#[tokio::test]
async fn every_body_is_closed_and_every_field_of_it_has_an_example_or_explains_itself() {
    let document = document().await;
    for (name, operation) in operations(&document) {
        let content = operation["requestBody"]["content"].as_object();
        for media in content.into_iter().flat_map(Map::values) {
            let (choices, is_list) = described(&document, media);
            for schema in choices {
                // RFC 6902 lets operations have members that mean nothing.
                assert!(is_list || schema["additionalProperties"] == false, "{name}");
                for (field, described) in schema["properties"].as_object().unwrap() {
                    let told = described.get("example").or(described.get("description"));
                    assert!(told.is_some(), "{name}: {field}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_the_document_gives_as_an_example_is_accepted() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let admin = admin.with("if-match", "*");
    let document = document().await;
    for (name, operation) in operations(&document) {
        let (method, path) = name.split_once(' ').unwrap();
        let path = path.replace("{id}", &alice.id);
        let content = operation["requestBody"]["content"].as_object();
        for (media_type, media) in content.into_iter().flatten() {
            let (choices, is_list) = described(&document, media);
            for schema in choices {
                let body = example(schema);
                let body = if is_list { json!([body]) } else { body }.to_string();
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                assert_understood(&name, &admin.send(method, &path, media_type, body).await);
            }
        }
    }
}

/// The examples of all fields that have one, or may be anything.
fn example(schema: &Value) -> Value {
    let mut examples = Map::new();
    for (name, field) in schema["properties"].as_object().unwrap() {
        let is_anything = ["type", "$ref", "oneOf"].iter().all(|key| field.get(key).is_none());
        let anything = is_anything.then(|| json!("anything"));
        if let Some(example) = field.get("example").cloned().or(anything) {
            examples.insert(name.clone(), example);
        }
    }
    Value::Object(examples)
}

#[track_caller]
fn assert_understood(name: &str, answer: &Response) {
    // An example cannot hold a token or a password that is really good.
    let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
    let is_secret = |e: &Value| ["invalid_token", "wrong_password"].iter().any(|c| e["code"] == *c);
    let is_understood = match answer.status.as_u16() {
        400 | 415 => false,
        422 => !errors.is_empty() && errors.iter().all(is_secret),
        _ => true,
    };
    assert!(is_understood, "{name}: {answer}");
}

#[tokio::test]
async fn the_page_for_people_needs_nothing_from_anywhere_else() {
    let app = TestApp::new().await;
    let page = app.anon().with("accept", "text/html").get("/docs").await.assert_status(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(!policy.contains("http"), "{policy}");
    for external in ["src=\"http", "src='http", "src=\"//", "href=\"http", "@import", "url(http"] {
        assert!(!page.text.contains(external), "{external}");
    }
    let json_only = app.anon().with("accept", "application/json").get("/docs").await;
    json_only.assert_problem(406, "not_acceptable");
}
