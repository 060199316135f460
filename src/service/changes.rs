//! What changes about users, for those who follow it.
//!
//! The events are the source, in the order of the chain: a place in it is gapless,
//! while the ids of events of several instances may be committed out of order.

use super::{Context, access, audit};
use crate::app::App;
use crate::domain::change::Change;
use crate::domain::event::EventKind;
use crate::domain::role::Permission;
use crate::error::{Error, Result};
use crate::store::changes;

/// How many events are looked at at once.
const LOOKED_AT: u32 = 200;

/// What is new behind a position.
#[derive(Debug)]
pub struct Found {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// Everything up to here was looked at.
    pub position: i64,
    /// Whether there may be more at once.
    pub has_more: bool,
}

/// Fails unless the caller may follow changes.
pub async fn require(app: &App, cx: &Context) -> Result<()> {
    access::caller(app, cx).await?.require(&Permission::USERS_READ)
}

/// The position behind everything that has happened.
pub async fn now(app: &App, cx: &Context) -> Result<i64> {
    require(app, cx).await?;
    audit::seal(app).await?;
    let row = app.store.query(changes::end()).await?.into_iter().next();
    Ok(changes::end_from_row(row.ok_or_else(|| Error::internal("the chain has no end"))?)?)
}

/// What happened behind a position. Asks anew whether the caller may know.
pub async fn after(app: &App, cx: &Context, position: i64) -> Result<Found> {
    let look = || changes::after(position, LOOKED_AT);
    let order = " ORDER BY target.position";
    let (caller, rows) = access::caller_with(app, cx, look(), order).await?;
    caller.require(&Permission::USERS_READ)?;
    let (mut events, is_sealed) = read(rows)?;
    if !is_sealed {
        audit::seal(app).await?;
        (events, _) = read(app.store.query(look()).await?)?;
        events.sort_by_key(|event| event.position);
    }
    let has_more = events.len() >= LOOKED_AT as usize;
    let position = events.last().map_or(position, |event| event.position);
    events.retain(|event| is_of_user(&event.kind));
    Ok(Found { changes: events, position, has_more })
}

/// The events that have a place, and whether all have one.
fn read(rows: Vec<crate::store::database::Row>) -> Result<(Vec<Change>, bool)> {
    let mut events = Vec::with_capacity(rows.len());
    let mut is_sealed = true;
    for row in rows {
        match changes::from_row(row)? {
            Some(event) => events.push(event),
            None => is_sealed = false,
        }
    }
    Ok((events, is_sealed))
}

fn is_of_user(kind: &str) -> bool {
    EventKind::CHANGES_OF_USERS.iter().any(|change| change.as_str() == kind)
}
