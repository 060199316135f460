//! What was acknowledged outlives a kill in the middle of everything.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use super::Database;
use crate::client::Client;
use crate::service::Service;

/// Who writes at the same time.
const WRITERS: usize = 8;

/// How many rounds: `ROLLCALL_KILL_ROUNDS`, or a few.
fn rounds() -> u32 {
    let set = std::env::var("ROLLCALL_KILL_ROUNDS");
    set.map_or(3, |rounds| rounds.parse().expect("ROLLCALL_KILL_ROUNDS is a number"))
}

/// What became of the users that writers tried to make, by address.
#[derive(Default)]
struct Told {
    acknowledged: Vec<String>,
    refused: Vec<String>,
}

/// Makes users until there is no answer any more.
async fn write(admin: Client, round: u32, writer: usize) -> Told {
    let mut told = Told::default();
    for number in 0.. {
        let email = format!("{round}-{writer}-{number}@example.com");
        let body = json!({"email": email, "name": "Somebody"});
        match admin.try_post("/api/v1/users", &body).await {
            Some(answer) if answer.status == 201 => told.acknowledged.push(email),
            Some(answer) => {
                assert_eq!(answer.status, 503, "{answer:#?}");
                // Who is told that it is not known is told the truth.
                if answer.json()["code"] != "in_doubt" {
                    told.refused.push(email);
                }
            }
            None => break,
        }
    }
    told
}

async fn kill_in_the_middle(mut database: Database, name: &str) {
    let builder = database.builder().variable("access_token_ttl", "1d");
    let mut service = Service::start(&builder);
    let mut admin = service.admin().await;
    let (mut acknowledged, mut refused, mut worst) = (0, 0, Duration::ZERO);
    for round in 0..rounds() {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(write(admin.clone(), round, writer));
        }
        // Another moment in each round.
        let moment = 50 + u64::from(round).wrapping_mul(37) % 200;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        if let Database::Postgres { server, .. } = &mut database {
            server.kill();
            server.resume();
        }
        service.host.kill();
        let told = writers.join_all().await;

        let begin = Instant::now();
        service = Service::start(&builder);
        service.nobody().get("/readyz").await.expect(200);
        worst = worst.max(begin.elapsed());
        admin = admin.at(&service.host.base_url);

        let there = database.query("SELECT email FROM users ORDER BY email");
        let there: Vec<_> = there.lines().collect();
        for Told { acknowledged: told, refused: not } in &told {
            let lost: Vec<_> =
                told.iter().filter(|email| !there.contains(&email.as_str())).collect();
            assert!(lost.is_empty(), "{name}: lost {lost:?} in round {round}");
            let kept: Vec<_> = not.iter().filter(|email| there.contains(&email.as_str())).collect();
            assert!(kept.is_empty(), "{name}: refused and kept {kept:?} in round {round}");
            acknowledged += told.len();
            refused += not.len();
        }
        assert_whole(&database);
    }
    assert!(acknowledged > 0, "somebody wrote something");
    println!(
        "{name}: {} kills, {acknowledged} writes acknowledged, 0 lost, {refused} refused, \
         ready again after {worst:?} at most",
        rounds()
    );
}

/// Nothing is there by halves, and the database finds no fault with itself.
fn assert_whole(database: &Database) {
    let halves = "SELECT COUNT(*) FROM users u WHERE \
                  NOT EXISTS (SELECT 1 FROM user_roles r WHERE r.user_id = u.id) \
                  OR NOT EXISTS (SELECT 1 FROM events e WHERE e.subject = u.id)";
    assert_eq!(database.query(halves), "0");
    match database {
        Database::Sqlite(_) => {
            assert_eq!(database.query("PRAGMA integrity_check"), "ok");
            assert_eq!(database.query("PRAGMA foreign_key_check"), "");
        }
        Database::Postgres { .. } => {
            // Reads every row by its index, and every row at all.
            let counts = "SELECT (SELECT COUNT(*) FROM users WHERE id > '') - COUNT(id) FROM users";
            assert_eq!(database.query(counts), "0");
        }
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_on_sqlite() {
    kill_in_the_middle(Database::sqlite(), "SQLite").await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_on_postgres() {
    kill_in_the_middle(Database::postgres(), "Postgres").await;
}
