//! The directory of users, for those who may see or change it.

use super::access::{self, Caller};
use super::{Context, Precondition};
use crate::app::App;
use crate::domain::event::EventKind;
use crate::domain::id::UserId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::password::Password;
use crate::domain::role::{Permission, RoleName};
use crate::domain::time::{Timestamp, random};
use crate::domain::user::{Profile, ProfilePatch, User};
use crate::error::{Error, Result};
use crate::store::database::DatabaseError;
use crate::store::users::NewUser;
use crate::store::{events, roles, users};

/// How often a change without a precondition is tried again when another one
/// came first.
const MAX_TRIES: u32 = 10;

/// Creates a user with the role `user`. Without a password it cannot sign in
/// with one until somebody sets one.
pub async fn create(
    app: &App,
    cx: &Context,
    profile: Profile,
    password: Option<Password>,
) -> Result<User> {
    let caller = access::caller(app, cx).await?;
    caller.require(&Permission::USERS_WRITE)?;
    let hash = match password {
        Some(password) => Some(app.passwords.hash(password, random(&*app.rng)).await?),
        None => None,
    };
    let now = app.now();
    let user = User {
        id: UserId::new(now, &*app.rng),
        email: profile.email.clone(),
        email_verified_at: None,
        name: profile.name.clone(),
        roles: vec![RoleName::USER],
        permissions: Default::default(),
        metadata: profile.metadata.clone(),
        created_at: now,
        updated_at: now,
        suspended_at: None,
        version: 1,
    };
    let new = NewUser {
        id: user.id,
        profile: &profile,
        password_hash: hash.as_deref(),
        email_verified_at: None,
        at: now,
    };
    let event = cx.event(app, now, caller.actor(), EventKind::UserCreated, Some(user.id));
    let statements =
        [users::insert(&new), roles::grant(user.id, &RoleName::USER), events::append(&event)];
    app.store.commit(statements).await.map_err(email_taken)?;
    Ok(user)
}

/// One user.
pub async fn get(app: &App, cx: &Context, id: UserId) -> Result<User> {
    let (caller, user) = find(app, cx, id).await?;
    caller.require(&Permission::USERS_READ)?;
    user.ok_or(Error::NotFound("user"))
}

/// A page of users, in the order in which they were created.
pub async fn list(app: &App, cx: &Context, page: &PageRequest) -> Result<Page<User>> {
    let statement = users::list(page);
    let (caller, rows) = access::caller_with(app, cx, statement, " ORDER BY target.id").await?;
    caller.require(&Permission::USERS_READ)?;
    let users = rows.into_iter().map(users::from_row).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::of(users, page.limit, |user| user.id.to_string()))
}

/// Writes a whole profile over the one that is there.
pub async fn replace(
    app: &App,
    cx: &Context,
    id: UserId,
    precondition: &Precondition,
    profile: Profile,
) -> Result<User> {
    change(app, cx, id, precondition, |_| Ok(profile.clone())).await
}

/// Changes what the patch names.
pub async fn patch(
    app: &App,
    cx: &Context,
    id: UserId,
    precondition: &Precondition,
    patch: ProfilePatch,
) -> Result<User> {
    change(app, cx, id, precondition, |user| apply(&patch, user)).await
}

/// Deletes a user. The last admin stays.
pub async fn delete(
    app: &App,
    cx: &Context,
    id: UserId,
    precondition: &Precondition,
) -> Result<()> {
    let (caller, user) = find(app, cx, id).await?;
    caller.require(&Permission::USERS_WRITE)?;
    let user = user.ok_or(Error::NotFound("user"))?;
    caller.require_over(&user)?;
    precondition.check(user.version)?;
    let now = app.now();
    let event = cx.event(app, now, caller.actor(), EventKind::UserDeleted, Some(id));
    let event = events::append(&event);
    let delete = users::delete(id, user.version);
    if user.roles.contains(&RoleName::ADMIN) {
        let statements = [roles::lock_admins(), delete, event, roles::require_admin()];
        app.store.commit(statements).await.map_err(|error| match error {
            DatabaseError::Guard { statement: 3 } => last_admin(),
            other => other.on_guard(Error::PreconditionFailed),
        })
    } else {
        let commit = app.store.commit([delete, event]);
        commit.await.map_err(|error| error.on_guard(Error::PreconditionFailed))
    }
}

/// What it means that an address is unique.
pub(super) fn email_taken(error: DatabaseError) -> Error {
    let detail = "Another user has this email address.";
    error.on_unique(users::EMAIL_KEY, Error::conflict("email_taken", detail))
}

/// The user after a patch, as a profile.
pub(super) fn apply(patch: &ProfilePatch, user: &User) -> Result<Profile> {
    let mut profile = user.profile();
    if let Some(email) = &patch.email {
        profile.email = email.clone();
    }
    if let Some(name) = &patch.name {
        profile.name = name.clone();
    }
    if let Some(members) = &patch.metadata {
        let merged = profile.metadata.merged(members);
        profile.metadata = merged.map_err(|reason| Error::invalid("metadata", reason))?;
    }
    Ok(profile)
}

/// Writes a profile over the version that was read, and returns the new user.
/// `None` if another change came first.
pub(super) async fn write(
    app: &App,
    cx: &Context,
    caller: &Caller,
    user: User,
    profile: Profile,
) -> Result<Option<User>> {
    let now = app.now();
    let event = cx.event(app, now, caller.actor(), EventKind::UserUpdated, Some(user.id));
    let update = users::update(user.id, user.version, &profile, now);
    match app.store.commit([update, events::append(&event)]).await {
        Ok(()) => Ok(Some(updated(user, profile, now))),
        Err(DatabaseError::Guard { .. }) => Ok(None),
        Err(error) => Err(email_taken(error)),
    }
}

async fn change(
    app: &App,
    cx: &Context,
    id: UserId,
    precondition: &Precondition,
    profile: impl Fn(&User) -> Result<Profile>,
) -> Result<User> {
    for _ in 0..MAX_TRIES {
        let (caller, user) = find(app, cx, id).await?;
        caller.require(&Permission::USERS_WRITE)?;
        let user = user.ok_or(Error::NotFound("user"))?;
        caller.require_over(&user)?;
        precondition.check(user.version)?;
        let profile = profile(&user)?;
        if let Some(user) = write(app, cx, &caller, user, profile).await? {
            return Ok(user);
        }
    }
    Err(busy())
}

/// Too many others change the same user at the same time.
pub(super) fn busy() -> Error {
    Error::conflict("busy", "Others change this user at the same time. Try again.")
}

fn updated(user: User, profile: Profile, now: Timestamp) -> User {
    let same_address = user.email.normalized() == profile.email.normalized();
    User {
        email_verified_at: user.email_verified_at.filter(|_| same_address),
        email: profile.email,
        name: profile.name,
        metadata: profile.metadata,
        updated_at: now,
        version: user.version.saturating_add(1),
        ..user
    }
}

pub(super) async fn find(app: &App, cx: &Context, id: UserId) -> Result<(Caller, Option<User>)> {
    let (caller, rows) = access::caller_with(app, cx, users::by_id(id), "").await?;
    let user = rows.into_iter().next().map(users::from_row).transpose()?;
    Ok((caller, user))
}

fn last_admin() -> Error {
    Error::conflict("last_admin", "This is the last admin who can sign in.")
}
