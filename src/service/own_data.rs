//! One's own data: taking it along, and having it erased.

use super::access::{self, FRESH};
use super::{Context, MAX_TRIES, Precondition, mails, users};
use crate::app::App;
use crate::domain::event::EventKind;
use crate::domain::own_data::Section;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::error::Result;
use crate::store::events;
use crate::store::own_data::{Person, TABLES, Table};

/// Everything that the service holds on somebody, piece by piece: of what somebody did
/// in years there may be more than fits into memory.
#[derive(Debug)]
pub struct Export {
    /// When it began.
    pub at: Timestamp,
    /// The profile.
    pub user: User,
    tables: &'static [Table],
    /// Behind which row of the first of these tables it goes on.
    behind: String,
}

impl Export {
    /// Begins with the profile.
    pub async fn begin(app: &App, cx: &Context) -> Result<Self> {
        let caller = access::signed_in(app, cx).await?;
        let (at, user) = (app.now(), caller.user.id);
        let event = cx.event(app, at, caller.actor(), EventKind::UserDataExported, Some(user));
        app.store.query(events::append(&event)).await?;
        Ok(Self { at, user: caller.user, tables: TABLES, behind: String::new() })
    }

    /// What comes next, `None` at the end. A section comes in several pieces where it is
    /// long.
    pub async fn read(&mut self, app: &App) -> Result<Option<Section>> {
        let Some((table, rest)) = self.tables.split_first() else { return Ok(None) };
        let person = Person {
            user: self.user.id,
            address: self.user.email.normalized(),
            recipients: mails::recipients(app, &self.user),
        };
        let rows = app.store.query(table.of(&person, &self.behind)).await?.into_iter();
        let records = rows.map(|row| table.from_row(row)).collect::<Result<Vec<_>, _>>()?;
        let next = table.next(&records);
        let is_last = next.is_none();
        if is_last {
            self.tables = rest;
        }
        self.behind = next.unwrap_or_default();
        Ok(Some(Section { name: table.name, records, is_last }))
    }
}

/// Erases the caller and all that belongs to them; events stay, which hold ids
/// only. Needs a fresh session: a stolen one must not do this. The last admin stays.
pub async fn erase(app: &App, cx: &Context, precondition: &Precondition) -> Result<()> {
    for _ in 0..MAX_TRIES {
        let caller = access::signed_in(app, cx).await?;
        caller.require_fresh(app, FRESH)?;
        precondition.check(caller.user.version)?;
        if users::remove(app, cx, caller.actor(), &caller.user).await? {
            return Ok(());
        }
    }
    Err(super::busy())
}
