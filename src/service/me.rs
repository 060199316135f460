//! One's own account.

use super::{Context, Precondition, access, users};
use crate::app::App;
use crate::domain::user::{ProfilePatch, User};
use crate::error::{Error, Result};

/// Who is signed in.
pub async fn get(app: &App, cx: &Context) -> Result<User> {
    Ok(access::remembered_signed_in(app, cx).await?.user)
}

/// Changes what everybody may change about themselves.
pub async fn patch(
    app: &App,
    cx: &Context,
    precondition: &Precondition,
    patch: ProfilePatch,
) -> Result<User> {
    let caller = access::signed_in(app, cx).await?;
    precondition.check(caller.user.version)?;
    let profile = users::apply(&patch, &caller.user)?;
    let actor = caller.actor();
    let written = users::write(app, cx, actor, caller.user, profile).await?;
    written.ok_or_else(|| match precondition {
        Precondition::None => super::busy(),
        Precondition::Versions(_) => Error::PreconditionFailed,
    })
}
