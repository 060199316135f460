//! Entity tags (RFC 9110, 8.8.3), as they come in `If-Match` and `If-None-Match`.

use axum::http::HeaderValue;
use axum::http::header::GetAll;

/// What a field looks like that names something, as a regular expression of ECMA-262.
pub const PATTERN: &str = r#"^(\*|(W/)?"[\t !#-~]*"([\t ]*,[\t ,]*(W/)?"[\t !#-~]*")*)$"#;

/// One tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityTag<'a> {
    /// Whether it stands for what means the same rather than for the same bytes.
    pub weak: bool,
    /// What stands between the quotes, which may be a comma too.
    pub opaque: &'a str,
}

/// What a client names.
#[derive(Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// `*`: whatever there is.
    Any,
    /// These.
    Tags(Vec<EntityTag<'a>>),
}

/// The tags in all fields of a name; `None` where they are not well-formed.
pub fn read(fields: GetAll<'_, HeaderValue>) -> Option<Named<'_>> {
    let mut tags = Vec::new();
    for field in fields {
        let field = field.to_str().ok()?;
        if field.trim() == "*" {
            return Some(Named::Any);
        }
        let mut rest = field;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let (tag, after) = first(rest)?;
            tags.push(tag);
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
    }
    Some(Named::Tags(tags))
}

fn first(text: &str) -> Option<(EntityTag<'_>, &str)> {
    let (weak, quoted) = match text.strip_prefix("W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
    Some((EntityTag { weak, opaque }, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderMap, HeaderName, header};

    const NAME: HeaderName = header::IF_MATCH;

    fn check(fields: &[&'static str], expected: Option<Named<'_>>) {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(NAME, HeaderValue::from_static(field));
        }
        assert_eq!(read(headers.get_all(NAME)), expected, "{fields:?}");
    }

    fn strong(opaque: &str) -> EntityTag<'_> {
        EntityTag { weak: false, opaque }
    }

    #[test]
    fn tags_are_a_list_in_one_field_or_in_many() {
        check(&[], Some(Named::Tags(vec![])));
        check(&[" * "], Some(Named::Any));
        check(&["\"3\""], Some(Named::Tags(vec![strong("3")])));
        let three = vec![strong("3"), strong("4"), strong("5")];
        check(&["\"3\",,\t\"4\" ,", "\"5\""], Some(Named::Tags(three)));
        let weak = EntityTag { weak: true, opaque: "" };
        check(&["W/\"\""], Some(Named::Tags(vec![weak])));
    }

    #[test]
    fn the_pattern_says_what_is_well_formed() {
        let pattern = regex_lite::Regex::new(PATTERN).unwrap();
        for (field, is_named) in [
            ("*", true),
            ("\"\"", true),
            ("W/\"1\"", true),
            ("\"1\",\"a,b\" ,\t,W/\"2 3\"", true),
            ("", false),
            ("1", false),
            ("**", false),
            ("\"1", false),
            ("\"1\" \"2\"", false),
            ("\"1\",*", false),
            ("w/\"1\"", false),
            ("\"\u{e9}\"", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(NAME, HeaderValue::from_bytes(field.as_bytes()).unwrap());
            let named = read(headers.get_all(NAME)).is_some_and(|n| n != Named::Tags(vec![]));
            assert_eq!((named, pattern.is_match(field)), (is_named, is_named), "{field}");
        }
    }

    #[test]
    fn a_tag_may_hold_a_comma_but_no_quote() {
        check(&["\"a,b\", \",\""], Some(Named::Tags(vec![strong("a,b"), strong(",")])));
        for malformed in ["3", "\"3", "3\"", "\"3\" \"4\"", "w/\"3\"", "W/ \"3\"", "\"3\"x", "*, *"]
        {
            check(&[malformed], None);
        }
    }
}
