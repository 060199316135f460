//! How users are asked for by a message.

use super::fields::Fields;
use crate::domain::finding::{Filter, Sort, UserQuery};
use crate::error::Result;
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
        let text = match order_by.strip_suffix(" desc") {
            Some(field) => format!("-{}", field.trim_end()),
            None => order_by.trim_end_matches(" asc").to_owned(),
        };
        sort = fields.check("order_by", Sort::parse(&text));
        parts.push(("sort", text));
    }
    fields.finish(|| Some((UserQuery { conditions, sort }, path(&parts))))
}
