//! JSON Patch (RFC 6902): operations on what the caller may write, all or none.

use std::slice;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use json_patch::{PatchErrorKind, PatchOperation, TestOperation};
use serde_json::Value;
use utoipa::ToSchema;

use super::extract::FromFields;
use super::json::{self, Fields};
use super::problem::Problem;
use crate::app::App;
use crate::error::{Error, Invalid, Result};

/// What it is sent as.
pub const MEDIA_TYPE: &str = "application/json-patch+json";
/// The most operations of one patch.
pub const MAX_OPERATIONS: usize = 100;
/// How large what is patched may become in between, in bytes of JSON: a few copies
/// of copies are larger than any memory.
pub const MAX_SIZE: usize = 128 << 10;
/// How many levels it may have in between.
pub const MAX_DEPTH: usize = 32;

/// An operation of a JSON Patch (RFC 6902). Its pointers (RFC 6901) name members, and
/// not the whole.
#[derive(ToSchema)]
#[schema(as = JsonPatchOperation)]
#[serde(untagged)]
pub enum OperationBody {
    /// Sets a member to a value, or fails unless it is that.
    Value {
        /// What is done.
        #[schema(pattern = "^(add|replace|test)$", example = "add")]
        op: String,
        /// Where it is done: a JSON Pointer.
        #[schema(pattern = "^(/([^/~]|~[01])*)+$", example = "/own_metadata/name")]
        path: String,
        /// What is put there, or has to be there.
        value: Value,
    },
    /// Takes a member from one place to another.
    From {
        /// What is done.
        #[schema(pattern = "^(move|copy)$", example = "copy")]
        op: String,
        /// Where it is taken from: a JSON Pointer.
        #[schema(pattern = "^(/([^/~]|~[01])*)+$", example = "/name")]
        from: String,
        /// Where it is done: a JSON Pointer.
        #[schema(pattern = "^(/([^/~]|~[01])*)+$", example = "/own_metadata/name")]
        path: String,
    },
    /// Takes a member away.
    Remove {
        /// What is done.
        #[schema(pattern = "^remove$", example = "remove")]
        op: String,
        /// Where it is done: a JSON Pointer.
        #[schema(pattern = "^(/([^/~]|~[01])*)+$", example = "/own_metadata/name")]
        path: String,
    },
}

/// A JSON Patch (RFC 6902) of at most 100 operations.
#[derive(ToSchema)]
#[schema(as = JsonPatch, max_items = 100)]
#[expect(dead_code, reason = "describes what JsonPatch::parse reads")]
pub struct JsonPatchBody(Vec<OperationBody>);

/// Operations that are carried out in order.
pub struct JsonPatch(Vec<PatchOperation>);

impl JsonPatch {
    fn parse(value: Value) -> Result<Self> {
        let Value::Array(items) = value else {
            return Err(Error::invalid("", Invalid::new("wrong_type", "must be an array")));
        };
        if items.len() > MAX_OPERATIONS {
            let message = format!("must have at most {MAX_OPERATIONS} operations");
            return Err(Error::invalid("", Invalid::new("too_many", message)));
        }
        let operations = items.into_iter().enumerate().map(|(place, item)| {
            let operation = serde_json::from_value(item).ok().filter(names_members);
            operation.ok_or_else(|| {
                let message =
                    "must be an operation of RFC 6902 with all that it needs, and not on the whole";
                Error::invalid(place.to_string(), Invalid::new("invalid_operation", message))
            })
        });
        operations.collect::<Result<_>>().map(Self)
    }

    /// Carries the operations out; none of them unless all can be.
    ///
    /// # Errors
    ///
    /// A conflict where a `test` fails or a pointer names nothing that is there (RFC
    /// 5789, 2.2), else what is wrong with which operation.
    pub fn apply(&self, mut document: Value) -> Result<Value> {
        for (place, operation) in self.0.iter().enumerate() {
            // The document is a copy: there is nothing to undo when it fails.
            let done = match operation {
                PatchOperation::Test(test) => tested(&document, test),
                change => json_patch::patch_unsafe(&mut document, slice::from_ref(change))
                    .map_err(|error| error.kind),
            };
            done.map_err(|kind| failed(place, &kind))?;
            if depth(&document) > MAX_DEPTH || document.to_string().len() > MAX_SIZE {
                let reason = Invalid::new("too_large", "makes the user too large");
                return Err(Error::invalid(place.to_string(), reason));
            }
        }
        Ok(document)
    }
}

