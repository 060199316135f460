//! One's own account.

use super::metadata::{self, Kind};
use super::{Context, MAX_TRIES, Precondition, access};
use crate::app::App;
use crate::domain::event::EventKind;
use crate::domain::metadata::Metadata;
use crate::domain::name::Name;
use crate::domain::user::{OwnPatch, User};
use crate::error::Result;
use crate::store::database::DatabaseError;
use crate::store::{events, users};

/// Who is signed in.
pub async fn get(app: &App, cx: &Context) -> Result<User> {
    let (caller, fresh) = access::remembered_signed_in(app, cx).await?;
    cx.good_until.set(fresh);
    Ok(caller.user)
}

/// Changes what everybody may change about themselves.
pub async fn patch(
    app: &App,
    cx: &Context,
    precondition: &Precondition,
    patch: OwnPatch,
) -> Result<User> {
    change(app, cx, precondition, |user| {
        let (own, given) = (user.own_metadata.clone(), patch.own_metadata.as_ref());
        let own = metadata::merged(app, Kind::Own, own, given)?;
        Ok((patch.name.clone().unwrap_or_else(|| user.name.clone()), own))
    })
    .await
}

/// Writes what `edit` makes of what everybody may change about themselves.
pub async fn edit(
    app: &App,
    cx: &Context,
    precondition: &Precondition,
    edit: impl Fn(&User) -> Result<(Name, Metadata)>,
) -> Result<User> {
    change(app, cx, precondition, |user| {
        let (name, own) = edit(user)?;
        metadata::require_own(app, &own)?;
        Ok((name, own))
    })
    .await
}

async fn change(
    app: &App,
    cx: &Context,
    precondition: &Precondition,
    change: impl Fn(&User) -> Result<(Name, Metadata)>,
) -> Result<User> {
    for _ in 0..MAX_TRIES {
        let caller = access::signed_in(app, cx).await?;
        let actor = caller.actor();
        let user = caller.user;
        precondition.check(user.version)?;
        let (name, own) = change(&user)?;
        let now = app.now();
        let event = cx.event(app, now, actor, EventKind::UserUpdated, Some(user.id));
        let update = users::update_own(user.id, user.version, &name, &own, now);
        match app.store.commit([update, events::append(&event)]).await {
            Ok(()) => {
                let version = user.version.saturating_add(1);
                return Ok(User { name, own_metadata: own, updated_at: now, version, ..user });
            }
            // Another change came first.
            Err(DatabaseError::Guard { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(super::busy())
}
