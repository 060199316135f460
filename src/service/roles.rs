//! Roles: sets of permissions, made at run time.
//!
//! Nobody puts into a role, or takes out of it, what they do not hold themselves.

use super::access::{self, Caller};
use super::{Context, MAX_TRIES, Precondition};
use crate::app::App;
use crate::domain::event::{EventKind, Subject};
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::{Permission, Permissions, Role, RoleName};
use crate::error::{Error, Result};
use crate::store::database::DatabaseError;
use crate::store::{events, roles};

const NOT_YOURS: &str = "This role holds permissions that you do not hold.";

/// Makes a role.
pub async fn create(
    app: &App,
    cx: &Context,
    name: RoleName,
    permissions: Permissions,
) -> Result<Role> {
    let subject = Subject::Role(name.clone());
    let deleted = events::latest(EventKind::RoleDeleted, &subject);
    let (caller, deleted) = access::caller_with(app, cx, deleted, "").await?;
    caller.require(&Permission::ROLES_WRITE)?;
    caller.require_all(&permissions, NOT_YOURS)?;
    let now = app.now();
    // Whoever knows a role of this name that was deleted must not take this one for it:
    // its versions begin behind all that the other one can have had.
    let version = if deleted.is_empty() { 1 } else { now.micros() };
    let role = Role { name, permissions, created_at: now, updated_at: now, version };
    let event = cx.event(app, now, caller.actor(), EventKind::RoleCreated, Some(subject.clone()));
    let mut statements = vec![caller.still(), roles::insert(&role)];
    if version == 1 {
        // Nor of one that was made and deleted since it was asked.
        statements.push(events::require_none(EventKind::RoleDeleted, &subject));
    }
    statements.push(events::append(&event));
    match cx.commit(app, statements, &role).await {
        Ok(()) => Ok(role),
        Err(DatabaseError::Guard { statement: 0 | 2 }) => Err(super::busy()),
        Err(error) => {
            let taken = Error::conflict("role_exists", "There is a role of this name.");
            Err(error.on_guard(taken))
        }
    }
}

/// One role.
pub async fn get(app: &App, cx: &Context, name: &RoleName) -> Result<Role> {
    let (caller, role) = find(app, cx, name).await?;
    caller.require(&Permission::ROLES_READ)?;
    role.ok_or(Error::NotFound("role"))
}

/// A page of roles, by name.
pub async fn list(app: &App, cx: &Context, page: &PageRequest) -> Result<Page<Role>> {
    let order = " ORDER BY target.role_name COLLATE BINARY";
    let (caller, rows) = access::caller_with(app, cx, roles::list(page), order).await?;
    caller.require(&Permission::ROLES_READ)?;
    let roles = rows.into_iter().map(roles::from_row).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::of(roles, page.limit, |role| role.name.to_string()))
}

/// Writes permissions over those that a role has.
pub async fn replace(
    app: &App,
    cx: &Context,
    name: &RoleName,
    precondition: &Precondition,
    permissions: Permissions,
) -> Result<Role> {
    for _ in 0..MAX_TRIES {
        let (caller, role) = find_to_write(app, cx, name, precondition).await?;
        caller.require_all(&permissions, NOT_YOURS)?;
        if *name == RoleName::ADMIN {
            return Err(built_in("The role admin holds every permission, and keeps them."));
        }
        let now = app.now();
        let subject = Some(Subject::Role(name.clone()));
        let event = cx.event(app, now, caller.actor(), EventKind::RoleUpdated, subject);
        let update = roles::update(name, role.version, &permissions, now);
        match app.store.commit([caller.still(), update, events::append(&event)]).await {
            Ok(()) => {
                let version = role.version.saturating_add(1);
                return Ok(Role { permissions, updated_at: now, version, ..role });
            }
            Err(DatabaseError::Guard { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(super::busy())
}

/// Deletes a role that nobody holds.
pub async fn delete(
    app: &App,
    cx: &Context,
    name: &RoleName,
    precondition: &Precondition,
) -> Result<()> {
    for _ in 0..MAX_TRIES {
        let (caller, role) = find_to_write(app, cx, name, precondition).await?;
        if role.is_built_in() {
            return Err(built_in("The roles admin and user are always there."));
        }
        let subject = Some(Subject::Role(name.clone()));
        let event = cx.event(app, app.now(), caller.actor(), EventKind::RoleDeleted, subject);
        let delete = roles::delete(name, role.version);
        match app.store.commit([delete, events::append(&event)]).await {
            Ok(()) => return Ok(()),
            Err(DatabaseError::Guard { .. }) => {}
            Err(DatabaseError::ForeignKey) => {
                return Err(Error::conflict("role_in_use", "There are users who hold this role."));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(super::busy())
}

async fn find(app: &App, cx: &Context, name: &RoleName) -> Result<(Caller, Option<Role>)> {
    let (caller, rows) = access::caller_with(app, cx, roles::by_name(name), "").await?;
    let role = rows.into_iter().next().map(roles::from_row).transpose()?;
    Ok((caller, role))
}

/// The role, at the version that is meant, for those who may write it.
async fn find_to_write(
    app: &App,
    cx: &Context,
    name: &RoleName,
    precondition: &Precondition,
) -> Result<(Caller, Role)> {
    let (caller, role) = find(app, cx, name).await?;
    caller.require(&Permission::ROLES_WRITE)?;
    let role = role.ok_or(Error::NotFound("role"))?;
    caller.require_all(&role.permissions, NOT_YOURS)?;
    precondition.check(role.version)?;
    Ok((caller, role))
}

fn built_in(detail: &str) -> Error {
    Error::conflict("role_built_in", detail)
}
