//! Which roles a user has.

use std::collections::BTreeSet;

use super::access::{self, Caller};
use super::{Context, MAX_TRIES, Precondition, users};
use crate::app::App;
use crate::domain::event::EventKind;
use crate::domain::id::UserId;
use crate::domain::role::{Permission, Permissions, Role, RoleName};
use crate::domain::user::{DirectoryEntry, User};
use crate::error::{Error, Invalid, Result};
use crate::store::{events, roles};

/// Gives a user these roles and no others. The last admin stays one.
pub async fn replace(
    app: &App,
    cx: &Context,
    id: UserId,
    precondition: &Precondition,
    names: &BTreeSet<RoleName>,
) -> Result<DirectoryEntry> {
    for _ in 0..MAX_TRIES {
        let (caller, user, found) = find(app, cx, id, names).await?;
        caller.require(&Permission::ROLES_WRITE)?;
        let entry = user.ok_or(Error::NotFound("user"))?;
        let user = &entry.user;
        caller.require_over(user)?;
        precondition.check(user.version)?;
        let permissions = grantable(caller.permissions(), names, &found)?;
        let now = app.now();
        let kind = EventKind::UserRolesChanged;
        let event = cx.event(app, now, caller.actor(), kind, Some(id));
        let change = [
            caller.still(),
            crate::store::users::touch(id, user.version, now),
            roles::revoke_all(id),
            roles::grant(id, names),
            events::append(&event),
        ];
        let takes_admin =
            user.roles.contains(&RoleName::ADMIN) && !names.contains(&RoleName::ADMIN);
        let version = user.version.saturating_add(1);
        let roles = names.iter().cloned().collect();
        let entry =
            entry.with(|user| User { roles, permissions, updated_at: now, version, ..user });
        if users::commit(app, cx, change, takes_admin, &entry).await? {
            return Ok(entry);
        }
    }
    Err(super::busy())
}

/// What these roles allow together, if they exist and whoever gives them `holds`
/// all of it.
pub(super) fn grantable(
    holds: &Permissions,
    names: &BTreeSet<RoleName>,
    found: &[Role],
) -> Result<Permissions> {
    let is_unknown = |name: &&RoleName| !found.iter().any(|role| role.name == **name);
    let unknown = names
        .iter()
        .filter(is_unknown)
        .map(|name| Invalid::new("unknown_role", format!("There is no role {name}.")).of("roles"));
    let unknown: Vec<_> = unknown.collect();
    if !unknown.is_empty() {
        return Err(Error::Invalid(unknown));
    }
    let permissions = found.iter().flat_map(|role| role.permissions.iter().cloned()).collect();
    if holds.cover(&permissions) {
        Ok(permissions)
    } else {
        Err(Error::Forbidden("These roles hold permissions that you do not hold.".to_owned()))
    }
}

async fn find(
    app: &App,
    cx: &Context,
    id: UserId,
    names: &BTreeSet<RoleName>,
) -> Result<(Caller, Option<DirectoryEntry>, Vec<Role>)> {
    let target = roles::user_and_roles(id, names);
    let (caller, rows) = access::caller_with(app, cx, target, "").await?;
    let mut found = (None, Vec::new());
    for row in rows {
        let (user, role) = roles::user_and_role_from_row(row)?;
        found.0 = Some(user);
        found.1.extend(role);
    }
    Ok((caller, found.0, found.1))
}
