//! What of one document another one does not keep.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Who writes what a schema describes.
#[derive(Clone, Copy, PartialEq)]
enum Writer {
    Client,
    Service,
}

/// The same schema in both documents.
type Pair<'a> = (&'a Value, &'a Value);

/// Two documents, and what the newer one breaks.
struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    broken: BTreeSet<String>,
}

/// What of the old document the new one does not keep at a time, in RFC 3339. An
/// operation that was deprecated may be gone once its sunset is past.
pub(crate) fn broken(old: &Value, new: &Value, now: &str) -> BTreeSet<String> {
    let mut comparison = Comparison { old, new, broken: BTreeSet::new() };
    for (path, item) in members(&old["paths"]) {
        for (method, operation) in members(item) {
            let place = format!("{} {path}", method.to_uppercase());
            match new["paths"][path].get(method) {
                Some(now) => comparison.operation(&place, operation, now),
                None if has_set(operation, now) => {}
                None => comparison.tell(&place, "is gone"),
            }
        }
    }
    comparison.broken
}

/// Whether clients were told long enough that an operation will be gone.
fn has_set(operation: &Value, now: &str) -> bool {
    // Times in UTC of one form are in the order of their texts.
    operation["deprecated"] == true && operation["x-sunset"].as_str().is_some_and(|at| at <= now)
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
        let (old, new) = (whole(self.old, pair.0), whole(self.new, pair.1));
        let (old, new) = (&old, &new);
        if has_alternatives(old) || has_alternatives(new) {
            self.alternatives(place, (old, new), writer, depth);
            if !(has_alternatives(old) && has_alternatives(new)) {
                return;
            }
        }
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
        self.items(place, (old, new), writer, depth);
        self.other_members(place, (old, new), writer, depth);
    }

    /// Of what can be one of several things, clients may still send each, and get no
    /// other.
    fn alternatives(&mut self, place: &str, (old, new): Pair<'_>, writer: Writer, depth: usize) {
        let (was, is) = (alternatives(old), alternatives(new));
        // Each of `needed` must be like one of `offered`.
        let (needed, offered) = match writer {
            Writer::Client => (&was, &is),
            Writer::Service => (&is, &was),
        };
        let in_order = |needed, offered| -> Pair<'_> {
            match writer {
                Writer::Client => (needed, offered),
                Writer::Service => (offered, needed),
            }
        };
        for one in needed.iter().copied() {
            let breaks = |other| {
                let mut trial =
                    Comparison { old: self.old, new: self.new, broken: BTreeSet::new() };
                trial.schema(&inside(place, one), in_order(one, other), writer, depth + 1);
                trial.broken
            };
            let told: Vec<_> = offered.iter().copied().map(breaks).collect();
            if told.iter().any(BTreeSet::is_empty) {
                continue;
            }
            // What has the same name is meant to be the same, and tells more.
            match offered.iter().position(|other| label(other) == label(one)) {
                Some(same) => self.broken.extend(told[same].iter().cloned()),
                None => self.tell(
                    &inside(place, one),
                    match writer {
                        Writer::Client => "is gone",
                        Writer::Service => "is something else that it may be now",
                    },
                ),
            }
        }
    }

    fn items(&mut self, place: &str, (old, new): Pair<'_>, writer: Writer, depth: usize) {
        let (was, is): (Vec<_>, Vec<_>) =
            (items(&old["prefixItems"]).collect(), items(&new["prefixItems"]).collect());
        for at in 0..was.len().max(is.len()) {
            let place = format!("{place}, item {at}");
            // Behind the first ones, all are alike.
            match (
                was.get(at).or(old.get("items").as_ref()),
                is.get(at).or(new.get("items").as_ref()),
            ) {
                (Some(was), Some(is)) => self.schema(&place, (was, is), writer, depth + 1),
                (None, Some(_)) if writer == Writer::Client => {
                    self.tell(&place, "must be of a kind now")
                }
                (Some(_), None) if writer == Writer::Service => {
                    self.tell(&place, "may be anything now")
                }
                _ => {}
            }
        }
        self.values(&format!("{place}, items"), (old, new), "items", writer, depth);
    }

    fn other_members(&mut self, place: &str, (old, new): Pair<'_>, writer: Writer, depth: usize) {
        self.values(&format!("{place}, others"), (old, new), "additionalProperties", writer, depth);
        self.values(&format!("{place}, names"), (old, new), "propertyNames", writer, depth);
    }

    /// What a word says of values that have no schema of their own: nothing, that there
    /// are none, or what they are.
    fn values(
        &mut self,
        place: &str,
        (old, new): Pair<'_>,
        word: &str,
        writer: Writer,
        depth: usize,
    ) {
        let (was, is) = (old.get(word), new.get(word));
        let is_open = |schema: Option<&Value>| schema.is_none_or(|schema| *schema == true);
        match (was, is, writer) {
            (Some(Value::Object(_)), Some(Value::Object(_)), _) => {
                let (was, is) = (&old[word], &new[word]);
                self.schema(place, (was, is), writer, depth + 1);
            }
            (was, Some(Value::Bool(false)), Writer::Client) if was != is => {
                self.tell(place, "must not be there now")
            }
            (was, Some(Value::Object(_)), Writer::Client) if is_open(was) => {
                self.tell(place, "must be of a kind now")
            }
            (Some(Value::Object(_)), is, Writer::Service) if is_open(is) => {
                self.tell(place, "may be anything now")
            }
            _ => {}
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

/// The schema that is meant, with the parts of its `allOf` as one.
fn whole(document: &Value, schema: &Value) -> Value {
    let mut whole = resolved(document, schema).clone();
    let Some(parts) = whole.as_object_mut().and_then(|words| words.remove("allOf")) else {
        return whole;
    };
    for part in items(&parts) {
        join(&mut whole, &self::whole(document, part));
    }
    whole
}

/// Adds what another schema asks for.
fn join(whole: &mut Value, part: &Value) {
    for (word, argument) in members(part) {
        match (&mut whole[word], argument) {
            (Value::Object(known), Value::Object(more)) => known.extend(more.clone()),
            (Value::Array(known), Value::Array(more)) => known.extend(more.iter().cloned()),
            (known, argument) => *known = argument.clone(),
        }
    }
}

fn has_alternatives(schema: &Value) -> bool {
    schema.get("anyOf").or(schema.get("oneOf")).is_some()
}

/// What it can be: itself, if there is nothing to choose from.
fn alternatives(schema: &Value) -> Vec<&Value> {
    let several: Vec<_> = items(&schema["anyOf"]).chain(items(&schema["oneOf"])).collect();
    if several.is_empty() { vec![schema] } else { several }
}

/// What an alternative is called: by its name, its type, or else by all of it.
fn label(schema: &Value) -> String {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    match name.or(schema["type"].as_str()) {
        Some(name) => name.to_owned(),
        None => schema.to_string(),
    }
}

fn inside(place: &str, alternative: &Value) -> String {
    format!("{place}, as {}", label(alternative))
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
