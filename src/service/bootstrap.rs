//! The first admin.

use super::access::Credentials;
use super::rate_limits::Attempt;
use super::{Context, passwords};
use crate::app::App;
use crate::domain::event::{Actor, EventKind};
use crate::domain::id::UserId;
use crate::domain::password::Password;
use crate::domain::rate_limit::Policy;
use crate::domain::role::RoleName;
use crate::domain::secret::{equal, sha256};
use crate::domain::user::{DirectoryEntry, Profile};
use crate::error::{Error, Result};
use crate::store::database::DatabaseError;
use crate::store::users::NewUser;
use crate::store::{events, roles, users};

/// Makes the first admin, for whoever holds the bootstrap token; once.
pub async fn bootstrap(
    app: &App,
    cx: &Context,
    profile: Profile,
    password: Password,
) -> Result<DirectoryEntry> {
    if !shows_token(app, cx) {
        return Err(Error::Unauthenticated);
    }
    let hash =
        passwords::hash_for(app, (&profile.email, &profile.name), "password", password).await?;
    let now = app.now();
    let id = UserId::new(now, &*app.rng);
    let user = NewUser {
        id,
        profile: &profile,
        password_hash: Some(&hash),
        email_verified_at: Some(now),
        at: now,
    };
    let event = |kind| events::append(&cx.event(app, now, Actor::Operator, kind, Some(id)));
    let commit = app.store.commit([
        roles::lock_admins(),
        roles::require_no_admin(),
        users::insert(&user),
        roles::grant(id, &[RoleName::ADMIN].into()),
        event(EventKind::Bootstrapped),
        event(EventKind::UserCreated),
    ]);
    commit.await.map_err(meaning)?;
    let row = app.store.query(users::by_id(id)).await?.into_iter().next();
    Ok(users::entry_from_row(row.ok_or(Error::NotFound("user"))?)?)
}

/// Fails unless the request shows the bootstrap token. Guesses are counted.
pub async fn require_token(app: &App, cx: &Context) -> Result<()> {
    let (Some(_), Credentials::Bearer(_)) = (&app.config.bootstrap_token, &cx.credentials) else {
        return Err(Error::Unauthenticated);
    };
    let mut attempt = Attempt::new(app, cx, Policy::BOOTSTRAP, None);
    if shows_token(app, cx) {
        attempt.look_again(app).await
    } else {
        attempt.spend(app).await?;
        Err(Error::Unauthenticated)
    }
}

fn shows_token(app: &App, cx: &Context) -> bool {
    match (&app.config.bootstrap_token, &cx.credentials) {
        (Some(token), Credentials::Bearer(given)) => {
            equal(&sha256(token.as_bytes()), &sha256(given.as_bytes()))
        }
        _ => false,
    }
}

fn meaning(error: DatabaseError) -> Error {
    match error {
        DatabaseError::Guard { .. } => {
            Error::conflict("already_bootstrapped", "There is an admin already.")
        }
        other => super::users::email_taken(other),
    }
}
