//! A database that does not do its work: what can be served is served, everything
//! else is 503 within the request's time, and nobody has to start anything again.

use std::time::{Duration, Instant};

use rollcall_testkit::Postgres;
use rollcall_testkit::host::Builder;
use rusqlite::Connection;
use serde_json::json;

use super::Database;
use crate::client::{Answer, Client};
use crate::service::{Service, on_postgres};

/// How long a request may take here, in seconds.
const REQUEST_TIMEOUT: u64 = 2;

/// A service, its admin, and whom it said that it made.
struct Watched {
    service: Service,
    admin: Client,
    told: Vec<(String, bool)>,
}

impl Watched {
    async fn on(builder: &Builder) -> Self {
        let builder = builder.clone().variable("request_timeout", &format!("{REQUEST_TIMEOUT}s"));
        let service = Service::start(&builder);
        let admin = service.admin().await;
        let mut watched = Self { service, admin, told: Vec::new() };
        watched.write(201).await;
        watched
    }

    /// Makes a user, which must be answered so.
    async fn write(&mut self, expected: u16) {
        let email = format!("{}@example.com", self.told.len());
        let body = json!({"email": email, "name": "Somebody"});
        let answer = in_time(self.admin.post("/api/v1/users", &body)).await;
        check(&answer, expected);
        self.told.push((email, expected == 201));
    }

    /// Reads the own account, which must be answered so.
    async fn read(&self, expected: u16) {
        check(&in_time(self.admin.get("/api/v1/me")).await, expected);
    }

    /// `/livez` answers whatever else is wrong, and `/readyz` tells.
    async fn probe(&self, ready: u16) {
        let nobody = self.service.nobody();
        in_time(nobody.get("/livez")).await.expect(200);
        in_time(nobody.get("/readyz")).await.expect(ready);
    }

    /// Everything works again within some time, without a restart, and there is
    /// what was acknowledged and nothing else.
    async fn recovers(mut self, database: &Database) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.service.nobody().get("/readyz").await.status != 200 {
            assert!(Instant::now() < deadline, "it never got ready again");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.read(200).await;
        self.write(201).await;
        let there = database.query("SELECT email FROM users");
        for (email, acknowledged) in &self.told {
            let is_there = there.lines().any(|found| found == email);
            assert_eq!(is_there, *acknowledged, "{email} of {there}");
        }
        // No instance trapped.
        assert!(
            !self.service.host.stderr().contains("worker failed"),
            "{}",
            self.service.host.stderr()
        );
    }
}

/// An answer that comes within the request's time, and a little for the way.
async fn in_time(answer: impl Future<Output = Answer>) -> Answer {
    let limit = Duration::from_secs(REQUEST_TIMEOUT) + Duration::from_secs(1);
    tokio::time::timeout(limit, answer).await.expect("it is answered in time")
}

