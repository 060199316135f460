//! How users are asked for by a message.

use super::fields::Fields;
use crate::domain::finding::{Filter, Sort, UserQuery};
use crate::error::{Invalid, Result};
use crate::transport::http::finding::path;

/// What a filter and an order (AIP-132) ask for, and where REST has that list: a
/// cursor is good here and there. An empty text is none.
pub fn asked(filter: &str, order_by: &str) -> Result<(UserQuery, String)> {
    let mut fields = Fields::default();
    let mut parts = Vec::new();
    let mut conditions = Vec::new();
    if !filter.is_empty() {
        conditions.extend(fields.check("filter", Filter::parse(filter)));
        parts.push(("filter", filter.to_owned()));
    }
    let mut sort = None;
    if !order_by.is_empty() {
        let text = sort_of(order_by);
        sort = fields.check("order_by", text.as_deref().map_or_else(unsortable, Sort::parse));
        let text = text.unwrap_or_default();
        parts.push(("sort", text));
    }
    fields.finish(|| Some((UserQuery { conditions, sort }, path(&parts))))
}

/// What REST has for an order: the field, with a minus if it is descending.
fn sort_of(order_by: &str) -> Option<String> {
    let mut words = order_by.split_ascii_whitespace();
    let field = words.next().filter(|field| !field.starts_with('-'))?;
    match (words.next(), words.next()) {
        (None | Some("asc"), None) => Some(field.to_owned()),
        (Some("desc"), None) => Some(format!("-{field}")),
        _ => None,
    }
}

fn unsortable<T>() -> std::result::Result<T, Invalid> {
    Err(Invalid::new("invalid_sort", "must be a field, with ` asc` or ` desc` behind it"))
}
