//! The directory of users, for those who may see or change it.

use std::collections::BTreeSet;

use super::access::{self, Caller};
use super::imports::hash_password;
use super::metadata::{self, Kind};
use super::remembered::Remembered;
use super::{Context, MAX_TRIES, Precondition, mails as kept, user_roles};
use crate::app::App;
use crate::domain::event::{Actor, EventKind};
use crate::domain::id::UserId;
use crate::domain::mail::Message;
use crate::domain::password::Password;
use crate::domain::password_hash::PasswordHash;
use crate::domain::role::{Permission, Permissions, RoleName};
use crate::domain::user::{DirectoryEntry, Profile, ProfilePatch, User};
use crate::error::{Error, Result};
use crate::store::database::{DatabaseError, Statement};
use crate::store::users::NewUser;
use crate::store::{events, invitations, mails, one_time_tokens, registrations, roles, users};

/// What a new user signs in with.
#[derive(Clone)]
pub enum FirstPassword {
    /// Nothing until somebody sets a password.
    None,
    /// A password.
    Chosen(Password),
    /// The password that was hashed elsewhere.
    Hashed(PasswordHash),
}

/// Creates a user with the role `user`, or with others that the caller may give.
pub async fn create(
    app: &App,
    cx: &Context,
    profile: Profile,
    mut password: FirstPassword,
    names: BTreeSet<RoleName>,
) -> Result<DirectoryEntry> {
    let (mut caller, mut permissions) = may_create(app, cx, &names).await?;
    metadata::require_whole(app, &profile)?;
    if let FirstPassword::Chosen(_) = password {
        let person = (&profile.email, &profile.name);
        hash_password(app, cx, caller.actor(), person, &mut password).await?;
        // Asked again: hashing took its time, in which power may have been lost.
        (caller, permissions) = may_create(app, cx, &names).await?;
    }
    let hash = match &password {
        FirstPassword::Hashed(hash) => Some(hash.as_str()),
        FirstPassword::None | FirstPassword::Chosen(_) => None,
    };
    let now = app.now();
    let user = User {
        id: UserId::new(now, &*app.rng),
        email: profile.email.clone(),
        email_verified_at: None,
        name: profile.name.clone(),
        external_id: profile.external_id.clone(),
        roles: names.iter().cloned().collect(),
        permissions,
        metadata: profile.metadata.clone(),
        own_metadata: profile.own_metadata.clone().unwrap_or_default(),
        created_at: now,
        updated_at: now,
        suspended_at: None,
        version: 1,
    };
    let new = NewUser {
        id: user.id,
        profile: &profile,
        password_hash: hash,
        email_verified_at: None,
        at: now,
    };
    let event = cx.event(app, now, caller.actor(), EventKind::UserCreated, Some(user.id));
    let grant = roles::grant(user.id, &names);
    let statements = [caller.still(), users::insert(&new), grant, events::append(&event)];
    let entry = DirectoryEntry { user, private_metadata: profile.private_metadata.clone() };
    match cx.commit(app, statements, &entry).await {
        Ok(()) => Ok(entry),
        Err(DatabaseError::Guard { .. } | DatabaseError::ForeignKey) => Err(super::busy()),
        Err(error) => Err(key_taken(error)),
    }
}

/// Who calls, if they may make a user with these roles, and what such a user may do.
async fn may_create(
    app: &App,
    cx: &Context,
    names: &BTreeSet<RoleName>,
) -> Result<(Caller, Permissions)> {
    let (caller, rows) = access::caller_with(app, cx, roles::by_names(names), "").await?;
    caller.require(&Permission::USERS_WRITE)?;
    if *names == BTreeSet::from([RoleName::USER]) {
        return Ok((caller, Permissions::default()));
    }
    caller.require(&Permission::ROLES_WRITE)?;
    let found = rows.into_iter().map(roles::from_row).collect::<Result<Vec<_>, _>>()?;
    let permissions = user_roles::grantable(caller.permissions(), names, &found)?;
    Ok((caller, permissions))
}

/// One user.
pub async fn get(app: &App, cx: &Context, id: UserId) -> Result<DirectoryEntry> {
    if app.cache.is_on() {
        return remembered(app, cx, id).await;
    }
    let (caller, user) = find(app, cx, id).await?;
    caller.require(&Permission::USERS_READ)?;
    user.ok_or(Error::NotFound("user"))
}

