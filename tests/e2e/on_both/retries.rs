//! What is sent again with its key is done once, whoever dies in between.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Database;
use crate::client::{Answer, Client};
use crate::service::Service;

/// How many send the same at the same time.
const AT_ONCE: usize = 100;
/// How many clients create users while the service is killed.
const WRITERS: usize = 8;

/// Sends a keyed request until it is answered: 409 says that it is being done.
async fn insist(client: &Client, path: &str, body: &Value) -> Answer {
    loop {
        let answer = client.post(path, body).await;
        if answer.status != 409 {
            return answer;
        }
        answer.expect_problem(409, "in_progress");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn one_hundred_retries(database: Database) {
    let service = Service::start(&database.builder());
    let admin = service.admin().await.with("idempotency-key", "\"one hundred retries\"");
    let body = json!({"email": "ada@example.com", "name": "Ada"});
    let send = |_| insist(&admin, "/api/v1/users", &body);
    let answers: Vec<_> = join_all((0..AT_ONCE).map(send)).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
        assert_eq!(answer.header("location"), answers[0].header("location"));
        assert_eq!(answer.header("etag"), "\"1\"");
    }
    let count = "SELECT COUNT(*) FROM users WHERE email = 'ada@example.com'";
    assert_eq!(database.query(count), "1");
    assert_eq!(database.query("SELECT COUNT(*) FROM events WHERE kind = 'user.created'"), "2");
}

#[tokio::test]
async fn one_hundred_retries_at_once_make_one_user_on_sqlite() {
    one_hundred_retries(Database::sqlite()).await;
}

#[tokio::test]
async fn one_hundred_retries_at_once_make_one_user_on_postgres() {
    one_hundred_retries(Database::postgres()).await;
}

/// A request that may have been done, and its answer if there was one.
struct Sent {
    key: String,
    body: Value,
    answer: Option<String>,
}

/// Makes users, each with a key of its own, until there is no answer any more.
async fn create(admin: Client, round: usize, writer: usize) -> Vec<Sent> {
    let mut sent = Vec::new();
    for number in 0.. {
        let key = format!("key-{round}-{writer}-{number}");
        let email = format!("{round}-{writer}-{number}@example.com");
        let body = json!({"email": email, "name": "Somebody"});
        let keyed = admin.with("idempotency-key", &key);
        let answer = keyed.try_post("/api/v1/users", &body).await;
        let is_over = answer.is_none();
        let answer = answer.filter(|answer| answer.status == 201).map(|answer| answer.body);
        sent.push(Sent { key, body, answer });
        if is_over {
            break;
        }
    }
    sent
}

async fn killed_in_the_middle(mut database: Database) {
    let builder = database.builder().variable("access_token_ttl", "1d");
    let mut service = Service::start(&builder);
    let mut admin = service.admin().await;
    let mut made = 0;
    for round in 0..3 {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(create(admin.clone(), round, writer));
        }
        // Another moment in each round.
        tokio::time::sleep(Duration::from_millis(150 + 90 * round as u64)).await;
        if let Database::Postgres { server, .. } = &mut database {
            server.kill();
            server.resume();
        }
        service.host.kill();
        let sent: Vec<_> = writers.join_all().await.into_iter().flatten().collect();

        service = Service::start(&builder);
        admin = admin.at(&service.host.base_url);
        for Sent { key, body, answer } in &sent {
            let keyed = admin.with("idempotency-key", key);
            let again = insist(&keyed, "/api/v1/users", body).await.expect(201);
            if let Some(seen) = answer {
                assert_eq!(again.body, *seen, "{key}");
            }
        }
        made += sent.len();
        assert!(sent.iter().any(|sent| sent.answer.is_some()), "somebody made somebody");
    }
    // The admin too.
    assert_eq!(database.query("SELECT COUNT(*) FROM users"), (made + 1).to_string());
}

#[tokio::test]
async fn what_was_sent_before_a_kill_is_there_once_after_its_retry_on_sqlite() {
    killed_in_the_middle(Database::sqlite()).await;
}

#[tokio::test]
async fn what_was_sent_before_a_kill_is_there_once_after_its_retry_on_postgres() {
    killed_in_the_middle(Database::postgres()).await;
}