/// Numbers are the same by their value, however they are written (RFC 6902, 4.6).
fn tested(document: &Value, test: &TestOperation) -> Result<(), PatchErrorKind> {
    let there = document.pointer(test.path.as_str()).ok_or(PatchErrorKind::InvalidPointer)?;
    if is_same(there, &test.value) { Ok(()) } else { Err(PatchErrorKind::TestFailed) }
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || (one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let is_there =
                |(name, value)| other.get(name).is_some_and(|other| is_same(value, other));
            one.len() == other.len() && one.iter().all(is_there)
        }
        _ => one == other,
    }
}

/// Whether an operation is about parts: the whole is replaced by PUT.
fn names_members(operation: &PatchOperation) -> bool {
    let from = match operation {
        PatchOperation::Move(step) => Some(&step.from),
        PatchOperation::Copy(step) => Some(&step.from),
        _ => None,
    };
    !operation.path().is_root() && !from.is_some_and(|from| from.is_root())
}

fn failed(place: usize, kind: &PatchErrorKind) -> Error {
    let (code, what) = match kind {
        PatchErrorKind::TestFailed => ("patch_test_failed", "failed"),
        PatchErrorKind::InvalidFromPointer => {
            ("patch_conflict", "is from where there is nothing that you may write")
        }
        PatchErrorKind::CannotMoveInsideItself => ("patch_conflict", "moves something into itself"),
        _ => ("patch_conflict", "names nothing that is there and that you may write"),
    };
    Error::conflict(code, format!("Operation {place} {what}. Nothing was changed."))
}

/// How many levels of arrays and objects there are.
fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return 0,
    };
    deepest.unwrap_or(0).saturating_add(1)
}

/// The body of a PATCH, in either of its forms.
pub enum Change<T> {
    /// A JSON Merge Patch.
    Merge(T),
    /// A JSON Patch.
    Operations(JsonPatch),
}

impl<T: FromFields> FromRequest<Arc<App>> for Change<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let media_types = [T::MEDIA_TYPES, &[MEDIA_TYPE]].concat();
        let value = json::read(&parts.headers, body, app.config.body_limit, &media_types).await?;
        if json::media_type(&parts.headers, &[MEDIA_TYPE]).is_some() {
            return Ok(Self::Operations(JsonPatch::parse(value)?));
        }
        Ok(Self::Merge(T::from_fields(Fields::of(value)?, app)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_test_compares_values_and_not_how_they_are_written() {
        let there = json!({"a": [1, {"b": 2.0}], "c": 9_007_199_254_740_993_u64});
        for (path, value, is_same) in [
            ("/a/0", "1.0", true),
            ("/a/0", "1e0", true),
            ("/a/0", "1.1", false),
            ("/a", r#"[1.0,{"b":2}]"#, true),
            ("/a", r#"[1,{"b":2,"c":null}]"#, false),
            ("/a", r#"[1]"#, false),
            ("/a/1/b", "\"2\"", false),
            ("/c", "9007199254740993", true),
            ("/c", "9007199254740992", false),
        ] {
            let value: Value = serde_json::from_str(value).unwrap();
            let test = json!([{"op": "test", "path": path, "value": value}]);
            let done = JsonPatch::parse(test).unwrap().apply(there.clone());
            assert_eq!(done.is_ok(), is_same, "{path} and {value}");
        }
    }

    #[test]
    fn copies_of_copies_end_before_they_are_large() {
        let copy = json!({"op": "copy", "from": "/a", "path": "/a/b"});
        let long = json!({"op": "copy", "from": "/a", "path": "/b"});
        let deep = JsonPatch::parse(Value::Array(vec![copy; 100])).unwrap();
        assert!(deep.apply(json!({"a": {}})).is_err());
        let texts = vec!["x".repeat(1000); 70];
        let wide = JsonPatch::parse(json!([long])).unwrap();
        assert!(wide.apply(json!({"a": texts})).is_err());
    }
}
