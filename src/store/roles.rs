//! Roles and who holds them.

use std::collections::BTreeSet;

use super::database::{Columns, DatabaseError, Row, Statement, Touch, Value};
use super::users::{self, entry_columns};
use crate::domain::id::UserId;
use crate::domain::page::PageRequest;
use crate::domain::role::{Permissions, Role, RoleName};
use crate::domain::time::Timestamp;
use crate::domain::user::DirectoryEntry;

/// The columns of a role `r`, in the order in which [`from_columns`] reads them.
macro_rules! role_columns {
    () => {
        "r.name AS role_name, r.permissions AS role_permissions, r.created_at AS role_created_at, \
         r.updated_at AS role_updated_at, r.version AS role_version"
    };
}

/// Inserts a role, unless there is one of this name.
pub fn insert(role: &Role) -> Statement {
    let sql = "INSERT INTO roles (name, permissions, created_at, updated_at, version) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO NOTHING RETURNING name";
    let params = vec![
        role.name.as_str().into(),
        role.permissions.to_stored().into(),
        role.created_at.into(),
        role.updated_at.into(),
        role.version.into(),
    ];
    Statement::new(sql, params).expecting(1)
}

/// One role.
pub fn by_name(name: &RoleName) -> Statement {
    let sql = concat!("SELECT ", role_columns!(), " FROM roles r WHERE r.name = $1");
    Statement::new(sql, vec![name.as_str().into()])
}

/// Those of these roles that exist.
pub fn by_names(names: &BTreeSet<RoleName>) -> Statement {
    let sql =
        format!(concat!("SELECT ", role_columns!(), " FROM roles r WHERE {}"), is_one_of(names, 1));
    Statement::new(sql, params(names))
}

/// A page of roles by name, in the order of bytes whatever the collation of the
/// database, and one more if there is one.
pub fn list(page: &PageRequest) -> Statement {
    let after = page.after.as_deref().unwrap_or_default();
    let limit = page.limit.get().saturating_add(1);
    let sql = concat!(
        "SELECT ",
        role_columns!(),
        " FROM roles r WHERE r.name COLLATE BINARY > $1 ORDER BY r.name COLLATE BINARY LIMIT $2"
    );
    Statement::new(sql, vec![after.into(), limit.into()])
}

/// Writes permissions over those at `version`.
pub fn update(
    name: &RoleName,
    version: i64,
    permissions: &Permissions,
    at: Timestamp,
) -> Statement {
    let sql = "UPDATE roles SET permissions = $1, updated_at = $2, version = version + 1 \
               WHERE name = $3 AND version = $4 RETURNING name";
    let params =
        vec![permissions.to_stored().into(), at.into(), name.as_str().into(), version.into()];
    Statement::new(sql, params).touching(Touch::Roles).expecting(1)
}

/// Deletes the role at `version`; a foreign key keeps it while somebody holds it.
pub fn delete(name: &RoleName, version: i64) -> Statement {
    let sql = "DELETE FROM roles WHERE name = $1 AND version = $2 RETURNING name";
    Statement::new(sql, vec![name.as_str().into(), version.into()])
        .touching(Touch::Roles)
        .expecting(1)
}

/// Reads a row of `role_columns`.
pub fn from_row(row: Row) -> Result<Role, DatabaseError> {
    from_columns(&mut row.read())
}

/// A user, with each of these roles that exists.
pub fn user_and_roles(user: UserId, names: &BTreeSet<RoleName>) -> Statement {
    let id = names.len().saturating_add(1);
    let sql = format!(
        concat!(
            "SELECT ",
            entry_columns!(),
            ", ",
            role_columns!(),
            " FROM users u LEFT JOIN roles r ON {} WHERE u.id = ${}"
        ),
        is_one_of(names, 1),
        id
    );
    let mut params = params(names);
    params.push(user.to_string().into());
    Statement::new(sql, params)
}

/// Reads a row of [`user_and_roles`].
pub fn user_and_role_from_row(row: Row) -> Result<(DirectoryEntry, Option<Role>), DatabaseError> {
    let mut columns = row.read();
    let user = users::entry_from_columns(&mut columns)?;
    let role = if columns.rest_is_null() { None } else { Some(from_columns(&mut columns)?) };
    Ok((user, role))
}

/// Gives a user these roles. Undoes the commit if one of them does not exist.
pub fn grant(user: UserId, names: &BTreeSet<RoleName>) -> Statement {
    let sql = format!(
        "INSERT INTO user_roles (user_id, role) SELECT $1, r.name FROM roles r WHERE {} \
         RETURNING role",
        is_one_of(names, 2)
    );
    let mut all = vec![user.to_string().into()];
    all.extend(params(names));
    Statement::new(sql, all).touching(Touch::User(user)).expecting(names.len())
}

/// Takes all roles from a user.
pub fn revoke_all(user: UserId) -> Statement {
    let sql = "DELETE FROM user_roles WHERE user_id = $1";
    Statement::new(sql, vec![user.to_string().into()]).touching(Touch::User(user))
}

/// Gives a user a role, if there still is such a role.
pub fn grant_if_there(user: UserId, role: &RoleName) -> Statement {
    let sql = "INSERT INTO user_roles (user_id, role) \
               SELECT CAST($1 AS TEXT), name FROM roles WHERE name = $2";
    Statement::new(sql, vec![user.to_string().into(), role.as_str().into()])
        .touching(Touch::User(user))
}

/// Makes changes of who is an admin wait for each other. Comes first in a
/// commit that ends with [`require_admin`].
pub fn lock_admins() -> Statement {
    let sql = "UPDATE singletons SET version = version + 1 WHERE name = 'admins' RETURNING name";
    Statement::new(sql, Vec::new()).expecting(1)
}

/// Undoes the commit unless somebody is left who is an admin and may sign in.
pub fn require_admin() -> Statement {
    let sql = "SELECT ur.user_id FROM user_roles ur JOIN users u ON u.id = ur.user_id \
               WHERE ur.role = 'admin' AND u.suspended_at IS NULL LIMIT 1";
    Statement::new(sql, Vec::new()).expecting(1)
}

/// Undoes the commit if there is an admin already.
pub fn require_no_admin() -> Statement {
    let sql = "SELECT user_id FROM user_roles WHERE role = 'admin' LIMIT 1";
    Statement::new(sql, Vec::new()).expecting(0)
}

/// A condition on `r.name`, with a placeholder for each name from `first` on.
fn is_one_of(names: &BTreeSet<RoleName>, first: usize) -> String {
    let places = first..first.saturating_add(names.len());
    match places.map(|place| format!("${place}")).collect::<Vec<_>>() {
        places if places.is_empty() => "1 = 0".to_owned(),
        places => format!("r.name IN ({})", places.join(", ")),
    }
}

fn params(names: &BTreeSet<RoleName>) -> Vec<Value> {
    names.iter().map(|name| name.as_str().into()).collect()
}

fn from_columns(columns: &mut Columns) -> Result<Role, DatabaseError> {
    Ok(Role {
        name: columns.parsed(|text| RoleName::parse(text).ok())?,
        permissions: Permissions::from_stored(&columns.text()?),
        created_at: Timestamp::from_micros(columns.integer()?),
        updated_at: Timestamp::from_micros(columns.integer()?),
        version: columns.integer()?,
    })
}
