//! Rows that the cache may remember.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::app::App;
use crate::cache::{Fresh, Seen};
use crate::domain::id::UserId;
use crate::error::Result;
use crate::store::database::{Row, Statement, Touch};

/// A row of a user, by the name under which it is remembered.
pub(super) struct Remembered {
    name: String,
    /// The row, if there is one.
    pub(super) value: Option<Row>,
    /// What it hangs on.
    seen: Seen,
    is_kept: bool,
}

impl Remembered {
    /// What a statement reads of a user: as it is remembered by this name, or else from
    /// the database. It hangs on the user and on the roles.
    pub(super) async fn of(
        app: &App,
        name: &str,
        user: UserId,
        statement: Statement,
    ) -> Result<Self> {
        let name = named(name, &statement);
        let touches = [Touch::User(user), Touch::Roles];
        let (value, seen) = app.cache.look(&name, &touches).await;
        if value.is_some() {
            return Ok(Self { name, value, seen, is_kept: true });
        }
        let value = app.store.query(statement).await?.into_iter().next();
        Ok(Self { name, value, seen, is_kept: false })
    }

    /// Remembers what was read, once nobody waits for it, and tells how long the instance
    /// may give again what is made of it.
    pub(super) fn keep(self, app: &App) -> Fresh {
        let Self { name, value, seen, is_kept } = self;
        let fresh = seen.fresh();
        if let (Some(row), false) = (value, is_kept) {
            let cache = Arc::clone(&app.cache);
            let keep = async move { cache.keep(&name, &row, seen).await };
            app.background.spawn(Box::pin(keep));
        }
        fresh
    }
}

/// The name with the statement in it: what another version of the component remembers
/// has other columns.
fn named(name: &str, statement: &Statement) -> String {
    let mut hasher = DefaultHasher::new();
    statement.sql.hash(&mut hasher);
    format!("{name}.{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::roles;

    #[test]
    fn what_another_statement_reads_has_another_name() {
        let (one, same) = (named("me", &roles::lock_admins()), named("me", &roles::lock_admins()));
        let other = named("me", &roles::require_admin());
        assert_eq!(one, same);
        assert_ne!(one, other);
    }
}