/// The same, of whom the cache may remember the caller and the user.
async fn remembered(app: &App, cx: &Context, id: UserId) -> Result<DirectoryEntry> {
    let (caller, fresh) = access::remembered_caller(app, cx).await?;
    caller.require(&Permission::USERS_READ)?;
    let row = Remembered::of(app, &format!("user.{id}"), id, users::by_id(id)).await?;
    let user = users::entry_from_row(row.value.clone().ok_or(Error::NotFound("user"))?)?;
    cx.good_until.set(row.keep(app).and(fresh));
    Ok(user)
}

/// Writes a whole profile over the one that is there.
pub async fn replace(
    app: &App,
    cx: &Context,
    id: UserId,
    precondition: &Precondition,
    profile: Profile,
) -> Result<DirectoryEntry> {
    change(app, cx, id, precondition, |_| {
        metadata::require_whole(app, &profile)?;
        Ok(profile.clone())
    })
    .await
}

/// Changes what the patch names.
pub async fn patch(
    app: &App,
    cx: &Context,
    id: UserId,
    precondition: &Precondition,
    patch: ProfilePatch,
) -> Result<DirectoryEntry> {
    change(app, cx, id, precondition, |entry| apply(app, &patch, entry)).await
}

/// Writes what `edit` makes of the version that is there.
pub async fn edit(
    app: &App,
    cx: &Context,
    id: UserId,
    precondition: &Precondition,
    edit: impl Fn(&DirectoryEntry) -> Result<Profile>,
) -> Result<DirectoryEntry> {
    change(app, cx, id, precondition, |entry| {
        let profile = edit(entry)?;
        metadata::require_whole(app, &profile)?;
        Ok(profile)
    })
    .await
}

/// Deletes a user. The last admin stays.
pub async fn delete(
    app: &App,
    cx: &Context,
    id: UserId,
    precondition: &Precondition,
) -> Result<()> {
    for _ in 0..MAX_TRIES {
        let (caller, entry) = find_to_write(app, cx, id, precondition).await?;
        caller.require_fresh_for_oneself(app, id)?;
        if remove(app, cx, caller.actor(), &entry.user).await? {
            return Ok(());
        }
    }
    Err(super::busy())
}

/// Deletes a user at the version that was read, with all that belongs to it or its address;
/// `false` if another change came first. Events stay: they hold ids only.
pub(super) async fn remove(app: &App, cx: &Context, actor: Actor, user: &User) -> Result<bool> {
    let event = cx.event(app, app.now(), actor, EventKind::UserDeleted, Some(user.id));
    let [mailed, asked_for] = one_time_tokens::end_all_about(user.email.normalized());
    let change = [
        users::delete(user.id, user.version),
        registrations::delete_of(&user.email),
        invitations::delete_of(&user.email),
        mails::delete_to(&kept::recipients(app, user)),
        mailed,
        asked_for,
        events::append(&event),
    ];
    commit(app, cx, change, user.roles.contains(&RoleName::ADMIN), &()).await
}