/// This status, and as an unavailable service says it.
fn check(answer: &Answer, expected: u16) {
    assert_eq!(answer.status, expected, "{answer:#?}");
    if expected == 503 {
        answer.expect_problem(503, "unavailable");
        assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{answer:#?}");
    }
}

#[tokio::test]
async fn while_another_process_locks_sqlite_reads_are_served_and_writes_are_not() {
    let database = Database::sqlite();
    let mut watched = Watched::on(&database.builder()).await;
    let other = Connection::open(database.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; UPDATE roles SET version = version").unwrap();
    for _ in 0..2 {
        watched.write(503).await;
        watched.read(200).await;
        watched.probe(503).await;
    }
    other.execute_batch("ROLLBACK").unwrap();
    watched.recovers(&database).await;
}

#[tokio::test]
async fn a_lock_on_postgres_is_not_waited_for_longer_than_a_request_lasts() {
    let database = Database::postgres();
    let Database::Postgres { url, .. } = &database else { unreachable!() };
    let mut watched = Watched::on(&database.builder()).await;
    let lock = "BEGIN; LOCK TABLE users IN SHARE MODE; SELECT pg_sleep(4); ROLLBACK";
    let lock = {
        let url = url.clone();
        tokio::task::spawn_blocking(move || rollcall_testkit::postgres::query(&url, lock))
    };
    let locked = "SELECT COUNT(*) FROM pg_locks WHERE mode = 'ShareLock' AND granted AND relation = 'users'::regclass";
    while database.query(locked) == "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    watched.write(503).await;
    watched.read(200).await;
    lock.await.unwrap();
    watched.recovers(&database).await;
}

#[tokio::test]
async fn while_postgres_is_gone_everything_is_told_to_try_again() {
    let mut database = Database::postgres();
    let mut watched = Watched::on(&database.builder()).await;
    let Database::Postgres { server, .. } = &mut database else { unreachable!() };
    server.kill();
    for _ in 0..3 {
        watched.write(503).await;
        watched.read(503).await;
        watched.probe(503).await;
    }
    server.resume();
    watched.recovers(&database).await;
}

#[tokio::test]
async fn while_postgres_is_frozen_nobody_waits_longer_than_a_request_lasts() {
    let database = Database::postgres();
    let watched = Watched::on(&database.builder()).await;
    let Database::Postgres { server, .. } = &database else { unreachable!() };
    server.freeze();
    for _ in 0..2 {
        watched.read(503).await;
        watched.probe(503).await;
    }
    // Many at once, each in its time.
    let many = (0..20).map(|_| {
        let admin = watched.admin.clone();
        tokio::spawn(async move { in_time(admin.get("/api/v1/me")).await })
    });
    for answer in many.collect::<Vec<_>>() {
        check(&answer.await.unwrap(), 503);
    }
    server.thaw();
    watched.recovers(&database).await;
}

#[tokio::test]
async fn while_the_disk_is_full_reads_are_served_and_writes_are_not() {
    let database = Database::sqlite();
    let mut watched = Watched::on(&database.builder()).await;
    watched.service.host.limit_files(Some(0));
    for _ in 0..2 {
        watched.write(503).await;
        watched.read(200).await;
        watched.probe(503).await;
    }
    watched.service.host.limit_files(None);
    watched.recovers(&database).await;
}

#[tokio::test]
async fn while_the_file_of_sqlite_cannot_be_opened_nothing_is_made_up() {
    let database = Database::sqlite();
    let Database::Sqlite(folder) = &database else { unreachable!() };
    // An instance for each request opens the database anew.
    let builder = database.builder().arg("--max-instance-reuse-count").arg("1");
    let mut watched = Watched::on(&builder).await;
    let file = folder.path().join("sqlite_db.db");
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    std::fs::create_dir(&file).unwrap();
    for _ in 0..2 {
        watched.write(503).await;
        watched.read(503).await;
        watched.probe(503).await;
    }
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&away, &file).unwrap();
    watched.recovers(&database).await;
}

#[tokio::test]
async fn a_postgres_that_cannot_hold_every_name_is_not_ready() {
    let server = Postgres::start();
    server.query("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let (place, _) = server.url.rsplit_once('/').unwrap();
    let service = Service::start(&on_postgres(&format!("{place}/latin")));
    let checks = service.nobody().get("/readyz").await.expect(503).json()["checks"].clone();
    let problem = checks[1]["problem"].as_str().unwrap().to_owned();
    assert!(problem.contains("LATIN1"), "{checks}");
    server.query("CREATE DATABASE bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    let service = Service::start(&on_postgres(&format!("{place}/bytes")));
    let checks = service.nobody().get("/readyz").await.expect(503).json()["checks"].clone();
    let problem = checks[1]["problem"].as_str().unwrap().to_owned();
    assert!(problem.contains("not in UTF-8"), "{checks}");
}

#[tokio::test]
async fn a_postgres_that_sorts_ids_by_the_rules_of_a_language_is_not_ready() {
    let server = Postgres::start();
    let (place, _) = server.url.rsplit_once('/').unwrap();
    for (language, is_ready) in [("da", false), ("nb", false), ("cy", false), ("de", true)] {
        server.query(&format!(
            "CREATE DATABASE {language} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE '{language}'"
        ));
        let service = Service::start(&on_postgres(&format!("{place}/{language}")));
        let answer = service.nobody().get("/readyz").await;
        if is_ready {
            answer.expect(200);
        } else {
            let checks = answer.expect(503).json()["checks"].clone();
            let problem = checks[1]["problem"].as_str().unwrap().to_owned();
            assert!(problem.contains("LC_COLLATE 'C'"), "{checks}");
        }
    }
}
