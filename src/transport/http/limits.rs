//! Every limit of a request, for those who read about them: docs/limits.md and
//! `/openapi.json` are made of this table. What is limited by rate has its own, in
//! [`rate_limit`](crate::domain::rate_limit).

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::{finding, headers, invitations, json, json_patch, records, strict_json};
use crate::config::SETTINGS;
use crate::domain::finding as filters;
use crate::domain::{audit, email, external_id, idempotency, metadata, name, page, password};
use crate::domain::{password_hash, role, session};
use crate::service::batches;

/// A limit.
pub struct Limit {
    /// For programs; stable.
    pub name: &'static str,
    /// Of what.
    pub what: &'static str,
    /// How much may be, or must be.
    pub bound: Bound,
    /// Of what it is so much.
    pub unit: &'static str,
    /// What happens to a request beyond it.
    pub beyond: Beyond,
}

/// How much may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// So much and no more.
    Most(usize),
    /// So much and no less.
    Least(usize),
    /// What the operator says: the setting, and what it is unless set.
    Setting(&'static str, usize),
    /// The same from below.
    LeastBySetting(&'static str, usize),
}

/// What happens beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// The request gets a problem of this status and code.
    Problem(u16, &'static str),
    /// It gets 422 `validation_failed`, with an error of this code.
    Invalid(&'static str),
    /// Something else: a sentence.
    Else(&'static str),
}

use Beyond::{Else, Invalid, Problem};
use Bound::{Least, LeastBySetting, Most, Setting};

const fn limit(
    name: &'static str,
    what: &'static str,
    bound: Bound,
    unit: &'static str,
    beyond: Beyond,
) -> Limit {
    Limit { name, what, bound, unit, beyond }
}

const MALFORMED: Beyond = Problem(400, "malformed_request");

/// The table.
#[rustfmt::skip]
pub const LIMITS: &[Limit] = &[
    limit("target_bytes", "path and query", Most(headers::MAX_TARGET_BYTES), "bytes", Problem(414, "uri_too_long")),
    limit("header_fields", "header fields", Most(headers::MAX_FIELDS), "fields", Problem(431, "header_fields_too_large")),
    limit("header_bytes", "names and values of all header fields", Most(headers::MAX_FIELD_BYTES), "bytes", Problem(431, "header_fields_too_large")),
    limit("body_bytes", "body, but for imports", Setting("body_limit", 1 << 20), "bytes", Problem(413, "payload_too_large")),
    limit("json_levels", "arrays and objects in each other", Most(strict_json::MAX_DEPTH), "levels", MALFORMED),
    limit("request_seconds", "time until an answer begins", Setting("request_timeout", 10), "seconds", Problem(504, "timeout")),
    limit("idempotency_key_characters", "`Idempotency-Key`", Most(idempotency::MAX_LENGTH), "characters", MALFORMED),
    limit("idempotency_key_anonymous_characters", "`Idempotency-Key` without a credential", Least(idempotency::MIN_ANONYMOUS_LENGTH), "characters", MALFORMED),
    limit("errors_listed", "`errors` of an answer", Most(json::MAX_ERRORS), "items", Else("the first ones are listed")),
    limit("page_items", "`limit` of a list", Most(page::MAX_LIMIT as usize), "items", Invalid("out_of_range")),
    limit("cursor_bytes", "`cursor` of a list", Most(page::MAX_CURSOR_BYTES), "bytes", Invalid("invalid_cursor")),
    limit("filter_bytes", "`filter`", Most(filters::MAX_BYTES), "bytes", Invalid("too_long")),
    limit("filter_comparisons", "comparisons of a `filter`", Most(filters::MAX_CONDITIONS), "comparisons", Invalid("too_many")),
    limit("filter_levels", "parentheses of a `filter` in each other", Most(filters::MAX_DEPTH), "levels", Invalid("too_deep")),
    limit("selected_fields", "names in `fields`", Most(finding::MAX_FIELDS), "names", Invalid("invalid_fields")),
    limit("audit_term_bytes", "`kind`, `actor`, `subject`, `hash` of the audit trail", Most(audit::MAX_TERM_BYTES), "bytes", Invalid("invalid_term")),
    limit("email_bytes", "email address", Most(email::MAX_BYTES), "bytes", Invalid("too_long")),
    limit("email_local_bytes", "email address before the `@`", Most(email::MAX_LOCAL_BYTES), "bytes", Invalid("invalid_email")),
    limit("name_characters", "name of a user or an API key", Most(name::MAX_CHARS), "characters", Invalid("too_long")),
    limit("external_id_characters", "`external_id`", Most(external_id::MAX_CHARS), "characters", Invalid("too_long")),
    limit("device_characters", "`device` of a session", Most(session::MAX_DEVICE_CHARS), "characters", Invalid("too_long")),
    limit("password_characters", "password", Most(password::MAX_CHARS), "characters", Invalid("too_long")),
    limit("password_least_characters", "new password", LeastBySetting("password_min_length", 8), "characters", Invalid("too_short")),
    limit("password_hash_bytes", "`password_hash`", Most(password_hash::MAX_BYTES), "bytes", Invalid("too_long")),
    limit("metadata_bytes", "each kind of metadata, as compact JSON", Most(metadata::MAX_BYTES), "bytes", Invalid("too_long")),
    limit("metadata_levels", "arrays and objects of metadata in each other, itself counted", Most(metadata::MAX_DEPTH), "levels", Invalid("too_deep")),
    limit("user_roles", "roles of a user", Most(role::MAX_ROLES), "roles", Invalid("too_many")),
    limit("invitation_roles", "roles of an invitation", Most(invitations::MAX_ROLES), "roles", Invalid("too_many")),
    limit("role_name_characters", "name of a role", Most(role::MAX_CHARS), "characters", Invalid("invalid_role")),
    limit("permissions", "permissions of a role or an API key", Most(role::MAX_PERMISSIONS), "permissions", Invalid("too_many")),
    limit("permission_characters", "permission", Most(role::MAX_CHARS), "characters", Invalid("invalid_permission")),
    limit("patch_operations", "operations of a JSON Patch", Most(json_patch::MAX_OPERATIONS), "operations", Invalid("too_many")),
    limit("patched_bytes", "what a JSON Patch makes of a user in between, as compact JSON", Most(json_patch::MAX_SIZE), "bytes", Invalid("too_large")),
    limit("patched_levels", "the same, arrays and objects in each other", Most(json_patch::MAX_DEPTH), "levels", Invalid("too_large")),
    limit("batch_operations", "operations of a batch", Most(batches::MAX_OPERATIONS), "operations", Invalid("too_many")),
    limit("batch_passwords", "passwords of a batch that must be hashed", Most(batches::MAX_PASSWORDS), "passwords", Invalid("too_many_passwords")),
    limit("record_bytes", "line of an import, with its end", Most(records::MAX_RECORD_BYTES), "bytes", Else("this line fails with `malformed_request`")),
    limit("idle_seconds", "pause of a client that imports", Setting("request_timeout", 10), "seconds", Else("the import ends with `idle`")),
];

impl Bound {
    /// How much that is, unless the operator says otherwise.
    pub const fn amount(self) -> usize {
        match self {
            Most(amount) | Least(amount) | Setting(_, amount) | LeastBySetting(_, amount) => amount,
        }
    }

    /// Whether less is too little, rather than more too much.
    pub const fn is_least(self) -> bool {
        matches!(self, Least(_) | LeastBySetting(..))
    }

    /// The setting that decides.
    pub const fn setting(self) -> Option<&'static str> {
        match self {
            Setting(name, _) | LeastBySetting(name, _) => Some(name),
            Most(_) | Least(_) => None,
        }
    }
}

/// The table as the member `x-limits` of the document.
pub fn described() -> Value {
    let limits = LIMITS.iter().map(|limit| {
        let mut told = Map::new();
        let mut put = |name: &str, value: Value| told.insert(name.to_owned(), value);
        let bound = if limit.bound.is_least() { "minimum" } else { "maximum" };
        put("description", json!(limit.what));
        put(bound, json!(limit.bound.amount()));
        put("unit", json!(limit.unit));
        if let Some(setting) = limit.bound.setting() {
            put("setting", json!(setting));
        }
        match limit.beyond {
            Problem(status, code) => {
                put("status", json!(status));
                put("code", json!(code));
            }
            Invalid(error) => {
                put("status", json!(422));
                put("code", json!("validation_failed"));
                put("error", json!(error));
            }
            Else(sentence) => {
                put("beyond", json!(sentence));
            }
        }
        (limit.name.to_owned(), Value::Object(told))
    });
    Value::Object(limits.collect())
}

/// The table as it stands in docs/limits.md.
pub fn table() -> String {
    let mut table =
        "| what | limit | beyond it | in `x-limits` |\n| --- | --- | --- | --- |\n".to_owned();
    for Limit { name, what, bound, unit, beyond } in LIMITS {
        let least = if bound.is_least() { "at least " } else { "" };
        let setting = bound.setting().and_then(|name| {
            let setting = SETTINGS.iter().find(|setting| setting.name == name)?;
            Some(format!("`{name}`, {} unless set", setting.default?))
        });
        let amount = setting.unwrap_or_else(|| format!("{} {unit}", grouped(bound.amount())));
        let beyond = match beyond {
            Problem(status, code) => format!("{status} `{code}`"),
            Invalid(code) => format!("422 `{code}`"),
            Else(sentence) => (*sentence).to_owned(),
        };
        // Writing to a text does not fail.
        let _ = writeln!(table, "| {what} | {least}{amount} | {beyond} | `{name}` |");
    }
    table
}

/// A number with commas between its thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 3 == first {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
