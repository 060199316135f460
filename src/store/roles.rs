//! Roles and who holds them.

use super::database::Statement;
use crate::domain::id::UserId;
use crate::domain::role::RoleName;

/// Gives a user a role.
pub fn grant(user: UserId, role: &RoleName) -> Statement {
    let sql = "INSERT INTO user_roles (user_id, role) VALUES ($1, $2)";
    Statement::new(sql, vec![user.to_string().into(), role.as_str().into()])
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
