//! Migrations, whoever applies them and however often.

use futures_util::future::join_all;
use rollcall::store::database::Database;
use rollcall::store::migrate::{State, apply, state};

use super::{Outcome, holds, query, same};

pub(crate) async fn an_empty_database_is_brought_up_to_date_once(
    database: &dyn Database,
) -> Outcome {
    let State::Pending(pending) = state(database).await? else {
        return holds(false, "an empty database is pending");
    };
    holds(!pending.is_empty(), &pending)?;
    // To look changes nothing.
    same(state(database).await?, State::Pending(pending.clone()))?;
    same(apply(database).await?, pending)?;
    same(state(database).await?, State::Current)?;
    let marks = "SELECT version, checksum, applied_at FROM schema_migrations ORDER BY version";
    let first = query(database, marks, []).await?;
    same(apply(database).await?, Vec::new())?;
    same(query(database, marks, []).await?, first)
}

pub(crate) async fn many_who_migrate_at_once_do_it_once(database: &dyn Database) -> Outcome {
    let State::Pending(pending) = state(database).await? else {
        return holds(false, "an empty database is pending");
    };
    let mut applied = Vec::new();
    for result in join_all((0..20).map(|_| apply(database))).await {
        applied.extend(result?);
    }
    applied.sort_unstable();
    same(applied, pending)?;
    same(state(database).await?, State::Current)?;
    let roles = query(database, "SELECT name FROM roles ORDER BY name", []).await?;
    same(roles.len(), 2)
}

pub(crate) async fn an_edited_migration_is_noticed(database: &dyn Database) -> Outcome {
    apply(database).await?;
    let edit = "UPDATE schema_migrations SET checksum = 'edited' WHERE version = 1";
    query(database, edit, []).await?;
    same(state(database).await?, State::Edited(1))?;
    same(apply(database).await?, Vec::new())
}

pub(crate) async fn a_newer_database_is_refused(database: &dyn Database) -> Outcome {
    apply(database).await?;
    let later =
        "INSERT INTO schema_migrations (version, checksum, applied_at) VALUES (9999, '', 0)";
    query(database, later, []).await?;
    same(state(database).await?, State::Newer(9999))?;
    same(apply(database).await?, Vec::new())
}
