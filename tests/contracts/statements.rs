//! One statement by itself.

use rollcall::store::database::{Database, DatabaseError, Row, Value};

use super::{Outcome, create_things, holds, ids, insert, query, same};

pub(crate) async fn values_come_back_as_they_went_in(database: &dyn Database) -> Outcome {
    query(database, "CREATE TABLE kept (id BIGINT PRIMARY KEY, text TEXT, number BIGINT)", [])
        .await?;
    let long = "é\u{1f980}".repeat(1024 * 1024 / 6);
    let values = [
        (Value::Null, Value::Null),
        ("".into(), 0_i64.into()),
        ("NULL".into(), i64::MAX.into()),
        ("Ngô Bảo Châu, 李小龍, محمد, 𠜎🐉\u{10ffff}".into(), i64::MIN.into()),
        ("a'b\"c\\d;--\r\n\t\u{1}\u{7f}$1?".into(), (-1_i64).into()),
        ("jose\u{301} is not josé".into(), 1_767_225_600_123_456_i64.into()),
        (" spaces ".into(), i64::from(u32::MAX).into()),
        (long.into(), 7_i64.into()),
    ];
    for (id, (text, number)) in (0_i64..).zip(&values) {
        let sql = "INSERT INTO kept (id, text, number) VALUES ($1, $2, $3) RETURNING text, number";
        let returned = query(database, sql, [id.into(), text.clone(), number.clone()]).await?;
        same(returned, vec![Row::new(vec![text.clone(), number.clone()])])?;
    }
    let kept = query(database, "SELECT text, number FROM kept ORDER BY id", []).await?;
    let expected = values.map(|(text, number)| Row::new(vec![text, number]));
    same(kept, expected.to_vec())?;
    // What is not there is no row, not an empty one.
    same(query(database, "SELECT text FROM kept WHERE id = -1", []).await?, Vec::new())
}

pub(crate) async fn a_placeholder_may_be_used_again(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    let sql = "INSERT INTO things (id, label, number) \
               SELECT $1, $2, CAST($3 AS BIGINT) \
               WHERE NOT EXISTS (SELECT 1 FROM things WHERE label = $2 OR id = $1) RETURNING id";
    for expected in [1, 0] {
        let rows = query(database, sql, ["a".into(), "b".into(), 3_i64.into()]).await?;
        same(rows.len(), expected)?;
    }
    let sql = "SELECT number FROM things WHERE id = $1 AND label = $2 AND id <> $2 AND label <> $1";
    let rows = query(database, sql, ["a".into(), "b".into()]).await?;
    same(rows, vec![Row::new(vec![3_i64.into()])])
}

pub(crate) async fn rows_come_in_the_order_that_is_asked_for(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    let id = |n: i64| format!("019b76da-{n:04x}-7000-8000-{:012x}", 0xffff - n);
    for n in [9, 100, 0, 4095, 16, 10, 255] {
        database.query(insert(&id(n), &n.to_string(), n)).await?;
    }
    let expected = |numbers: &[i64]| numbers.iter().map(|n| Row::new(vec![(*n).into()])).collect();
    for (sql, numbers) in [
        ("SELECT number FROM things ORDER BY id", &[0, 9, 10, 16, 100, 255, 4095][..]),
        ("SELECT number FROM things ORDER BY id DESC LIMIT 2", &[4095, 255]),
        ("SELECT number FROM things ORDER BY number DESC LIMIT 3", &[4095, 255, 100]),
        ("SELECT number FROM things WHERE number > 16 ORDER BY number", &[100, 255, 4095]),
    ] {
        same(query(database, sql, []).await?, expected(numbers))?;
    }
    Ok(())
}

