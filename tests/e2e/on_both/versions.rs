//! Of many who change the same version, one does.

use futures_util::future::join_all;
use serde_json::json;

use super::Database;
use crate::client::Client;
use crate::service::Service;

const WRITERS: usize = 64;
/// How many changes each of them tries to make.
const CHANGES: usize = 5;

/// Changes what it read, and says which versions came of it and how often somebody
/// else was faster.
async fn write(admin: &Client, path: &str, writer: usize) -> (Vec<String>, usize) {
    let (mut written, mut refused) = (Vec::new(), 0);
    while written.len() < CHANGES {
        let read = admin.get(path).await.expect(200);
        let name = json!({"name": format!("{writer}-{}", written.len())});
        let answer = admin.with("if-match", read.header("etag")).patch(path, &name).await;
        if answer.status == 200 {
            written.push(answer.header("etag").to_owned());
        } else {
            answer.expect_problem(412, "precondition_failed");
            refused += 1;
        }
    }
    (written, refused)
}

async fn as_many_successes_as_versions(database: Database, name: &str) {
    let service = Service::start(&database.builder());
    let admin = service.admin().await;
    let user = json!({"email": "ada@example.com", "name": "Ada"});
    let made = admin.post("/api/v1/users", &user).await.expect(201);
    let path = made.header("location");
    let written = join_all((0..WRITERS).map(|writer| write(&admin, path, writer))).await;
    let refused: usize = written.iter().map(|(_, refused)| refused).sum();
    let mut tags: Vec<_> = written.into_iter().flat_map(|(tags, _)| tags).collect();
    let successes = tags.len();
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), successes, "two changes made the same version");
    let version = admin.get(path).await.expect(200).json()["version"].as_u64().unwrap();
    assert_eq!(version as usize, 1 + WRITERS * CHANGES);
    assert!(refused > 0, "nobody was in anybody's way");
    println!("{name}: {successes} changes, {refused} refused");
}

#[tokio::test]
async fn sixty_four_writers_make_as_many_versions_as_they_succeed_on_sqlite() {
    as_many_successes_as_versions(Database::sqlite(), "SQLite").await;
}

#[tokio::test]
async fn sixty_four_writers_make_as_many_versions_as_they_succeed_on_postgres() {
    as_many_successes_as_versions(Database::postgres(), "Postgres").await;
}
