//! Buckets of rate limits.

use std::fmt::Write;

use super::database::{Columns, DatabaseError, Row, Statement, Value};
use crate::domain::rate_limit::{Bucket, Level};
use crate::domain::time::Timestamp;

/// Uses all of the buckets once, or none of them if one has nothing left, and
/// returns those that were used as they are now. Whatever races, no bucket gives
/// more than it has; one that runs empty in a race may leave the others used.
pub fn spend(buckets: &[Bucket], now: Timestamp) -> Statement {
    let mut params: Vec<Value> = Vec::new();
    let mut asked = String::new();
    for bucket in sorted(buckets) {
        let comma = if asked.is_empty() { "" } else { ", " };
        let [key, price, top] = next_params(&params);
        let _ = write!(
            asked,
            "{comma}(CAST(${key} AS TEXT), CAST(${price} AS BIGINT), CAST(${top} AS BIGINT))"
        );
        params.extend([bucket.key.as_str().into(), bucket.price.into(), bucket.top_price.into()]);
    }
    let [now_at, window_at, _] = next_params(&params);
    params.extend([now.into(), window(buckets).into()]);
    let now = format!("CAST(${now_at} AS BIGINT)");
    let end = format!("({now} + CAST(${window_at} AS BIGINT))");
    // The rows are taken in the order of their keys, so that no two wait for each
    // other. The condition stands twice: before, so that nothing is used where
    // one bucket is empty; and behind the lock of the row, where it decides.
    let sql = format!(
        "WITH asked (key, price, top_price) AS (VALUES {asked}) \
         INSERT INTO rate_limits AS held (key, full_at, price, top_price) \
         SELECT key, {now} + price, price, top_price FROM asked \
         WHERE NOT EXISTS (SELECT 1 FROM asked AS one JOIN rate_limits AS taken \
         ON taken.key = one.key WHERE taken.full_at + taken.price > {end}) ORDER BY key \
         ON CONFLICT (key) DO UPDATE SET \
         full_at = CASE WHEN held.full_at > {now} THEN held.full_at + held.price \
         ELSE excluded.full_at END, \
         price = CASE WHEN held.full_at <= {now} THEN excluded.price \
         WHEN held.full_at + held.price * 2 <= {end} THEN held.price \
         WHEN held.price * 2 < excluded.top_price THEN held.price * 2 \
         ELSE excluded.top_price END, \
         top_price = excluded.top_price \
         WHERE held.full_at + held.price <= {end} \
         RETURNING key, full_at, price"
    );
    Statement::new(sql, params)
}

/// What is stored of the buckets.
pub fn levels(buckets: &[Bucket]) -> Statement {
    let sql = format!(
        "SELECT key, full_at, price FROM rate_limits WHERE key IN ({})",
        placeholders(1, buckets.len())
    );
    Statement::new(sql, keys(buckets))
}

/// What is stored of the buckets, and behind it the row of `target`, if any: one
/// row in any case. [`levels_from_columns`] reads it.
pub fn levels_with(buckets: &[Bucket], target: Statement) -> Statement {
    let Statement { sql, mut params, .. } = target;
    let (mut columns, mut joins) = (String::new(), String::new());
    for (index, _) in buckets.iter().enumerate() {
        let at = params.len().saturating_add(index).saturating_add(1);
        let _ = write!(columns, "level{index}.full_at, level{index}.price, ");
        let _ = write!(joins, " LEFT JOIN rate_limits AS level{index} ON level{index}.key = ${at}");
    }
    // The target stands first, so that placeholders ascend.
    let sql = format!(
        "WITH target AS ({sql}) SELECT {columns}target.* FROM (SELECT 1) AS one \
         LEFT JOIN target ON 1 = 1{joins}"
    );
    params.extend(keys(buckets));
    Statement::new(sql, params)
}

/// Undoes the commit if one of the buckets has nothing left.
pub fn require_left(buckets: &[Bucket], now: Timestamp) -> Statement {
    let mut params = keys(buckets);
    let [end, ..] = next_params(&params);
    params.push(now.micros().saturating_add(window(buckets)).into());
    let sql = format!(
        "SELECT key FROM rate_limits WHERE key IN ({}) AND full_at + price > ${end}",
        placeholders(1, buckets.len())
    );
    Statement::new(sql, params).expecting(0)
}

/// Fills a bucket up at once.
pub fn fill(bucket: &Bucket) -> Statement {
    let sql = "DELETE FROM rate_limits WHERE key = $1";
    Statement::new(sql, vec![bucket.key.as_str().into()])
}

/// Deletes at most `limit` buckets that are full, and returns their keys.
pub fn delete_full(now: Timestamp, limit: u32) -> Statement {
    let sql = "DELETE FROM rate_limits WHERE key IN \
               (SELECT key FROM rate_limits WHERE full_at <= $1 LIMIT $2) RETURNING key";
    Statement::new(sql, vec![now.into(), limit.into()])
}

/// Reads a row of [`spend`] or [`levels`].
pub fn from_row(row: Row) -> Result<(String, Level), DatabaseError> {
    let mut columns = row.read();
    let key = columns.text()?;
    let full_at = Timestamp::from_micros(columns.integer()?);
    Ok((key, Level { full_at, price: columns.integer()? }))
}

/// Reads what [`levels_with`] puts before the target, for so many buckets.
pub fn levels_from_columns(
    columns: &mut Columns,
    buckets: usize,
) -> Result<Vec<Option<Level>>, DatabaseError> {
    let mut level = || {
        let full_at = columns.optional_integer()?.map(Timestamp::from_micros);
        let price = columns.optional_integer()?;
        Ok(full_at.zip(price).map(|(full_at, price)| Level { full_at, price }))
    };
    (0..buckets).map(|_| level()).collect()
}

fn sorted(buckets: &[Bucket]) -> Vec<&Bucket> {
    let mut sorted: Vec<_> = buckets.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    sorted
}

/// All buckets of a policy fill up within the same time.
fn window(buckets: &[Bucket]) -> i64 {
    buckets.first().map_or(0, |bucket| bucket.window)
}

fn keys(buckets: &[Bucket]) -> Vec<Value> {
    buckets.iter().map(|bucket| bucket.key.as_str().into()).collect()
}

/// Of no placeholders, NULL: an empty list is no SQL.
fn placeholders(first: usize, count: usize) -> String {
    if count == 0 {
        return "NULL".to_owned();
    }
    let numbers = (0..count).map(|index| format!("${}", first.saturating_add(index)));
    numbers.collect::<Vec<_>>().join(", ")
}

/// The numbers of the next placeholders.
fn next_params(params: &[Value]) -> [usize; 3] {
    let len = params.len();
    [len.saturating_add(1), len.saturating_add(2), len.saturating_add(3)]
}
