//! Setting passwords, and those of users who are signed in.

use super::access::SignedInUser;
use super::rate_limits::{Account, Attempt};
use super::{Context, Precondition, access, mails};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::event::EventKind;
use crate::domain::mail::Message;
use crate::domain::name::Name;
use crate::domain::password::{Owner, Password};
use crate::domain::rate_limit::Policy;
use crate::domain::time::random;
use crate::error::{Error, Invalid, Result};
use crate::store::one_time_tokens::end_all_of;
use crate::store::sessions::WithCredentials;
use crate::store::{challenges, events, sessions, users};

/// Fails if a password that somebody chose for this owner says little more than what
/// anybody knows of them.
pub(super) fn check(
    app: &App,
    (email, name): (&Email, &Name),
    field: &'static str,
    password: &Password,
) -> Result<()> {
    let owner = Owner { email, name, app_name: &app.config.mail.app_name };
    password.check_for(&owner).map_err(|reason| Error::invalid(field, reason))
}

/// The hash of a password that somebody chose for this owner, if it is one that they
/// may have. Whatever sets a password comes through here.
pub(super) async fn hash_for(
    app: &App,
    owner: (&Email, &Name),
    field: &'static str,
    password: Password,
) -> Result<String> {
    check(app, owner, field, &password)?;
    app.passwords.hash(password, random(&*app.rng)).await
}

/// Changes one's own password. The session goes on, the others end, and so does
/// what was mailed to the user before.
pub async fn change(
    app: &App,
    cx: &Context,
    precondition: &Precondition,
    current: Password,
    new: Password,
) -> Result<()> {
    let caller = access::signed_in(app, cx).await?;
    let user = &caller.user;
    precondition.check(user.version)?;
    let shown = require_own(app, cx, &caller, current).await?;
    let old = shown.password_hash.ok_or_else(wrong_password)?;
    let hash = hash_for(app, (&user.email, &user.name), "new_password", new).await?;
    let now = app.now();
    let notice = mails::notice(app, cx, now, user, Message::PasswordChanged {})?;
    let event = cx.event(app, now, caller.actor(), EventKind::PasswordChanged, Some(user.id));
    let [mailed, asked_for] = end_all_of(user.id);
    let (version, missed) = match precondition {
        Precondition::None => (None, wrong_password()),
        Precondition::Versions(_) | Precondition::Others(_) => {
            (Some(user.version), Error::PreconditionFailed)
        }
    };
    let commit = app.store.commit([
        users::change_password(user.id, version, (&old, &hash), now),
        sessions::end_others(user.id, caller.session, now),
        challenges::delete_of_user(user.id),
        mailed,
        asked_for,
        notice,
        events::append(&event),
    ]);
    commit.await.map_err(|error| error.on_guard(missed))
}

/// Fails unless the password is the caller's own, who has one; returns what else signing
/// in takes. Too many that are not must wait: a session that was stolen must not give
/// the password away.
pub(super) async fn require_own(
    app: &App,
    cx: &Context,
    caller: &SignedInUser,
    password: Password,
) -> Result<WithCredentials> {
    let mut attempt = attempt(app, cx, caller);
    let row = attempt.look(app, sessions::with_credentials(caller.session)).await?;
    attempt.require_left(app.now())?;
    let stored = sessions::credentials_from_row(row.ok_or(Error::Unauthenticated)?)?;
    let hash = stored.password_hash.clone().ok_or_else(no_password)?;
    if matches(app, attempt, password, Some(hash)).await? {
        Ok(stored)
    } else {
        Err(wrong_password())
    }
}

/// An attempt at the password of the caller.
pub(super) fn attempt<'a>(app: &App, cx: &'a Context, caller: &SignedInUser) -> Attempt<'a> {
    Attempt::new(app, cx, Policy::OWN_PASSWORD, Some(Account::Actor(caller.actor())))
}

/// Whether a password matches, once the attempt may be made; counts it if not.
pub(super) async fn matches(
    app: &App,
    mut attempt: Attempt<'_>,
    password: Password,
    hash: Option<String>,
) -> Result<bool> {
    let matches = app.passwords.verify(password, hash).await?;
    if matches {
        attempt.look_again(app).await?;
    } else {
        attempt.spend(app).await?;
    }
    Ok(matches)
}

/// There is none to be shown, nor to be changed.
fn no_password() -> Error {
    let detail = "This account has no password. A reset by mail sets one.";
    Error::conflict("no_password", detail)
}

pub(super) fn wrong_password() -> Error {
    Error::invalid("current_password", Invalid::new("wrong_password", "is not your password"))
}
