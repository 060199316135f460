//! What an update is about, by its field mask (AIP-161).

use std::collections::BTreeSet;

use prost_types::{FieldMask, Struct};
use serde_json::{Map, Value};

use super::fields::Fields;
use super::{pb, structs};
use crate::domain::email::Email;
use crate::domain::external_id::ExternalId;
use crate::domain::metadata::{MAX_DEPTH, MergePatch};
use crate::domain::name::Name;
use crate::domain::user::ProfilePatch;
use crate::error::{Invalid, Result};

/// How many paths a mask has at most.
const MAX_PATHS: usize = 100;

/// The mask of an update that has none (AIP-134).
pub fn populated(user: &pb::User) -> FieldMask {
    let fields = [
        ("email", !user.email.is_empty()),
        ("name", !user.name.is_empty()),
        ("external_id", user.external_id.is_some()),
        ("metadata", user.metadata.is_some()),
        ("private_metadata", user.private_metadata.is_some()),
        ("own_metadata", user.own_metadata.is_some()),
    ];
    let paths = fields.into_iter().filter(|(_, is_there)| *is_there);
    FieldMask { paths: paths.map(|(name, _)| name.to_owned()).collect() }
}

/// What the mask names, taken from `user`.
pub fn patch(user: pb::User, mask: &FieldMask) -> Result<ProfilePatch> {
    let mut fields = Fields::default();
    let mut patch = ProfilePatch::default();
    let metadata = members(&mut fields, "user.metadata", user.metadata);
    let private = members(&mut fields, "user.private_metadata", user.private_metadata);
    let own = members(&mut fields, "user.own_metadata", user.own_metadata);
    for path in fields.check("update_mask", parts(mask)).unwrap_or_default() {
        match path.as_slice() {
            ["email"] => {
                patch.email = fields.required("user.email", &user.email, Email::parse);
            }
            ["name"] => {
                patch.name = fields.required("user.name", &user.name, Name::parse);
            }
            ["external_id"] => {
                let given = user.external_id.as_deref().filter(|given| !given.is_empty());
                let parsed = fields.optional("user.external_id", given, ExternalId::parse);
                patch.external_id = Some(parsed);
            }
            ["metadata", part @ ..] => merge(&metadata, part, &mut patch.metadata),
            ["private_metadata", part @ ..] => merge(&private, part, &mut patch.private_metadata),
            ["own_metadata", part @ ..] => merge(&own, part, &mut patch.own_metadata),
            _ => drop(fields.check::<()>("update_mask", Err(no_such_path(&path)))),
        }
    }
    fields.finish(|| Some(patch))
}

/// The paths of a mask in their segments, each once and none inside another one: what
/// they take together is no more than there is.
fn parts(mask: &FieldMask) -> Result<Vec<Vec<&str>>, Invalid> {
    if mask.paths.len() > MAX_PATHS {
        let message = format!("must have at most {MAX_PATHS} paths");
        return Err(Invalid::new("too_many", message));
    }
    // The field itself, and one segment for each level below.
    if mask.paths.iter().any(|path| path.split('.').nth(MAX_DEPTH.saturating_add(1)).is_some()) {
        let message = format!("must not go deeper than {MAX_DEPTH} levels");
        return Err(Invalid::new("too_deep", message));
    }
    let paths: BTreeSet<Vec<_>> = mask.paths.iter().map(|path| path.split('.').collect()).collect();
    let mut parts: Vec<Vec<_>> = Vec::with_capacity(paths.len());
    for path in paths {
        // What is inside of a path follows right behind it.
        if !parts.last().is_some_and(|outer| path.starts_with(outer)) {
            parts.push(path);
        }
    }
    Ok(parts)
}

fn members(fields: &mut Fields, name: &str, given: Option<Struct>) -> MergePatch {
    fields.check(name, structs::to_json(given.unwrap_or_default())).unwrap_or_default()
}

/// Puts what the mask names of an object, all or a part, into a merge patch.
fn merge(given: &MergePatch, part: &[&str], patch: &mut Option<MergePatch>) {
    let patch = patch.get_or_insert_default();
    match part.split_first() {
        Some((name, rest)) => take(name, rest, given, patch),
        None => patch.extend(given.clone()),
    }
}

/// Puts a part of an object, such as `address.city`, into a merge patch; what is
/// not there is removed.
fn take(name: &str, rest: &[&str], given: &Map<String, Value>, patch: &mut Map<String, Value>) {
    let value = given.get(name);
    let Some((inner_name, rest)) = rest.split_first() else {
        patch.insert(name.to_owned(), value.cloned().unwrap_or(Value::Null));
        return;
    };
    let nothing = Map::new();
    let given = value.and_then(Value::as_object).unwrap_or(&nothing);
    let inner = patch.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        take(inner_name, rest, given, inner);
    }
}

fn no_such_path(path: &[&str]) -> Invalid {
    let set_by_service =
        ["id", "email_verified_at", "roles", "created_at", "updated_at", "suspended_at", "version"];
    if let [name] = path
        && set_by_service.contains(name)
    {
        Invalid::new("read_only", format!("{name} is not changed by this method"))
    } else {
        Invalid::new("unknown_field", "must name fields of a user")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_part_of_the_metadata_is_taken_by_its_path() {
        let given = json!({"a": 1, "b": {"c": 2, "d": 3}});
        let mut patch = None;
        for part in [&["a"][..], &["b", "c"], &["b", "x"], &["y", "z"]] {
            merge(given.as_object().unwrap(), part, &mut patch);
        }
        let expected = json!({"a": 1, "b": {"c": 2, "x": null}, "y": {"z": null}});
        assert_eq!(Value::Object(patch.unwrap()), expected);
    }

    fn told(paths: &[String]) -> Result<Vec<String>, &'static str> {
        let mask = FieldMask { paths: paths.to_vec() };
        let told = parts(&mask).map(|parts| parts.iter().map(|part| part.join(".")).collect());
        told.map_err(|reason| reason.code)
    }

    #[test]
    fn what_is_named_twice_counts_once() {
        let paths = ["name", "metadata.a.b", "metadata.ab", "name", "metadata.a", "metadata.a.c"];
        let parts = told(&paths.map(str::to_owned));
        assert_eq!(parts.unwrap(), ["metadata.a", "metadata.ab", "name"]);
        let parts = told(&["metadata.a", "metadata"].map(str::to_owned));
        assert_eq!(parts.unwrap(), ["metadata"]);
    }

    #[test]
    fn a_mask_has_bounds() {
        let deep = |levels| format!("metadata{}", ".a".repeat(levels));
        assert_eq!(told(&[deep(16)]).unwrap(), [deep(16)]);
        assert_eq!(told(&[deep(17)]), Err("too_deep"));
        assert_eq!(told(&[deep(400_000)]), Err("too_deep"));
        let many = |paths| (0..paths).map(|path| format!("metadata.{path}")).collect::<Vec<_>>();
        assert_eq!(told(&many(100)).unwrap().len(), 100);
        assert_eq!(told(&many(101)), Err("too_many"));
    }
}
