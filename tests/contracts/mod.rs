//! What every driver of the `Database` port promises, written once.
//!
//! A contract is handed an empty database. It depends on no driver, no runtime
//! and no panic, so that the same list runs inside a component as well, on the
//! databases of a host: [`run_all`] empties the database before each.

pub(crate) mod commits;
pub(crate) mod migrations;
pub(crate) mod statements;

use std::fmt::Debug;
use std::panic::Location;

use rollcall::store::database::{
    BoxFuture, Columns, Database, DatabaseError, Dialect, Row, Statement, Value,
};

/// Calls a macro with every contract by its path and its name.
macro_rules! each_contract {
    ($callback:ident) => {
        $callback! {
            statements::values_come_back_as_they_went_in,
            statements::a_placeholder_may_be_used_again,
            statements::rows_come_in_the_order_that_is_asked_for,
            statements::a_walk_by_key_misses_and_repeats_nothing,
            statements::a_violated_constraint_is_named,
            statements::a_reference_must_lead_somewhere,
            statements::what_belongs_to_a_row_goes_with_it,
            statements::a_statement_that_makes_no_sense_is_a_defect,
            statements::a_failed_statement_changes_nothing,
            commits::a_commit_of_nothing_succeeds,
            commits::statements_of_a_commit_run_in_order_and_see_each_other,
            commits::a_commit_may_have_two_hundred_statements,
            commits::a_guard_counts_the_rows_of_its_statement,
            commits::whatever_fails_a_commit_undoes_it_whole,
            commits::what_was_committed_is_seen_by_everybody,
            commits::of_many_guarded_changes_one_is_made,
            commits::many_writers_lose_nothing,
            commits::readers_never_see_half_a_commit,
            migrations::an_empty_database_is_brought_up_to_date_once,
            migrations::many_who_migrate_at_once_do_it_once,
            migrations::an_edited_migration_is_noticed,
            migrations::a_newer_database_is_refused,
        }
    };
}

/// A contract: what it proves when it succeeds is its name.
pub(crate) type Contract = for<'a> fn(&'a dyn Database) -> BoxFuture<'a, Outcome>;

/// Kept, or broken in this way.
pub(crate) type Outcome = Result<(), Broken>;

/// In which way a contract was broken.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

impl From<DatabaseError> for Broken {
    #[track_caller]
    fn from(error: DatabaseError) -> Self {
        Self(format!("{}: {error:?}", Location::caller()))
    }
}

macro_rules! list {
    ($($module:ident::$name:ident,)*) => {
        &[$((stringify!($name), |database| Box::pin($module::$name(database)))),*]
    };
}

/// The list.
pub(crate) const ALL: &[(&str, Contract)] = each_contract!(list);

/// Runs every contract on one database, emptied before each, and tells which
/// were broken and how.
pub(crate) async fn run_all(database: &dyn Database) -> Vec<(&'static str, Broken)> {
    let mut broken = Vec::new();
    for (name, contract) in ALL {
        let outcome = match clear(database).await {
            Ok(()) => contract(database).await,
            Err(error) => Err(error.into()),
        };
        broken.extend(outcome.err().map(|how| (*name, how)));
    }
    broken
}

/// Empties a database.
async fn clear(database: &dyn Database) -> Result<(), DatabaseError> {
    let drops = match database.dialect() {
        // Later tables refer to earlier ones.
        Dialect::Sqlite => {
            let tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid DESC";
            let tables = query(database, tables, []).await?;
            let drop = |row: Row| Ok(format!("DROP TABLE {}", row.read().text()?));
            tables.into_iter().map(drop).collect::<Result<Vec<_>, DatabaseError>>()?
        }
        Dialect::Postgres => {
            vec!["DROP SCHEMA public CASCADE".to_owned(), "CREATE SCHEMA public".to_owned()]
        }
    };
    for sql in drops {
        database.query(Statement::new(sql, Vec::new())).await?;
    }
    Ok(())
}

/// Succeeds if both are the same.
#[track_caller]
fn same<T: PartialEq + Debug>(found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(Broken(format!("{}: found {found:?}, expected {expected:?}", Location::caller())))
}

/// Succeeds if it is so.
#[track_caller]
fn holds(condition: bool, what: impl Debug) -> Outcome {
    if condition { Ok(()) } else { Err(Broken(format!("{}: {what:?}", Location::caller()))) }
}

/// A statement.
fn statement<const N: usize>(sql: &'static str, params: [Value; N]) -> Statement {
    Statement::new(sql, params.into())
}

/// Runs a statement.
async fn query<const N: usize>(
    database: &dyn Database,
    sql: &'static str,
    params: [Value; N],
) -> Result<Vec<Row>, DatabaseError> {
    database.query(statement(sql, params)).await
}

/// The table that most contracts use.
async fn create_things(database: &dyn Database) -> Result<(), DatabaseError> {
    rollcall::store::migrate::prepare(database).await?;
    let things = "CREATE TABLE things (id TEXT PRIMARY KEY, label TEXT UNIQUE, \
                  number BIGINT NOT NULL, owner TEXT REFERENCES things (id), UNIQUE (owner, number))";
    query(database, things, []).await.map(drop)
}

/// A new row of `things`.
fn insert(id: &str, label: &str, number: i64) -> Statement {
    let sql = "INSERT INTO things (id, label, number) VALUES ($1, $2, $3)";
    statement(sql, [id.into(), label.into(), number.into()])
}

/// The ids of all things, in order.
async fn ids(database: &dyn Database) -> Result<Vec<String>, DatabaseError> {
    let rows = query(database, "SELECT id FROM things ORDER BY id", []).await?;
    rows.into_iter().map(|row| row.read().text()).collect()
}

/// The one row of a result.
fn only(rows: Vec<Row>) -> Result<Columns, DatabaseError> {
    let mut rows = rows.into_iter();
    match (rows.next(), rows.next()) {
        (Some(row), None) => Ok(row.read()),
        _ => Err(DatabaseError::Other("there should have been one row".to_owned())),
    }
}
