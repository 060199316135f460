//! One's own account.

use super::metadata::{self, Kind};
use super::{Context, Precondition, access};
use crate::app::App;
use crate::domain::event::EventKind;
use crate::domain::user::{OwnPatch, User};
use crate::error::{Error, Result};
use crate::store::{events, users};

/// Who is signed in.
pub async fn get(app: &App, cx: &Context) -> Result<User> {
    Ok(access::remembered_signed_in(app, cx).await?.user)
}

/// Changes what everybody may change about themselves.
pub async fn patch(
    app: &App,
    cx: &Context,
    precondition: &Precondition,
    patch: OwnPatch,
) -> Result<User> {
    let caller = access::signed_in(app, cx).await?;
    let actor = caller.actor();
    let user = caller.user;
    precondition.check(user.version)?;
    let given = patch.own_metadata.as_ref();
    let own = metadata::merged(app, Kind::Own, user.own_metadata, given)?;
    let name = patch.name.unwrap_or(user.name);
    let now = app.now();
    let event = cx.event(app, now, actor, EventKind::UserUpdated, Some(user.id));
    let update = users::update_own(user.id, user.version, &name, &own, now);
    let commit = app.store.commit([update, events::append(&event)]);
    commit.await.map_err(|error| {
        error.on_guard(match precondition {
            Precondition::None => super::busy(),
            Precondition::Versions(_) => Error::PreconditionFailed,
        })
    })?;
    let version = user.version.saturating_add(1);
    Ok(User { name, own_metadata: own, updated_at: now, version, ..user })
}
