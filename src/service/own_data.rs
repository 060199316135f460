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
use crate::store::own_data::{Person, TABLES};

/// Everything that the service holds on somebody.
#[derive(Debug)]
pub struct Export {
    /// When it was so.
    pub at: Timestamp,
    /// The profile.
    pub user: User,
    /// The rest, table by table.
    pub sections: Vec<Section>,
}

/// Tells the caller everything that the service holds on them.
pub async fn export(app: &App, cx: &Context) -> Result<Export> {
    let caller = access::signed_in(app, cx).await?;
    let (at, user) = (app.now(), caller.user.id);
    let event = cx.event(app, at, caller.actor(), EventKind::UserDataExported, Some(user));
    app.store.query(events::append(&event)).await?;
    let address = caller.user.email.normalized();
    let recipients = mails::recipients(app, &caller.user);
    let person = Person { user, address, recipients };
    let mut sections = Vec::with_capacity(TABLES.len());
    for table in TABLES {
        let rows = app.store.query(table.of(&person)).await?.into_iter();
        let records = rows.map(|row| table.from_row(row)).collect::<Result<Vec<_>, _>>()?;
        sections.push(Section { name: table.name, records });
    }
    Ok(Export { at, user: caller.user, sections })
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
