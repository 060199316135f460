//! Whether the database takes changes.

use super::database::Statement;

/// A letter that a database which is not in UTF-8 cannot hold, as there are in names.
const LETTER: &str = "\u{1e900}";

/// Changes what means nothing: what stands in the way of it stands in the way of
/// every change.
pub fn write_something() -> Statement {
    let sql = "UPDATE singletons SET version = version + 1 \
               WHERE name = 'admins' AND $1 <> '' RETURNING name";
    Statement::new(sql, vec![LETTER.into()]).expecting(1)
}
