//! What the texts of requests look like, in the description of the API: the rules
//! are the domain's, and a client should not have to try them out.

use serde_json::{Map, Value, json};

use super::entity_tags;
use super::exports::Format;
use super::finding;
use super::imports::report::Told;
use crate::domain::audit::{MAX_TERM_BYTES, Term};
use crate::domain::external_id::{ExternalId, MAX_CHARS};
use crate::domain::factor::{Code, TotpCode};
use crate::domain::finding::Field;
use crate::domain::name::Name;
use crate::domain::one_time_token::EmailCode;
use crate::domain::page;
use crate::domain::role::{self, Permission, RoleName};
use crate::domain::session::Device;

/// Members of a request that mean something else than elsewhere, by their schema.
const OF_SCHEMAS: &[(&str, &str, &str)] = &[
    ("CreateRole", "name", RoleName::PATTERN),
    ("ReplaceRole", "name", RoleName::PATTERN),
    ("ConfirmEmailCode", "code", EmailCode::PATTERN),
    ("TotpCode", "code", TotpCode::PATTERN),
];

/// Members of every other request.
const MEMBERS: &[(&str, &str)] = &[
    ("name", Name::PATTERN),
    ("external_id", ExternalId::PATTERN),
    ("code", Code::PATTERN),
    ("device", Device::PATTERN),
];

/// Items of lists.
const ITEMS: &[(&str, &str)] =
    &[("permissions", Permission::PATTERN), ("roles", RoleName::PATTERN)];

/// Parameters of queries, with the longest that they may be.
const PARAMETERS: &[(&str, &str, usize)] = &[
    ("cursor", page::CURSOR_PATTERN, page::MAX_CURSOR_BYTES),
    ("external_id", ExternalId::PATTERN, MAX_CHARS),
    ("kind", Term::PATTERN, MAX_TERM_BYTES),
    ("actor", Term::PATTERN, MAX_TERM_BYTES),
    ("subject", Term::PATTERN, MAX_TERM_BYTES),
    ("hash", Term::PATTERN, MAX_TERM_BYTES),
];

/// Describes the texts in the schema of a request.
pub fn describe_schema(name: &str, schema: &mut Map<String, Value>) {
    let Some(members) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (member, schema) in members {
        let of_schema = OF_SCHEMAS.iter().find(|(owner, own, _)| *owner == name && own == member);
        let of_all = MEMBERS.iter().find(|(own, _)| own == member);
        if let Some(pattern) = of_schema.map(|rule| rule.2).or(of_all.map(|rule| rule.1)) {
            set(schema, "pattern", json!(pattern));
        }
        if let Some((_, pattern)) = ITEMS.iter().find(|(own, _)| own == member)
            && let Some(items) = schema.get_mut("items")
        {
            set(items, "pattern", json!(pattern));
            set(items, "maxLength", json!(role::MAX_CHARS));
        }
    }
}

/// What a parameter of a query may be, where there are only so many.
fn values(name: &str) -> Option<Vec<String>> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match name {
        "format" => Some(owned(Format::NAMES)),
        "report" => Some(owned(Told::NAMES)),
        "sort" => {
            let sortable = Field::ALL.into_iter().filter(|field| field.is_sortable());
            Some(sortable.flat_map(|f| [f.name().to_owned(), format!("-{}", f.name())]).collect())
        }
        _ => None,
    }
}

/// What `fields` looks like, as a regular expression of ECMA-262.
fn members_pattern() -> String {
    let name = format!(" *({}) *", finding::MEMBERS.join("|"));
    format!("^{name}(,{name}){{0,{}}}$", finding::MAX_FIELDS.saturating_sub(1))
}

/// Describes the text of a parameter.
pub fn describe_parameter(parameter: &mut Value) {
    let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if parameter.get("in").and_then(Value::as_str) == Some("query")
        && let Some(schema) = parameter.get_mut("schema")
    {
        if let Some(values) = values(&name) {
            set(schema, "enum", json!(values));
        }
        match name.as_str() {
            "fields" => set(schema, "pattern", json!(members_pattern())),
            "email" => set(schema, "format", json!("email")),
            "filter" | "external_id" => set(schema, "minLength", json!(1)),
            _ => {}
        }
    }
    if name == "If-Match"
        && let Some(schema) = parameter.get_mut("schema")
    {
        set(schema, "pattern", json!(entity_tags::PATTERN));
    }
    let rule = PARAMETERS.iter().find(|(own, _, _)| *own == name);
    let place = parameter.get("in").and_then(Value::as_str);
    if let (Some((_, pattern, longest)), Some("query")) = (rule, place)
        && let Some(schema) = parameter.get_mut("schema")
    {
        set(schema, "pattern", json!(pattern));
        set(schema, "maxLength", json!(longest));
    }
}

fn set(schema: &mut Value, keyword: &str, value: Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(keyword.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Sort;
    use crate::transport::http::finding::Members;
    use regex_lite::Regex;

    /// A pattern, and whether a text is one of those that it describes.
    type Rule<'a> = (&'a str, fn(&str) -> bool);

    #[test]
    fn what_is_named_as_a_value_is_taken() {
        let (formats, reports) = (values("format").unwrap(), values("report").unwrap());
        assert!(formats.iter().all(|text| Format::parse(text).is_ok()));
        assert!(reports.iter().all(|text| Told::parse(text).is_ok()));
        let sorts = values("sort").unwrap();
        assert!(sorts.iter().all(|text| Sort::parse(text).is_ok()));
        assert_eq!(sorts.len(), 14);
    }

    #[test]
    fn the_patterns_say_what_the_domain_accepts() {
        let rules: [Rule<'_>; 8] = [
            (ExternalId::PATTERN, |text| ExternalId::parse(text).is_ok()),
            (Name::PATTERN, |text| Name::parse(text).is_ok()),
            (Permission::PATTERN, |text| Permission::parse(text).is_ok()),
            (RoleName::PATTERN, |text| RoleName::parse(text).is_ok()),
            (Device::PATTERN, |text| Device::parse(text).is_ok()),
            (Term::PATTERN, |text| Term::parse(text).is_ok()),
            (EmailCode::PATTERN, |text| EmailCode::parse(text).is_ok()),
            (Code::PATTERN, |text| Code::parse(text).is_ok()),
        ];
        let members = members_pattern();
        let fields: Rule<'_> = (&members, |text| Members::parse(text).is_ok());
        let texts = [
            "",
            " ",
            "\n",
            "\0",
            "-",
            "a",
            "a-1",
            "1a",
            "A",
            "é",
            "users:read",
            "users:",
            ":read",
            "users:read:all",
            "Users:read",
            "a b",
            " a ",
            "a\n",
            "\u{7f}",
            "\u{202e}a",
            "a\u{feff}",
            "12345678",
            "1234 5678",
            "1234-567",
            "123456789",
            " 1 2 3 4 5 6 7 8 ",
            "123456",
            "abcd-efgh-ijkl-mnop",
            "ABCDEFGHIJKLMNOP",
            "abcd-efgh-ijkl-mno1",
            "abcd",
            "_.:-",
            "id",
            "id,email",
            " id , own_metadata,id ",
            "id,",
            ",id",
            "id\t",
            "id,nothing",
            &["id"; 13].join(","),
            &["id"; 14].join(","),
        ];
        for (pattern, accepts) in rules.into_iter().chain([fields]) {
            let regex = Regex::new(pattern).unwrap();
            for text in texts {
                assert_eq!(regex.is_match(text), accepts(text), "{text:?} and {pattern}");
            }
        }
    }
}
