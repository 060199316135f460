//! What `openapi.baseline.json` promised, `openapi.json` keeps: a change that breaks
//! clients is declared in `openapi.breaking.json`, with its reason, or not made.
//! `make openapi-accept` makes what is promised now the next baseline.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn no_change_breaks_clients_unless_it_is_declared() {
    let broken = broken(&read("openapi.baseline.json"), &read("openapi.json"));
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

/// Who writes what a schema describes.
#[derive(Clone, Copy, PartialEq)]
enum Writer {
    Client,
    Service,
}

/// Two documents, and what the newer one breaks.
struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    broken: BTreeSet<String>,
}

/// What of the old document the new one does not keep.
fn broken(old: &Value, new: &Value) -> BTreeSet<String> {
    let mut comparison = Comparison { old, new, broken: BTreeSet::new() };
    for (path, item) in members(&old["paths"]) {
        for (method, operation) in members(item) {
            let place = format!("{} {path}", method.to_uppercase());
            match new["paths"][path].get(method) {
                Some(now) => comparison.operation(&place, operation, now),
                None => comparison.tell(&place, "is gone"),
            }
        }
    }
    comparison.broken
}

impl Comparison<'_> {
    fn tell(&mut self, place: &str, what: &str) {
        self.broken.insert(format!("{place}: {what}"));
    }

    fn operation(&mut self, place: &str, old: &Value, new: &Value) {
        self.parameters(place, old, new);
        let (old_body, new_body) = (&old["requestBody"], &new["requestBody"]);
        if old_body["required"] != true && new_body["required"] == true {
            self.tell(place, "a body is required now");
        }
        self.content(&format!("{place}, body"), (old_body, new_body), Writer::Client);
        for (status, answer) in members(&old["responses"]) {
            let place = format!("{place}, {status}");
            match new["responses"].get(status) {
                Some(now) => {
                    let answers = (resolved(self.old, answer), resolved(self.new, now));
                    self.content(&place, answers, Writer::Service);
                }
                None => self.tell(&place, "is gone"),
            }
        }
    }

    fn parameters(&mut self, place: &str, old: &Value, new: &Value) {
        let same = |a: &Value, b: &Value| a["name"] == b["name"] && a["in"] == b["in"];
        for parameter in items(&old["parameters"]) {
            let place = format!("{place}, {}", parameter["name"].as_str().unwrap_or("?"));
            match items(&new["parameters"]).find(|now| same(parameter, now)) {
                None => self.tell(&place, "is gone"),
                Some(now) => {
                    if parameter["required"] != true && now["required"] == true {
                        self.tell(&place, "is required now");
                    }
                    self.schema(&place, (&parameter["schema"], &now["schema"]), Writer::Client, 0);
                }
            }
        }
        for now in items(&new["parameters"]).filter(|now| now["required"] == true) {
            if !items(&old["parameters"]).any(|parameter| same(parameter, now)) {
                let place = format!("{place}, {}", now["name"].as_str().unwrap_or("?"));
                self.tell(&place, "is required now");
            }
        }
    }

    fn content(&mut self, place: &str, (old, new): (&Value, &Value), writer: Writer) {
        for (media_type, media) in members(&old["content"]) {
            let place = format!("{place}, {media_type}");
            match new["content"].get(media_type) {
                Some(now) => self.schema(&place, (&media["schema"], &now["schema"]), writer, 0),
                None => self.tell(&place, "is gone"),
            }
        }
    }

    fn schema(&mut self, place: &str, pair: (&Value, &Value), writer: Writer, depth: usize) {
        // Schemas may contain themselves; nobody writes deeper ones.
        if depth > 8 {
            return;
        }
        let (old, new) = (resolved(self.old, pair.0), resolved(self.new, pair.1));
        self.types(place, old, new, writer);
        self.bounds(place, old, new, writer);
        let (was, is) = (names(&old["required"]), names(&new["required"]));
        for (name, property) in members(&old["properties"]) {
            let place = format!("{place}, {name}");
            match new["properties"].get(name) {
                Some(now) => self.schema(&place, (property, now), writer, depth + 1),
                None => self.tell(&place, "is gone"),
            }
            if writer == Writer::Service
                && was.contains(name.as_str())
                && !is.contains(name.as_str())
            {
                self.tell(&place, "may be left out now");
            }
        }
        for name in is.difference(&was).filter(|_| writer == Writer::Client) {
            self.tell(&format!("{place}, {name}"), "is required now");
        }
        if let (Some(old), Some(new)) = (old.get("items"), new.get("items")) {
            self.schema(&format!("{place}, items"), (old, new), writer, depth + 1);
        }
    }

    /// Clients may send all that they could, and get nothing that they could not.
    fn types(&mut self, place: &str, old: &Value, new: &Value, writer: Writer) {
        let (was, is) = (names(&old["type"]), names(&new["type"]));
        let kept = match writer {
            Writer::Client => is.is_empty() || (was.is_subset(&is) && !was.is_empty()),
            Writer::Service => was.is_empty() || (is.is_subset(&was) && !is.is_empty()),
        };
        if !kept {
            self.tell(place, "is of another type now");
        }
        if old.get("format") != new.get("format") && new.get("format").is_some() {
            self.tell(place, "is of another format now");
        }
        let (was, is) = (names(&old["enum"]), names(&new["enum"]));
        if !is.is_empty() && (was.is_empty() || !was.is_subset(&is)) {
            self.tell(place, "allows fewer values now");
        }
    }

    fn bounds(&mut self, place: &str, old: &Value, new: &Value, writer: Writer) {
        if writer == Writer::Service {
            return;
        }
        for bound in ["maxLength", "maxItems", "maximum"] {
            let (was, is) = (old[bound].as_f64(), new[bound].as_f64());
            if is.is_some_and(|is| was.is_none_or(|was| is < was)) {
                self.tell(place, &format!("has a lower {bound} now"));
            }
        }
        for bound in ["minLength", "minItems", "minimum"] {
            let (was, is) = (old[bound].as_f64(), new[bound].as_f64());
            if is.is_some_and(|is| was.is_none_or(|was| is > was)) {
                self.tell(place, &format!("has a higher {bound} now"));
            }
        }
    }
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap_or(value),
        None => value,
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A text, or the texts of a list.
fn names(value: &Value) -> BTreeSet<&str> {
    value.as_str().into_iter().chain(items(value).filter_map(Value::as_str)).collect()
}

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
        assert_eq!(broken(&old, &new), BTreeSet::from([told]), "{place}");
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
    assert_eq!(broken(&old, &new), BTreeSet::new());
}
