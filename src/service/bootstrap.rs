//! The first admin.

use super::credentials::Credentials;
use super::rate_limits::Attempt;
use super::{Context, passwords};
use crate::app::App;
use crate::domain::event::{Actor, EventKind};
use crate::domain::id::UserId;
use crate::domain::password::Password;
use crate::domain::rate_limit::Policy;
use crate::domain::role::{Permissions, RoleName};
use crate::domain::secret::{equal, sha256};
use crate::domain::user::{DirectoryEntry, Profile, User};
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
    let statements = [
        roles::lock_admins(),
        roles::require_no_admin(),
        users::insert(&user),
        roles::grant(id, &[RoleName::ADMIN].into()),
        event(EventKind::Bootstrapped),
        event(EventKind::UserCreated),
    ];
    let user = User {
        id,
        external_id: profile.external_id.clone(),
        email: profile.email.clone(),
        email_verified_at: Some(now),
        name: profile.name.clone(),
        roles: vec![RoleName::ADMIN],
        permissions: Permissions::default(),
        metadata: profile.metadata.clone(),
        own_metadata: profile.own_metadata.clone().unwrap_or_default(),
        created_at: now,
        updated_at: now,
        suspended_at: None,
        version: 1,
    };
    let admin = DirectoryEntry { user, private_metadata: profile.private_metadata.clone() };
    cx.commit(app, statements, &admin).await.map_err(meaning)?;
    Ok(admin)
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
