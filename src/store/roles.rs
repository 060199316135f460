//! Roles and who holds them.

use super::database::{DatabaseError, Row, Statement};
use crate::domain::id::UserId;
use crate::domain::role::{Permissions, RoleName};

/// Gives a user a role.
pub fn grant(user: UserId, role: &RoleName) -> Statement {
    let sql = "INSERT INTO user_roles (user_id, role) VALUES ($1, $2)";
    Statement::new(sql, vec![user.to_string().into(), role.as_str().into()])
}

/// Gives a user a role, if there still is such a role.
pub fn grant_if_there(user: UserId, role: &RoleName) -> Statement {
    let sql = "INSERT INTO user_roles (user_id, role) \
               SELECT CAST($1 AS TEXT), name FROM roles WHERE name = $2";
    Statement::new(sql, vec![user.to_string().into(), role.as_str().into()])
}

/// What roles allow, a row for each that exists.
pub fn permissions_of(roles: &[RoleName]) -> Statement {
    let places: Vec<String> = (1..=roles.len()).map(|place| format!("${place}")).collect();
    let sql = format!("SELECT name, permissions FROM roles WHERE name IN ({})", places.join(", "));
    Statement::new(sql, roles.iter().map(|role| role.as_str().into()).collect())
}

/// Reads a row of [`permissions_of`].
pub fn permissions_from_row(row: Row) -> Result<(RoleName, Permissions), DatabaseError> {
    let mut columns = row.read();
    let name = columns.parsed(|text| RoleName::parse(text).ok())?;
    Ok((name, Permissions::from_stored(&columns.text()?)))
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
