//! One's own account.

use super::{Context, Precondition, access, users};
use crate::app::App;
use crate::domain::user::{ProfilePatch, User};
use crate::error::{Error, Result};

/// Who is signed in.
pub async fn get(app: &App, cx: &Context) -> Result<User> {
    Ok(access::caller(app, cx).await?.user)
}

/// Changes what everybody may change about themselves.
pub async fn patch(
    app: &App,
    cx: &Context,
    precondition: &Precondition,
    patch: ProfilePatch,
) -> Result<User> {
    let caller = access::caller(app, cx).await?;
    precondition.check(caller.user.version)?;
    let profile = users::apply(&patch, &caller.user)?;
    let user = caller.user.clone();
    let written = users::write(app, cx, &caller, user, profile).await?;
    written.ok_or_else(|| match precondition {
        Precondition::None => users::busy(),
        Precondition::Versions(_) => Error::PreconditionFailed,
    })
}
