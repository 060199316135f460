//! Users in pieces, for those who may see all of them.

use super::{Context, access, finding};
use crate::app::App;
use crate::domain::finding::{Sort, UserQuery};
use crate::domain::page::{Limit, PageRequest};
use crate::domain::role::Permission;
use crate::domain::user::DirectoryEntry;
use crate::error::Result;
use crate::store::users;

/// An export that goes on. In the order of ids, which never change, up to the last one
/// at its beginning: whoever was there then is in it once, unless deleted before the
/// export gets there, and nobody whose creation began later. Each user is shown as of
/// the moment at which the export gets there.
#[derive(Debug)]
pub struct Export {
    query: UserQuery,
    next: Option<PageRequest>,
}

impl Export {
    /// Begins with the first of the users that are meant, or behind one of them. Fails
    /// unless the caller may see users.
    pub async fn begin(
        app: &App,
        cx: &Context,
        query: UserQuery,
        after: Option<String>,
    ) -> Result<Self> {
        let (caller, rows) = access::caller_with(app, cx, users::last(), "").await?;
        caller.require(&Permission::USERS_READ)?;
        let last = rows.into_iter().next().map(users::id_from_row).transpose()?;
        let next = last.is_some().then_some(PageRequest { limit: Limit::MAX, after });
        let query = last.iter().fold(query, UserQuery::up_to);
        Ok(Self { query: UserQuery { sort: Some(Sort::ID), ..query }, next })
    }

    /// The next users, never none; `None` at the end. Asks anew whether the caller may.
    pub async fn read(&mut self, app: &App, cx: &Context) -> Result<Option<Vec<DirectoryEntry>>> {
        while let Some(request) = self.next.take() {
            let page = finding::list(app, cx, &self.query, &request).await?;
            self.next = page.next.map(|key| PageRequest { after: Some(key), ..request });
            if !page.items.is_empty() {
                return Ok(Some(page.items));
            }
        }
        Ok(None)
    }
}
