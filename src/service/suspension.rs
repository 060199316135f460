//! Users who may not sign in for a while.

use super::{Context, MAX_TRIES, Precondition, users};
use crate::app::App;
use crate::domain::event::EventKind;
use crate::domain::id::UserId;
use crate::domain::role::RoleName;
use crate::domain::user::DirectoryEntry;
use crate::error::Result;
use crate::store::{challenges, events, one_time_tokens, sessions, users as stored};

/// Ends all sessions of a user, with what would begin one later: questions for a second
/// factor, mailed tokens. Lets them begin no more. The last admin stays.
pub async fn suspend(
    app: &App,
    cx: &Context,
    id: UserId,
    precondition: &Precondition,
) -> Result<DirectoryEntry> {
    for _ in 0..MAX_TRIES {
        let (caller, entry) = users::find_to_write(app, cx, id, precondition).await?;
        let user = &entry.user;
        if user.suspended_at.is_some() {
            cx.commit(app, [], &entry).await?;
            return Ok(entry);
        }
        let now = app.now();
        let event = cx.event(app, now, caller.actor(), EventKind::UserSuspended, Some(id));
        let [mailed, asked_for] = one_time_tokens::end_all_of(id);
        let change = [
            stored::set_suspended(id, user.version, Some(now), now),
            sessions::end_all(id, now),
            challenges::delete_of_user(id),
            mailed,
            asked_for,
            events::append(&event),
        ];
        let takes_admin = user.roles.contains(&RoleName::ADMIN);
        let entry = entry.with(|user| user.with_suspension(Some(now), now));
        if users::commit(app, cx, change, takes_admin, &entry).await? {
            return Ok(entry);
        }
    }
    Err(super::busy())
}

/// Lets a user sign in again.
pub async fn unsuspend(
    app: &App,
    cx: &Context,
    id: UserId,
    precondition: &Precondition,
) -> Result<DirectoryEntry> {
    for _ in 0..MAX_TRIES {
        let (caller, entry) = users::find_to_write(app, cx, id, precondition).await?;
        if entry.user.suspended_at.is_none() {
            cx.commit(app, [], &entry).await?;
            return Ok(entry);
        }
        let (now, version) = (app.now(), entry.user.version);
        let event = cx.event(app, now, caller.actor(), EventKind::UserUnsuspended, Some(id));
        let change = [stored::set_suspended(id, version, None, now), events::append(&event)];
        let entry = entry.with(|user| user.with_suspension(None, now));
        if users::commit(app, cx, change, false, &entry).await? {
            return Ok(entry);
        }
    }
    Err(super::busy())
}
