//! The audit trail: read, sealed, verified.
//!
//! Events are written in the commit of what they tell of, without a place in the
//! chain: to read the end of the chain in every commit would make all of them wait
//! for each other, and databases do not compute SHA-256. Soon after, they are
//! sealed: before they are read, and with the other due work.

use super::{Context, access};
use crate::app::App;
use crate::domain::audit::{Break, Entry, Fault, Filter, Place, Seal, follow};
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Permission;
use crate::error::{Error, Result};
use crate::store::audit;
use crate::store::database::DatabaseError;

/// How many events are sealed in one commit.
const SEALED_AT_ONCE: u32 = 200;
/// How many commits one call makes at most; the next one goes on.
const MOST_COMMITS: u32 = 10;
/// How many events one call verifies.
const VERIFIED_AT_ONCE: i64 = 1_000;

/// A page of events, the newest first.
pub async fn list(
    app: &App,
    cx: &Context,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page<Entry>> {
    let target = audit::list(filter, page);
    let order = " ORDER BY target.id DESC";
    let (caller, mut rows) = access::caller_with(app, cx, target, order).await?;
    caller.require(&Permission::AUDIT_READ)?;
    let mut entries = read(rows)?;
    if entries.iter().any(|entry| entry.seal.is_none()) {
        seal(app).await?;
        rows = app.store.query(audit::list(filter, page)).await?;
        entries = read(rows)?;
    }
    Ok(Page::of(entries, page.limit, |entry| entry.record.id.clone()))
}

fn read(rows: Vec<crate::store::database::Row>) -> Result<Vec<Entry>> {
    Ok(rows.into_iter().map(audit::from_row).collect::<Result<_, _>>()?)
}

/// Gives the events that have none their places in the chain, and says how many
/// those were; several may try at once. Leaves some to the next call when there are
/// very many.
pub async fn seal(app: &App) -> Result<usize> {
    let mut sealed: usize = 0;
    for _ in 0..MOST_COMMITS {
        let rows = app.store.query(audit::unsealed(SEALED_AT_ONCE)).await?;
        let (Some(end), entries) = audit::from_rows(rows)? else { break };
        if entries.is_empty() {
            break;
        }
        let mut place = end.clone();
        let mut seals: Vec<(String, Seal)> = Vec::with_capacity(entries.len());
        for Entry { record, .. } in entries {
            let seal = place.seal(&record);
            place = Place::from(&seal);
            seals.push((record.id, seal));
        }
        match app.store.commit([audit::advance(&end, &place), audit::seal(&seals)]).await {
            Ok(()) => sealed = sealed.saturating_add(seals.len()),
            // Another one sealed the same events: there may be more by now.
            Err(DatabaseError::Guard { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sealed)
}

/// What verifying a part of the chain has shown.
#[derive(Debug)]
pub struct Verification {
    /// How far the chain holds; the next call begins here.
    pub place: Place,
    /// Where it ends.
    pub end: i64,
    /// The first position at which it does not hold.
    pub first_bad: Option<Break>,
}

impl Verification {
    /// Whether there is more to verify.
    pub fn has_more(&self) -> bool {
        self.first_bad.is_none() && self.place.position < self.end
    }
}

/// Verifies the events behind a position, as many as one call can. Who remembers
/// the hash of that position may say so, and learns whether the trail that they
/// saw is still there.
pub async fn verify(
    app: &App,
    cx: &Context,
    after: i64,
    hash: Option<&str>,
) -> Result<Verification> {
    let caller = access::caller(app, cx).await?;
    caller.require(&Permission::AUDIT_READ)?;
    seal(app).await?;
    let last = after.saturating_add(VERIFIED_AT_ONCE);
    let (end, mut entries) = audit::from_rows(app.store.query(audit::range(after, last)).await?)?;
    // Without an end, the chain ends before its first event, and all are beyond it.
    let end = end.unwrap_or_else(Place::origin);
    let start = match after {
        0 => Some(Place::origin()),
        _ if entries.first().and_then(position) == Some(after) => {
            entries.remove(0).seal.as_ref().map(Place::from)
        }
        _ => None,
    };
    let fault = match &start {
        None if after > end.position => return Err(Error::NotFound("position")),
        None => Some(Fault::Missing),
        Some(start) if hash.is_some_and(|hash| hash != start.hash) => Some(Fault::Altered),
        Some(_) => None,
    };
    let start = start.unwrap_or_else(Place::origin);
    if let Some(fault) = fault {
        let first_bad = Some(Break { position: after, fault });
        return Ok(Verification { place: start, end: end.position, first_bad });
    }
    let is_whole = last >= end.position;
    let (place, first_bad) = follow(start, &entries, is_whole.then_some(&end));
    Ok(Verification { place, end: end.position, first_bad })
}

fn position(entry: &Entry) -> Option<i64> {
    entry.seal.as_ref().map(|seal| seal.position)
}
