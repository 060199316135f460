//! What the texts of requests look like, in the description of the API: the rules
//! are the domain's, and a client should not have to try them out.

use serde_json::{Map, Value, json};

use crate::domain::audit::{MAX_TERM_BYTES, Term};
use crate::domain::factor::{Code, TotpCode};
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
const MEMBERS: &[(&str, &str)] =
    &[("name", Name::PATTERN), ("code", Code::PATTERN), ("device", Device::PATTERN)];

/// Items of lists.
const ITEMS: &[(&str, &str)] =
    &[("permissions", Permission::PATTERN), ("roles", RoleName::PATTERN)];

/// Parameters of queries, with the longest that they may be.
const PARAMETERS: &[(&str, &str, usize)] = &[
    ("cursor", page::CURSOR_PATTERN, page::MAX_CURSOR_BYTES),
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

/// Describes the text of a parameter.
pub fn describe_parameter(parameter: &mut Value) {
    let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
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
    use regex_lite::Regex;

    /// A pattern, and whether a text is one of those that it describes.
    type Rule = (&'static str, fn(&str) -> bool);

    #[test]
    fn the_patterns_say_what_the_domain_accepts() {
        let rules: [Rule; 7] = [
            (Name::PATTERN, |text| Name::parse(text).is_ok()),
            (Permission::PATTERN, |text| Permission::parse(text).is_ok()),
            (RoleName::PATTERN, |text| RoleName::parse(text).is_ok()),
            (Device::PATTERN, |text| Device::parse(text).is_ok()),
            (Term::PATTERN, |text| Term::parse(text).is_ok()),
            (EmailCode::PATTERN, |text| EmailCode::parse(text).is_ok()),
            (Code::PATTERN, |text| Code::parse(text).is_ok()),
        ];
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
        ];
        for (pattern, accepts) in rules {
            let regex = Regex::new(pattern).unwrap();
            for text in texts {
                assert_eq!(regex.is_match(text), accepts(text), "{text:?} and {pattern}");
            }
        }
    }
}
