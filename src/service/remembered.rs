//! Rows that the cache may remember.

use std::sync::Arc;

use crate::app::App;
use crate::cache::Seen;
use crate::domain::id::UserId;
use crate::error::Result;
use crate::store::database::{Row, Statement, Touch};

/// A row of a user, by the name under which it is remembered.
pub(super) struct Remembered {
    name: String,
    /// The row, if there is one.
    pub(super) value: Option<Row>,
    /// What it hangs on, unless it is remembered already.
    seen: Option<Seen>,
}

impl Remembered {
    /// What is remembered by this name, which hangs on a user and on the roles.
    pub(super) async fn look(app: &App, name: String, user: UserId) -> Self {
        let touches = [Touch::User(user), Touch::Roles];
        let (value, seen) = app.cache.look(&name, &touches).await;
        let seen = if value.is_some() { None } else { Some(seen) };
        Self { name, value, seen }
    }

    /// The same, read from the database if it is not remembered.
    pub(super) async fn or_read(self, app: &App, statement: Statement) -> Result<Self> {
        if self.value.is_some() {
            return Ok(self);
        }
        let value = app.store.query(statement).await?.into_iter().next();
        Ok(Self { value, ..self })
    }

    /// Remembers what was read, once nobody waits for it.
    pub(super) fn keep(self, app: &App) {
        if let (Some(row), Some(seen)) = (self.value, self.seen) {
            let (cache, name) = (Arc::clone(&app.cache), self.name);
            let keep = async move { cache.keep(&name, &row, seen).await };
            app.background.spawn(Box::pin(keep));
        }
    }
}
