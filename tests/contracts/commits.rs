//! Several statements as one change.

use futures_util::future::join_all;
use rollcall::store::database::{Database, DatabaseError};

use super::{Outcome, create_things, holds, ids, insert, only, query, same, statement};

pub(crate) async fn a_commit_of_nothing_succeeds(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    same(database.commit(Vec::new()).await, Ok(()))?;
    same(database.commit(vec![insert("a", "a", 1)]).await, Ok(()))
}

pub(crate) async fn statements_of_a_commit_run_in_order_and_see_each_other(
    database: &dyn Database,
) -> Outcome {
    create_things(database).await?;
    let commit = vec![
        insert("a", "first", 1),
        statement("SELECT id FROM things WHERE label = 'first'", []).expecting(1),
        statement("UPDATE things SET label = 'second' WHERE label = $1", ["first".into()]),
        insert("b", "first", 2),
        statement("DELETE FROM things WHERE id = 'a'", []),
        insert("a", "third", 3),
    ];
    database.commit(commit).await?;
    let mut columns = only(query(database, "SELECT label FROM things WHERE id = 'a'", []).await?)?;
    same(columns.text()?, "third".to_owned())?;
    same(ids(database).await?.len(), 2)
}

pub(crate) async fn a_commit_may_have_two_hundred_statements(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    let id = |n: i64| format!("{n:03}");
    let label = "x".repeat(1_000);
    let inserts = (0..200).map(|n| insert(&id(n), &format!("{label}{n}"), n));
    database.commit(inserts.collect()).await?;
    same(ids(database).await?, (0..200).map(id).collect())
}

pub(crate) async fn a_guard_counts_the_rows_of_its_statement(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    let numbers = (0..3).map(|n| insert(&n.to_string(), &n.to_string(), n));
    database.commit(numbers.collect()).await?;
    let raise = |least: i64| {
        statement(
            "UPDATE things SET number = number + 1 WHERE number >= $1 RETURNING id",
            [least.into()],
        )
    };
    for (least, rows) in [(0, 3), (2, 2), (100, 0)] {
        database.commit(vec![raise(least).expecting(rows)]).await?;
    }
    let guard = |statement| Err(DatabaseError::Guard { statement });
    for (commit, expected) in [
        (vec![raise(0).expecting(1)], guard(0)),
        (vec![raise(0).expecting(0)], guard(0)),
        (vec![raise(100).expecting(1)], guard(0)),
        (vec![raise(0), raise(0), raise(100).expecting(1)], guard(2)),
        (vec![raise(100).expecting(1), raise(0).expecting(9)], guard(0)),
        (vec![raise(0), statement("SELECT id FROM things", []).expecting(1), raise(0)], guard(1)),
    ] {
        same(database.commit(commit).await, expected)?;
    }
    let sum = "SELECT CAST(SUM(number) AS BIGINT) FROM things";
    same(only(query(database, sum, []).await?)?.integer()?, 8)
}

pub(crate) async fn whatever_fails_a_commit_undoes_it_whole(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    database.commit(vec![insert("kept", "kept", 1), insert("old", "old", 2)]).await?;
    let sql = |sql| statement(sql, []);
    let failures = [
        ("unique", insert("x", "kept", 3)),
        ("primary key", insert("kept", "x", 3)),
        ("foreign key", sql("INSERT INTO things (id, owner, number) VALUES ('x', 'nobody', 3)")),
        ("not null", sql("INSERT INTO things (id) VALUES ('x')")),
        ("guard", sql("SELECT id FROM things WHERE id = 'x'").expecting(1)),
        ("syntax", sql("INSERT INTO")),
        ("no such table", sql("DELETE FROM nowhere")),
    ];
    for (kind, failure) in failures {
        for place in 0..=2 {
            let mut commit =
                vec![insert("new", "new", 4), sql("DELETE FROM things WHERE id = 'old'")];
            commit.insert(place, failure.clone());
            holds(database.commit(commit).await.is_err(), (kind, place))?;
            same(ids(database).await?, vec!["kept".to_owned(), "old".to_owned()])?;
        }
    }
    // Nothing is left open: the next commit stands by itself.
    database.commit(vec![insert("new", "new", 4)]).await?;
    same(ids(database).await?.len(), 3)
}

pub(crate) async fn what_was_committed_is_seen_by_everybody(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    for n in 0..20 {
        database.commit(vec![insert(&format!("{n:02}"), &n.to_string(), n)]).await?;
        let readers = join_all((0..4).map(|_| ids(database))).await;
        for seen in readers {
            same(seen?.len(), usize::try_from(n + 1).unwrap_or_default())?;
        }
    }
    Ok(())
}

pub(crate) async fn of_many_guarded_changes_one_is_made(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    database.query(insert("a", "a", 0)).await?;
    for round in 0..5_i64 {
        let change = |writer: i64| {
            let sql =
                "UPDATE things SET number = number + 1 WHERE id = 'a' AND number = $1 RETURNING id";
            let id = format!("{round} {writer}");
            vec![statement(sql, [round.into()]).expecting(1), insert(&id, &id, 0)]
        };
        let results = join_all((0..16).map(|writer| database.commit(change(writer)))).await;
        same(results.iter().filter(|result| result.is_ok()).count(), 1)?;
        let missed = Err(DatabaseError::Guard { statement: 0 });
        same(results.iter().filter(|result| **result == missed).count(), 15)?;
    }
    same(ids(database).await?.len(), 6)
}

pub(crate) async fn many_writers_lose_nothing(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    database.query(insert("sum", "sum", 0)).await?;
    let add = |writer: i64| {
        let id = format!("{writer:03}");
        let sum = "UPDATE things SET number = number + $1 WHERE id = 'sum' RETURNING id";
        let commit = vec![insert(&id, &id, writer), statement(sum, [writer.into()]).expecting(1)];
        database.commit(commit)
    };
    for result in join_all((0..64).map(add)).await {
        result?;
    }
    let sum = query(database, "SELECT number FROM things WHERE id = 'sum'", []).await?;
    same(only(sum)?.integer()?, (0..64).sum())?;
    same(ids(database).await?.len(), 65)
}

pub(crate) async fn readers_never_see_half_a_commit(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    database.commit(vec![insert("a", "a", 0), insert("b", "b", 0)]).await?;
    let write = async |_: i64| {
        let raise = |sql| statement(sql, []).expecting(1);
        let commit = vec![
            raise("UPDATE things SET number = number + 1 WHERE id = 'a' RETURNING id"),
            raise("UPDATE things SET number = number - 1 WHERE id = 'b' RETURNING id"),
        ];
        database.commit(commit).await?;
        Ok::<_, DatabaseError>(())
    };
    let read = async |_: i64| {
        let sum = "SELECT CAST(SUM(number) AS BIGINT) FROM things";
        only(query(database, sum, []).await?)?.integer()
    };
    let (written, read) =
        futures_util::future::join(join_all((0..32).map(write)), join_all((0..32).map(read))).await;
    for result in written {
        result?;
    }
    for sum in read {
        same(sum?, 0)?;
    }
    Ok(())
}
