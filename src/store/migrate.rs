//! Migrations: forward only, embedded, each applied once and whole.

use std::fmt;

use crate::domain::encoding::HEX;

use super::database::{Database, DatabaseError, Dialect, Statement, Value};
use crate::domain::secret::sha256;

/// A step from one schema to the next.
struct Migration {
    version: i64,
    sql: &'static str,
    /// Which database it is for, if not for both.
    dialect: Option<Dialect>,
}

/// The list, in order. See `migrations/README.md` for the rules.
const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../../migrations/0001_users.sql"), dialect: None },
    Migration { version: 2, sql: include_str!("../../migrations/0002_mail.sql"), dialect: None },
    Migration { version: 3, sql: include_str!("../../migrations/0003_access.sql"), dialect: None },
    Migration { version: 4, sql: include_str!("../../migrations/0004_limits.sql"), dialect: None },
    Migration { version: 5, sql: include_str!("../../migrations/0005_factors.sql"), dialect: None },
    Migration { version: 7, sql: include_str!("../../migrations/0007_erasure.sql"), dialect: None },
    Migration { version: 8, sql: include_str!("../../migrations/0008_answers.sql"), dialect: None },
    Migration {
        version: 9,
        sql: include_str!("../../migrations/0009_finding.sqlite.sql"),
        dialect: Some(Dialect::Sqlite),
    },
    Migration {
        version: 9,
        sql: include_str!("../../migrations/0009_finding.postgres.sql"),
        dialect: Some(Dialect::Postgres),
    },
    Migration {
        version: 10,
        sql: include_str!("../../migrations/0010_sign_in_tokens.sql"),
        dialect: None,
    },
];

/// What must be there before the first migration.
const fn preparation(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "CREATE TABLE IF NOT EXISTS schema_migrations (
             version BIGINT PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)"
        }
        Dialect::Postgres => include_str!("../../migrations/prepare.postgres.sql"),
    }
}

/// How far a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Every migration of this component was applied, and no other.
    Current,
    /// These versions were not applied yet.
    Pending(Vec<i64>),
    /// The database has had a migration that this component does not know.
    Newer(i64),
    /// A migration is not what it was when it was applied.
    Edited(i64),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => f.write_str("the schema is current"),
            Self::Pending(versions) => {
                write!(
                    f,
                    "migrations {versions:?} are pending: apply them by `make migrate`, or by a start with auto_migrate = true"
                )
            }
            Self::Newer(version) => write!(
                f,
                "the database is at migration {version}, which is newer than this component: deploy a newer one"
            ),
            Self::Edited(version) => {
                write!(f, "migration {version} was edited after it was applied: restore its text")
            }
        }
    }
}

/// How far the database is. Changes nothing.
pub async fn state(database: &dyn Database) -> Result<State, DatabaseError> {
    let applied = applied(database).await?;
    let known: Vec<_> = known(database.dialect()).collect();
    for (version, checksum) in &applied {
        match known.iter().find(|migration| migration.version == *version) {
            None => return Ok(State::Newer(*version)),
            Some(migration) if migration.checksum() != *checksum => {
                return Ok(State::Edited(*version));
            }
            Some(_) => {}
        }
    }
    let is_applied = |version| applied.iter().any(|(applied, _)| *applied == version);
    let pending = known.iter().map(|migration| migration.version);
    let pending: Vec<_> = pending.filter(|version| !is_applied(*version)).collect();
    Ok(if pending.is_empty() { State::Current } else { State::Pending(pending) })
}

/// Applies what is pending, whoever else is doing the same, and returns the
/// versions that this call applied.
pub async fn apply(database: &dyn Database) -> Result<Vec<i64>, DatabaseError> {
    let State::Pending(pending) = state(database).await? else {
        return Ok(Vec::new());
    };
    prepare(database).await?;
    let mut done = Vec::new();
    for migration in known(database.dialect()) {
        if pending.contains(&migration.version) && migration.apply(database).await? {
            done.push(migration.version);
        }
    }
    Ok(done)
}

/// Makes what a database must have before its first migration and its first
/// commit. Repeating it changes nothing.
pub async fn prepare(database: &dyn Database) -> Result<(), DatabaseError> {
    let statement = Statement::new(preparation(database.dialect()), Vec::new());
    database.query(statement).await.map(drop)
}

fn known(dialect: Dialect) -> impl Iterator<Item = &'static Migration> {
    MIGRATIONS.iter().filter(move |migration| migration.dialect.is_none_or(|own| own == dialect))
}

async fn applied(database: &dyn Database) -> Result<Vec<(i64, String)>, DatabaseError> {
    let exists = match database.dialect() {
        Dialect::Sqlite => {
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'"
        }
        Dialect::Postgres => "SELECT 1::bigint WHERE to_regclass('schema_migrations') IS NOT NULL",
    };
    if database.query(Statement::new(exists, Vec::new())).await?.is_empty() {
        return Ok(Vec::new());
    }
    let select = "SELECT version, checksum FROM schema_migrations ORDER BY version";
    let rows = database.query(Statement::new(select, Vec::new())).await?;
    let read = |row: super::database::Row| {
        let mut columns = row.read();
        Ok((columns.integer()?, columns.text()?))
    };
    rows.into_iter().map(read).collect()
}

impl Migration {
    fn checksum(&self) -> String {
        HEX.encode(&sha256(self.sql.as_bytes()))
    }

    /// Applies it in one commit, which begins with its mark: of several that try
    /// at once, one gets past the mark and the others find it there.
    async fn apply(&self, database: &dyn Database) -> Result<bool, DatabaseError> {
        let now = match database.dialect() {
            Dialect::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
            Dialect::Postgres => "CAST(extract(epoch FROM now()) * 1000000 AS BIGINT)",
        };
        let mark = format!(
            "INSERT INTO schema_migrations (version, checksum, applied_at) VALUES ($1, $2, {now})"
        );
        let mark = Statement::new(mark, vec![Value::Integer(self.version), self.checksum().into()]);
        let steps = statements(self.sql).map(|sql| Statement::new(sql, Vec::new()));
        match database.commit(std::iter::once(mark).chain(steps).collect()).await {
            Ok(()) => Ok(true),
            Err(DatabaseError::Unique { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Splits a file into statements: each ends with a semicolon at the end of a
/// line. Lines of comment are dropped.
fn statements(sql: &'static str) -> impl Iterator<Item = String> {
    let lines = sql.lines().filter(|line| !line.trim_start().starts_with("--"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let statements = code.split(";\n").map(|part| part.trim().trim_end_matches(';').to_owned());
    statements.filter(|part| !part.is_empty()).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_ascend_and_a_database_sees_each_once() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let versions: Vec<_> = known(dialect).map(|migration| migration.version).collect();
            assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
        }
    }

    #[test]
    fn a_file_is_split_at_semicolons_that_end_a_line() {
        let file = "-- why\nCREATE TABLE a (b TEXT);\n\nINSERT INTO a VALUES (';');\n-- end\n";
        let split: Vec<_> = statements(file).collect();
        assert_eq!(split, ["CREATE TABLE a (b TEXT)", "INSERT INTO a VALUES (';')"]);
    }
}
