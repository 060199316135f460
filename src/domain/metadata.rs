//! What an application keeps about a user: a JSON object that we do not read.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::Invalid;

/// The largest metadata, in bytes of compact JSON.
pub const MAX_BYTES: usize = 16 * 1024;
/// The deepest nesting of objects and arrays in it.
pub const MAX_DEPTH: usize = 16;

/// A change of such an object, a JSON Merge Patch (RFC 7396): a member that is null
/// is removed, an object is merged into what is there, anything else replaces it.
pub type MergePatch = Map<String, Value>;

/// A JSON object within the limits above, as the compact text that is stored: most of
/// them go from the database to a client, and nobody looks into them.
#[derive(Debug, Clone, Default)]
pub struct Metadata(Option<Box<RawValue>>);

impl Metadata {
    /// Accepts a JSON object within the limits.
    pub fn parse(value: Value) -> Result<Self, Invalid> {
        match value {
            Value::Object(members) => Self::of(members),
            _ => Err(Invalid::new("wrong_type", "must be an object")),
        }
    }

    /// The object after a change.
    pub fn merged(&self, patch: &MergePatch) -> Result<Self, Invalid> {
        let mut members = self.members();
        merge(&mut members, patch);
        Self::of(members)
    }

    /// The object.
    pub fn members(&self) -> Map<String, Value> {
        serde_json::from_str(self.as_json()).unwrap_or_default()
    }

    /// The object as a value.
    pub fn to_value(&self) -> Value {
        Value::Object(self.members())
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Compact JSON, as stored.
    pub fn as_json(&self) -> &str {
        self.0.as_deref().map_or("{}", RawValue::get)
    }

    /// The same, for who writes JSON; `None` is an object without members.
    pub fn as_raw(&self) -> Option<&RawValue> {
        self.0.as_deref()
    }

    /// From what [`Metadata::as_json`] gave.
    pub fn from_stored(json: String) -> Option<Self> {
        if json == "{}" {
            return Some(Self(None));
        }
        let json = RawValue::from_string(json).ok()?;
        json.get().starts_with('{').then_some(Self(Some(json)))
    }

    fn of(members: Map<String, Value>) -> Result<Self, Invalid> {
        if members.values().any(|value| depth(value) >= MAX_DEPTH) {
            let message = format!("must not be nested deeper than {MAX_DEPTH} levels");
            return Err(Invalid::new("too_deep", message));
        }
        let json = Value::Object(members).to_string();
        if json.len() > MAX_BYTES {
            let message = format!("must have at most {MAX_BYTES} bytes");
            return Err(Invalid::new("too_long", message));
        }
        Ok(Self::from_stored(json).unwrap_or_default())
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
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
            assert_eq!(merged.to_value(), result);
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
