//! Whether the database takes changes.

use super::database::Statement;

/// Changes what means nothing: what stands in the way of it stands in the way of
/// every change.
pub fn write_something() -> Statement {
    let sql = "UPDATE singletons SET version = version + 1 WHERE name = 'admins' RETURNING name";
    Statement::new(sql, Vec::new()).expecting(1)
}
