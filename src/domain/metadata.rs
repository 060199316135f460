//! What an application keeps about a user: a JSON object that we do not read.

use serde_json::{Map, Value};

use crate::error::Invalid;

/// The largest metadata, in bytes of compact JSON.
pub const MAX_BYTES: usize = 16 * 1024;
/// The deepest nesting of objects and arrays in it.
pub const MAX_DEPTH: usize = 16;

/// A change of such an object, a JSON Merge Patch (RFC 7396): a member that is null
/// is removed, an object is merged into what is there, anything else replaces it.
pub type MergePatch = Map<String, Value>;

/// A JSON object within the limits above.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// Accepts a JSON object within the limits.
    pub fn parse(value: Value) -> Result<Self, Invalid> {
        let Value::Object(members) = value else {
            return Err(Invalid::new("wrong_type", "must be an object"));
        };
        Self(members).checked()
    }

    /// The object after a change.
    pub fn merged(&self, patch: &MergePatch) -> Result<Self, Invalid> {
        let mut members = self.0.clone();
        merge(&mut members, patch);
        Self(members).checked()
    }

    /// The object.
    pub fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object as a value.
    pub fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// Compact JSON, as stored.
    pub fn to_json(&self) -> String {
        self.to_value().to_string()
    }

    /// From what [`Metadata::to_json`] wrote.
    pub fn from_stored(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok().map(Self)
    }

    fn checked(self) -> Result<Self, Invalid> {
        if self.0.values().any(|value| depth(value) >= MAX_DEPTH) {
            let message = format!("must not be nested deeper than {MAX_DEPTH} levels");
            return Err(Invalid::new("too_deep", message));
        }
        if self.to_json().len() > MAX_BYTES {
            let message = format!("must have at most {MAX_BYTES} bytes");
            return Err(Invalid::new("too_long", message));
        }
        Ok(self)
    }
}

fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.remove(name);
            }
            Value::Object(inner) => {
                let slot = target.entry(name.clone()).or_insert(Value::Null);
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(members) = slot {
                    merge(members, inner);
                }
            }
            other => {
                target.insert(name.clone(), other.clone());
            }
        }
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.values().map(depth).max().unwrap_or(0).saturating_add(1),
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0).saturating_add(1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The cases of RFC 7396, appendix A, whose target and patch are objects.
    #[test]
    fn merging_follows_rfc_7396() {
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let metadata = Metadata::parse(target).unwrap();
            let merged = metadata.merged(patch.as_object().unwrap()).unwrap();
            assert_eq!(Value::Object(merged.0), result);
        }
    }

    #[test]
    fn metadata_is_an_object_within_limits() {
        assert!(Metadata::parse(json!([])).is_err());
        let fits = json!({"a": "x".repeat(MAX_BYTES - 8)});
        assert!(Metadata::parse(fits).is_ok());
        assert!(Metadata::parse(json!({"a": "x".repeat(MAX_BYTES - 7)})).is_err());
        let mut nested = json!(1);
        for _ in 0..MAX_DEPTH - 1 {
            nested = json!([nested]);
        }
        assert!(Metadata::parse(json!({"a": nested})).is_ok());
        assert!(Metadata::parse(json!({"a": [nested]})).is_err());
    }
}