/// Commits a change of one user; `false` if another change came first. A change
/// that takes an admin away is undone if it was the last one.
pub(super) async fn commit<T: 'static, const N: usize>(
    app: &App,
    cx: &Context,
    change: [Statement; N],
    takes_admin: bool,
    outcome: &T,
) -> Result<bool> {
    let result = if takes_admin {
        let guarded = [roles::lock_admins()].into_iter().chain(change);
        cx.commit(app, guarded.chain([roles::require_admin()]), outcome).await
    } else {
        cx.commit(app, change, outcome).await
    };
    match result {
        Ok(()) => Ok(true),
        Err(DatabaseError::Guard { statement }) if takes_admin && statement > N => {
            Err(last_admin())
        }
        // A role that was given is gone by now: Postgres says so when it gets to it.
        Err(DatabaseError::Guard { .. } | DatabaseError::ForeignKey) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What it means that an address is unique.
pub(super) fn email_taken(error: DatabaseError) -> Error {
    error.on_unique(users::EMAIL_KEY, taken())
}

/// What it means that an address and an external id are unique.
fn key_taken(error: DatabaseError) -> Error {
    match error {
        DatabaseError::Unique { constraint } if constraint == users::EXTERNAL_ID_KEY => {
            external_id_taken()
        }
        other => email_taken(other),
    }
}

/// The external id is somebody else's.
pub(super) fn external_id_taken() -> Error {
    Error::conflict("external_id_taken", "Another user has this external id.")
}

/// Nobody else could administer.
pub(super) fn last_admin() -> Error {
    Error::conflict("last_admin", "This is the last admin who can sign in.")
}

/// The address is somebody else's.
pub(super) fn taken() -> Error {
    Error::conflict("email_taken", "Another user has this email address.")
}

/// The user after a patch, as a profile.
fn apply(app: &App, patch: &ProfilePatch, entry: &DirectoryEntry) -> Result<Profile> {
    let mut profile = entry.profile();
    if let Some(email) = &patch.email {
        profile.email = email.clone();
    }
    if let Some(name) = &patch.name {
        profile.name = name.clone();
    }
    if let Some(external_id) = &patch.external_id {
        profile.external_id = external_id.clone();
    }
    let given = patch.metadata.as_ref();
    profile.metadata = metadata::merged(app, Kind::Public, profile.metadata, given)?;
    let (private, given) = (profile.private_metadata, patch.private_metadata.as_ref());
    profile.private_metadata = metadata::merged(app, Kind::Private, private, given)?;
    let (own, given) = (entry.user.own_metadata.clone(), patch.own_metadata.as_ref());
    profile.own_metadata = Some(metadata::merged(app, Kind::Own, own, given)?);
    Ok(profile)
}

/// Writes a profile over the version that was read, and returns the new entry.
/// `None` if another change came first.
async fn write(
    app: &App,
    cx: &Context,
    actor: Actor,
    user: User,
    profile: Profile,
) -> Result<Option<DirectoryEntry>> {
    let now = app.now();
    let event = cx.event(app, now, actor, EventKind::UserUpdated, Some(user.id));
    let mut statements = vec![users::update(&user, &profile, now), events::append(&event)];
    if user.email.normalized() != profile.email.normalized() {
        // What was mailed to the old address opens nothing any more.
        statements.extend(one_time_tokens::end_all_of(user.id));
        // Nor is the account lost unawares (ASVS 6.3.7), but strangers learn nothing.
        if user.email_verified_at.is_some() {
            let message = Message::EmailChanged { new_email: profile.email.to_string() };
            statements.push(kept::notice(app, cx, now, &user, message)?);
        }
    }
    let entry = user.with_profile(profile, now);
    match cx.commit(app, statements, &entry).await {
        Ok(()) => Ok(Some(entry)),
        Err(DatabaseError::Guard { .. }) => Ok(None),
        Err(error) => Err(key_taken(error)),
    }
}

async fn change(
    app: &App,
    cx: &Context,
    id: UserId,
    precondition: &Precondition,
    profile: impl Fn(&DirectoryEntry) -> Result<Profile>,
) -> Result<DirectoryEntry> {
    for _ in 0..MAX_TRIES {
        let (caller, entry) = find_to_write(app, cx, id, precondition).await?;
        let profile = profile(&entry)?;
        if profile.email.normalized() != entry.user.email.normalized() {
            caller.require_fresh_for_oneself(app, id)?;
        }
        if let Some(entry) = write(app, cx, caller.actor(), entry.user, profile).await? {
            return Ok(entry);
        }
    }
    Err(super::busy())
}

/// Who calls, and the user that they ask for.
pub(super) async fn find(
    app: &App,
    cx: &Context,
    id: UserId,
) -> Result<(Caller, Option<DirectoryEntry>)> {
    let (caller, rows) = access::caller_with(app, cx, users::by_id(id), "").await?;
    let entry = rows.into_iter().next().map(users::entry_from_row).transpose()?;
    Ok((caller, entry))
}

/// The user, at the version that is meant, for those who may change it.
pub(super) async fn find_to_write(
    app: &App,
    cx: &Context,
    id: UserId,
    precondition: &Precondition,
) -> Result<(Caller, DirectoryEntry)> {
    let (caller, entry) = find(app, cx, id).await?;
    caller.require(&Permission::USERS_WRITE)?;
    let entry = entry.ok_or(Error::NotFound("user"))?;
    caller.require_over(&entry.user)?;
    precondition.check(entry.user.version)?;
    Ok((caller, entry))
}
