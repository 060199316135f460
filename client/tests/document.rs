//! What the client sends and receives is what `openapi.json` describes.

use rollcall_client::{
    ApiKey, AuditBreak, AuditEvent, AuditVerification, Check, FieldError, Invitation, Permission,
    Problem, Readiness, Role, Session, User,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// A value of a schema, with every member that the schema names.
fn example(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').unwrap();
        return example(document, document.pointer(pointer).unwrap());
    }
    if let Some(first) = schema["oneOf"].get(0) {
        return example(document, first);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[0].as_str(),
        kind => kind.as_str(),
    };
    match kind {
        Some("string") => json!("text"),
        Some("integer") => json!(7),
        Some("boolean") => json!(true),
        Some("array") => json!([example(document, &schema["items"])]),
        _ => {
            let members = schema["properties"].as_object();
            let members = members.into_iter().flatten();
            let members = members.map(|(name, schema)| (name.clone(), example(document, schema)));
            Value::Object(members.collect::<Map<_, _>>())
        }
    }
}

fn names(value: &Value) -> Vec<&String> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().collect();
    names.sort();
    names
}

/// Whether a type takes what a schema describes, and tells all of it again.
fn assert_keeps_all_of<T: DeserializeOwned + Serialize>(schema: &str) {
    let text = include_str!("../../openapi.json");
    let document: Value = serde_json::from_str(text).unwrap();
    let told = example(&document, &document["components"]["schemas"][schema]);
    let read: T = serde_json::from_value(told.clone())
        .unwrap_or_else(|error| panic!("{schema}: {error} in {told:#}"));
    let again = serde_json::to_value(&read).unwrap();
    assert_eq!(names(&again), names(&told), "{schema}");
}

#[test]
fn every_member_of_an_answer_is_kept() {
    assert_keeps_all_of::<User>("User");
    assert_keeps_all_of::<Role>("Role");
    assert_keeps_all_of::<Permission>("Permission");
    assert_keeps_all_of::<ApiKey>("ApiKey");
    assert_keeps_all_of::<Session>("Session");
    assert_keeps_all_of::<Invitation>("Invitation");
    assert_keeps_all_of::<AuditEvent>("AuditEvent");
    assert_keeps_all_of::<AuditVerification>("AuditVerification");
    assert_keeps_all_of::<AuditBreak>("AuditBreak");
    assert_keeps_all_of::<Readiness>("Readiness");
    assert_keeps_all_of::<Check>("Check");
    assert_keeps_all_of::<FieldError>("FieldError");
    assert_keeps_all_of::<Problem>("Problem");
}
