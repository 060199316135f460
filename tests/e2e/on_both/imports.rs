//! Many users at once: how fast, in how much memory, and across a kill in the middle.
//!
//! `ROLLCALL_IMPORT_LINES` says how many, or 5,000; at 1,000,000 it takes minutes.

use std::fmt::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Response;
use rusqlite::Connection;
use serde_json::Value;

use super::Database;
use crate::client::Client;
use crate::service::Service;

const IMPORT: &str = "/api/v1/users/import?report=failed";
const HASHES: [&str; 2] = [
    "$2b$10$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

fn count() -> usize {
    let set = std::env::var("ROLLCALL_IMPORT_LINES");
    set.map_or(5_000, |lines| lines.parse().expect("ROLLCALL_IMPORT_LINES is a number"))
}

/// Users of about 200 bytes, two of three with a hash, whose addresses come in no order.
fn lines(count: usize) -> Bytes {
    let mut text = String::new();
    for number in 0..count {
        let scattered = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        write!(
            text,
            r#"{{"external_id":"crm-{number}","email":"{scattered:08x}.{number}@example.com","#
        )
        .unwrap();
        write!(text, r#""name":"User {number}","metadata":{{"plan":"free"}}"#).unwrap();
        if let Some(hash) = HASHES.get(number % 3) {
            write!(text, r#","password_hash":"{hash}""#).unwrap();
        }
        text.push_str("}\n");
    }
    text.into()
}

async fn begin(admin: &Client, body: Bytes) -> Response {
    let answer = admin.stream(IMPORT, "application/x-ndjson", body).await;
    assert_eq!(answer.status(), 200);
    answer
}

/// The counts of the summary of an import that is complete.
async fn finish(answer: Response) -> [u64; 3] {
    let text = answer.text().await.unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let summary = &last["summary"];
    assert_eq!(summary["complete"], true, "{text}");
    assert_eq!((&summary["failed"], &summary["updated"]), (&0.into(), &0.into()), "{text}");
    ["lines", "created", "unchanged"].map(|name| summary[name].as_u64().unwrap())
}

/// Every user has a role, and one event that tells of its creation.
fn assert_whole(database: &Database) -> u64 {
    let ask = |sql: &str| database.query(sql).parse::<u64>().unwrap();
    let users = ask("SELECT COUNT(*) FROM users WHERE external_id IS NOT NULL");
    let with_role = "SELECT COUNT(*) FROM user_roles r JOIN users u ON u.id = r.user_id \
                     WHERE u.external_id IS NOT NULL";
    let told = "SELECT COUNT(*) FROM events e JOIN users u ON u.id = e.subject \
                WHERE u.external_id IS NOT NULL AND e.kind = 'user.created'";
    assert_eq!((ask(with_role), ask(told)), (users, users));
    users
}

/// How long SQLite itself takes to copy the same rows into tables with the same
/// indices, in one transaction: what no import can be faster than.
fn by_sqlite_itself(database: &Database) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let copy = Connection::open(folder.path().join("copy.db")).unwrap();
    copy.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").unwrap();
    copy.execute("ATTACH ?1 AS source", [database.file().to_str().unwrap()]).unwrap();
    let tables = ["roles", "users", "user_roles", "events"];
    let schema = "SELECT sql FROM source.sqlite_master WHERE sql IS NOT NULL AND tbl_name = ?1 \
                  ORDER BY type DESC";
    for table in tables {
        let mut statement = copy.prepare(schema).unwrap();
        let sqls = statement.query_map([table], |row| row.get::<_, String>(0)).unwrap();
        for sql in sqls.collect::<Result<Vec<_>, _>>().unwrap() {
            copy.execute_batch(&sql).unwrap();
        }
    }
    let begin = Instant::now();
    copy.execute_batch("BEGIN").unwrap();
    for table in tables {
        let sql = format!("INSERT INTO main.{table} SELECT * FROM source.{table} ORDER BY rowid");
        copy.execute_batch(&sql).unwrap();
    }
    copy.execute_batch("COMMIT").unwrap();
    begin.elapsed()
}

async fn kill_in_the_middle(database: Database, name: &str) {
    let (count, body) = (count(), lines(count()));
    let builder = database.builder().variable("access_token_ttl", "1d");
    let service = Service::start(&builder);
    let admin = service.admin().await;
    let mut answer = begin(&admin, body.clone()).await;
    // Half of it is told: the rest is under way.
    let mut told = String::new();
    let half = format!(r#""progress":{{"lines":{}"#, (count / 2_000).max(1) * 1_000);
    while !told.contains(&half) {
        told += std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap();
    }
    service.host.kill();
    while let Ok(Some(_)) = answer.chunk().await {}
    let there = assert_whole(&database);
    assert!((count as u64 / 2 - 500..=count as u64).contains(&there), "{there} of {count}");

    let service = Service::start(&builder);
    let admin = admin.at(&service.host.base_url);
    let told = finish(begin(&admin, body).await).await;
    assert_eq!(told, [count as u64, count as u64 - there, there]);
    assert_eq!(assert_whole(&database), count as u64);
    println!("{name}: killed after {there} of {count} lines, {} more by the second run", told[1]);
}

async fn measure(database: Database, name: &str) {
    let (count, body) = (count(), lines(count()));
    let service = Service::start(&database.builder().variable("access_token_ttl", "1d"));
    let admin = service.admin().await;
    let before = service.host.resident_kib();
    let begun = Instant::now();
    let mut answer = begin(&admin, body.clone()).await;
    let mut most = before;
    while answer.chunk().await.unwrap().is_some() {
        most = most.max(service.host.resident_kib());
    }
    let took = begun.elapsed();
    let begun = Instant::now();
    let again = finish(begin(&admin, body).await).await;
    let took_again = begun.elapsed();
    assert_eq!(again, [count as u64, 0, count as u64]);
    assert_eq!(assert_whole(&database), count as u64);
    let grown = most.saturating_sub(before) / 1024;
    assert!(grown < 64, "{name}: the host grew by {grown} MiB");
    let rate = |took: Duration| count as f64 / took.as_secs_f64();
    println!(
        "{name}: {count} users in {took:.1?}, {:.0}/s; again {took_again:.1?}, {:.0}/s; \
         the host grew by {grown} MiB",
        rate(took),
        rate(took_again)
    );
    if let Database::Sqlite(_) = database {
        let plain = by_sqlite_itself(&database);
        println!("the same rows by SQLite itself: {plain:.1?}, {:.0}/s", rate(plain));
    }
}

#[tokio::test]
async fn an_import_goes_on_after_a_kill_on_sqlite() {
    kill_in_the_middle(Database::sqlite(), "SQLite").await;
}

#[tokio::test]
async fn an_import_goes_on_after_a_kill_on_postgres() {
    kill_in_the_middle(Database::postgres(), "Postgres").await;
}

#[tokio::test]
async fn an_import_takes_little_memory_on_sqlite() {
    measure(Database::sqlite(), "SQLite").await;
}

#[tokio::test]
async fn an_import_takes_little_memory_on_postgres() {
    measure(Database::postgres(), "Postgres").await;
}
