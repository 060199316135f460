//! Whether the database takes changes, and sorts as it must.

use super::database::{DatabaseError, Row, Statement};

/// A letter that a database which is not in UTF-8 cannot hold, as there are in names.
const LETTER: &str = "\u{1e900}";

/// What an operator is told whose Postgres takes letters for bytes.
const OTHER_ENCODING: &str = "the database is not in UTF-8: make it by \
    CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'";

/// What an operator is told whose Postgres sorts otherwise.
const UNSORTED: &str = "the collation of the database does not keep ids in order: make it by \
    CREATE DATABASE ... TEMPLATE template0 LC_COLLATE 'C', and LOCALE_PROVIDER libc where that is icu";

/// Changes what means nothing: what stands in the way of it stands in the way of
/// every change. Tells whether ids, which are lower-case hexadecimal, are sorted by
/// their bytes: some languages have letters of their own that are written `aa`, `dd`
/// or `ff`, and others count.
pub fn write_something() -> Statement {
    let sql = "UPDATE singletons SET version = version + 1 \
               WHERE name = 'admins' AND $1 <> '' RETURNING CASE \
               WHEN LENGTH(CAST($1 AS TEXT)) <> 1 THEN CAST(2 AS BIGINT) WHEN '10' < '9' AND '9' < 'a' \
               AND 'aa' < 'ab' AND 'dd' < 'de' AND 'ff' < 'fg' \
               THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END";
    Statement::new(sql, vec![LETTER.into()]).expecting(1)
}

/// Fails unless [`write_something`] told that letters are letters, and ids sorted as they must
/// be.
pub fn require_order(rows: Vec<Row>) -> Result<(), DatabaseError> {
    for row in rows {
        let problem = match row.read().integer()? {
            0 => UNSORTED,
            2 => OTHER_ENCODING,
            _ => continue,
        };
        return Err(DatabaseError::Unavailable(problem.to_owned()));
    }
    Ok(())
}
