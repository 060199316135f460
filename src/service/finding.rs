//! Finding users, for those who may see all of them.

use super::{Context, access};
use crate::app::App;
use crate::domain::finding::{Key, Sort, UserQuery, Walk};
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Permission;
use crate::domain::user::DirectoryEntry;
use crate::error::{Error, Invalid, Result};
use crate::store::database::Row;
use crate::store::finding;

/// A page of the users that are meant. Where conditions remain that no index answers,
/// a page looks at ten thousand users at most: it may have fewer users than it could,
/// and another page behind it all the same.
pub async fn list(
    app: &App,
    cx: &Context,
    query: &UserQuery,
    page: &PageRequest,
) -> Result<Page<DirectoryEntry>> {
    let walk = query.walk().map_err(|reason| Error::invalid("sort", reason))?;
    let after = key(page, walk.sort)?;
    let limit = page.limit.get().saturating_add(1);
    let (edge, rows) = if walk.needs_edge() {
        let found = access::caller_with(app, cx, finding::edge(&walk, after.as_ref()), "").await?;
        let edge = last(found, &walk)?;
        let page = finding::page(&walk, after.as_ref(), edge.as_ref(), limit);
        (edge, app.store.query(page).await?)
    } else {
        let target = finding::page(&walk, after.as_ref(), None, limit);
        let (caller, rows) = access::caller_with(app, cx, target, finding::order(&walk)).await?;
        caller.require(&Permission::USERS_READ)?;
        (None, rows)
    };
    let found = rows.into_iter().map(|row| finding::from_row(row, &walk));
    let found =
        Page::of(found.collect::<Result<Vec<_>, _>>()?, page.limit, |(_, key)| key.to_text());
    let next = found.next.or_else(|| edge.map(|edge| edge.to_text()));
    Ok(Page { items: found.items.into_iter().map(|(entry, _)| entry).collect(), next })
}

/// The place behind which the page begins.
fn key(page: &PageRequest, sort: Sort) -> Result<Option<Key>> {
    let Some(after) = &page.after else { return Ok(None) };
    let key = Key::parse(after, sort).ok_or_else(|| {
        Error::invalid(
            "cursor",
            Invalid::new("invalid_cursor", "must be a next_cursor of this list"),
        )
    })?;
    Ok(Some(key))
}

/// The place at which a walk stops for now, of a caller who may see users.
fn last((caller, rows): (access::Caller, Vec<Row>), walk: &Walk) -> Result<Option<Key>> {
    caller.require(&Permission::USERS_READ)?;
    Ok(rows.into_iter().next().map(|row| finding::edge_from_row(row, walk)).transpose()?)
}
