//! What the client sends and receives is what `openapi.json` describes.

use rollcall_client::bulk::{ImportCounts, ImportError, ImportReport, ImportSummary};
use rollcall_client::{
    ApiKey, AuditBreak, AuditEvent, AuditVerification, Check, CreateApiKey, CreateUser, FieldError,
    Invitation, PatchUser, Permission, Problem, Readiness, Role, Session, User,
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
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().map(|part| example(document, part));
        let members = parts.filter_map(|part| part.as_object().cloned()).flatten();
        return Value::Object(members.collect());
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

fn document() -> Value {
    serde_json::from_str(include_str!("../../openapi.json")).unwrap()
}

fn names(value: &Value) -> Vec<&String> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().collect();
    names.sort();
    names
}

/// Whether a type takes what a schema describes, and tells all of it again.
fn assert_keeps_all_of<T: DeserializeOwned + Serialize>(schema: &str) {
    let document = document();
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
    assert_keeps_all_of::<ImportReport>("ImportReport");
    assert_keeps_all_of::<ImportError>("ImportError");
    assert_keeps_all_of::<ImportCounts>("ImportCounts");
    assert_keeps_all_of::<ImportSummary>("ImportSummary");
}

/// Whether what is sent has the members of a schema, all of them and no others.
fn assert_says_all_of(schema: &str, sent: &impl Serialize) {
    let members = document()["components"]["schemas"][schema]["properties"].clone();
    assert_eq!(names(&serde_json::to_value(sent).unwrap()), names(&members), "{schema}");
}

#[test]
fn every_member_of_a_request_can_be_sent() {
    let text = || "text".to_owned();
    let user = CreateUser {
        email: text(),
        name: text(),
        password: Some(text()),
        password_hash: Some(text()),
        roles: Some(vec![text()]),
        external_id: Some(text()),
        metadata: Some(Map::new()),
        private_metadata: Some(Map::new()),
        own_metadata: Some(Map::new()),
    };
    assert_says_all_of("CreateUser", &user);
    let patch = PatchUser {
        email: Some(text()),
        name: Some(text()),
        external_id: Some(None),
        metadata: Some(Map::new()),
        private_metadata: Some(Map::new()),
        own_metadata: Some(Map::new()),
    };
    assert_says_all_of("PatchUser", &patch);
    let (permissions, expires_at) = (vec![text()], Some(text()));
    assert_says_all_of("CreateApiKey", &CreateApiKey { name: text(), permissions, expires_at });
}