pub(crate) async fn a_walk_by_key_misses_and_repeats_nothing(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    let id = |n: i64| format!("019b76da-a800-7000-8000-{n:012x}");
    for n in (0..40).step_by(2) {
        database.query(insert(&id(n), &n.to_string(), n)).await?;
    }
    let (mut after, mut walked) = (String::new(), Vec::new());
    loop {
        let sql = "SELECT id, number FROM things WHERE id > $1 ORDER BY id LIMIT $2";
        let page = query(database, sql, [after.as_str().into(), 3_i64.into()]).await?;
        let Some(last) = page.last() else { break };
        after = last.clone().read().text()?;
        for row in page {
            let mut columns = row.read();
            columns.text()?;
            walked.push(columns.integer()?);
        }
        // Behind the walk one goes and one comes; before it, one that it has not seen.
        let n = walked.last().copied().unwrap_or_default();
        query(database, "DELETE FROM things WHERE id = $1", [after.as_str().into()]).await?;
        database.query(insert(&id(n - 1), &format!("behind {n}"), n)).await?;
        if n == 22 {
            database.query(insert(&id(23), "before", 23)).await?;
        }
    }
    let mut expected: Vec<i64> = (0..40).step_by(2).collect();
    expected.insert(12, 23);
    same(walked, expected)
}

pub(crate) async fn a_violated_constraint_is_named(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    database.query(insert("a", "one", 1)).await?;
    let owned = "INSERT INTO things (id, owner, number) VALUES ($1, 'a', 5)";
    query(database, owned, ["b".into()]).await?;
    let unique = |constraint: &str| DatabaseError::Unique { constraint: constraint.to_owned() };
    let taken = database.query(insert("c", "one", 3)).await;
    same(taken, Err(unique("things_label_key")))?;
    same(query(database, owned, ["c".into()]).await, Err(unique("things_owner_number_key")))?;
    let changed = "UPDATE things SET label = 'one' WHERE id = 'b' RETURNING id";
    same(query(database, changed, []).await, Err(unique("things_label_key")))?;
    // How a primary key is called differs; that it is one does not.
    let twice = database.query(insert("a", "other", 4)).await;
    holds(matches!(twice, Err(DatabaseError::Unique { .. })), &twice)?;
    same(ids(database).await?, vec!["a".to_owned(), "b".to_owned()])
}

pub(crate) async fn a_reference_must_lead_somewhere(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    database.query(insert("a", "one", 1)).await?;
    let owned = "INSERT INTO things (id, owner, number) VALUES ($1, $2, 1)";
    let orphan = query(database, owned, ["b".into(), "nobody".into()]).await;
    same(orphan, Err(DatabaseError::ForeignKey))?;
    query(database, owned, ["b".into(), "a".into()]).await?;
    let delete = query(database, "DELETE FROM things WHERE id = 'a'", []).await;
    same(delete, Err(DatabaseError::ForeignKey))?;
    same(ids(database).await?, vec!["a".to_owned(), "b".to_owned()])
}

pub(crate) async fn what_belongs_to_a_row_goes_with_it(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    let parts = "CREATE TABLE parts (thing TEXT NOT NULL REFERENCES things (id) ON DELETE CASCADE)";
    query(database, parts, []).await?;
    for id in ["a", "b"] {
        database.query(insert(id, id, 1)).await?;
        query(database, "INSERT INTO parts (thing) VALUES ($1)", [id.into()]).await?;
    }
    query(database, "DELETE FROM things WHERE id = 'a'", []).await?;
    let left = query(database, "SELECT thing FROM parts", []).await?;
    same(left, vec![Row::new(vec!["b".into()])])
}

pub(crate) async fn a_statement_that_makes_no_sense_is_a_defect(
    database: &dyn Database,
) -> Outcome {
    create_things(database).await?;
    for sql in ["SELEKT 1", "SELECT nothing FROM things", "SELECT id FROM nowhere", "INSERT INTO"] {
        let result = query(database, sql, []).await;
        holds(matches!(result, Err(DatabaseError::Other(_))), (sql, &result))?;
    }
    let missing = query(database, "INSERT INTO things (id) VALUES ('a')", []).await;
    holds(matches!(missing, Err(DatabaseError::Other(_))), &missing)?;
    // The connection is as good as before.
    same(query(database, "SELECT id FROM things WHERE id = 'x'", []).await?.len(), 0)
}

pub(crate) async fn a_failed_statement_changes_nothing(database: &dyn Database) -> Outcome {
    create_things(database).await?;
    database.query(insert("c", "c", 1)).await?;
    // The third row violates what the first two do not.
    let several = "INSERT INTO things (id, label, number) \
                   VALUES ('a', 'a', 1), ('b', 'b', 2), ('d', 'c', 3)";
    let result = query(database, several, []).await;
    holds(matches!(result, Err(DatabaseError::Unique { .. })), &result)?;
    same(ids(database).await?, vec!["c".to_owned()])
}
