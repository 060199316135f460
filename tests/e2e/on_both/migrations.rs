//! Migrations run once, whoever starts first and whoever is killed meanwhile.

use std::time::Duration;

use tokio::task::JoinSet;

use super::Database;
use crate::client::Client;
use crate::service::Service;

/// What `/readyz` says about the migrations, if it is not well.
async fn problem_of_migrations(client: &Client) -> String {
    let answer = client.get("/readyz").await.expect(503);
    assert_eq!(answer.json()["checks"][2]["name"], "migrations");
    answer.text_at("/checks/2/problem")
}

/// Each migration of the repository once, and what they make.
fn assert_migrated_once(database: &Database) {
    let applied = database.query("SELECT version FROM schema_migrations ORDER BY version");
    let folder = rollcall_testkit::build::workspace().join("migrations");
    let mut known: Vec<i64> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.split_once('_')?.0.parse().ok())
        .collect();
    // One that the databases have in forms of their own is one all the same.
    known.sort_unstable();
    known.dedup();
    let known: Vec<_> = known.iter().map(i64::to_string).collect();
    assert_eq!(applied, known.join("\n"));
    assert_eq!(database.query("SELECT name FROM roles ORDER BY name"), "admin\nuser");
}

#[tokio::test]
async fn twenty_that_start_at_once_apply_each_migration_once() {
    for database in Database::both() {
        // Four processes, and in each of them five instances.
        let builder = database.builder().arg("--max-instance-concurrent-reuse-count").arg("1");
        let mut starts = JoinSet::new();
        for _ in 0..4 {
            let builder = builder.clone();
            starts.spawn_blocking(move || Service::start(&builder));
        }
        let services = starts.join_all().await;
        let mut requests = JoinSet::new();
        for service in &services {
            for _ in 0..5 {
                let nobody = service.nobody();
                requests.spawn(async move { nobody.get("/.well-known/jwks.json").await });
            }
        }
        for answer in requests.join_all().await {
            answer.expect(200);
        }
        assert_migrated_once(&database);
        for service in &services {
            assert_eq!(service.host.stderr(), "");
        }
    }
}

#[tokio::test]
async fn who_is_killed_while_migrating_has_broken_nothing() {
    for milliseconds in [0, 2, 5, 10, 20, 40, 80] {
        for database in Database::both() {
            let service = Service::start(&database.builder());
            let nobody = service.nobody();
            let request = tokio::spawn(async move { nobody.try_get("/readyz").await });
            // At any point of it.
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            service.host.kill();
            let _ = request.await;

            let service = Service::start(&database.builder());
            service.nobody().get("/readyz").await.expect(200);
            assert_migrated_once(&database);
        }
    }
}

#[tokio::test]
async fn a_database_that_another_component_has_changed_is_refused() {
    let newer =
        "INSERT INTO schema_migrations (version, checksum, applied_at) VALUES (9999, '', 0)";
    let edited = "UPDATE schema_migrations SET checksum = 'another' WHERE version = 1";
    for (change, expected) in [
        (
            newer,
            "the database is at migration 9999, which is newer than this component: \
             deploy a newer one",
        ),
        (edited, "migration 1 was edited after it was applied: restore its text"),
    ] {
        for database in Database::both() {
            let service = Service::start(&database.builder());
            service.nobody().get("/readyz").await.expect(200);
            service.host.kill();
            database.query(change);

            let service = Service::start(&database.builder());
            let nobody = service.nobody();
            assert_eq!(problem_of_migrations(&nobody).await, expected);
            let refused = nobody.get("/.well-known/jwks.json").await;
            refused.expect_problem(503, "unavailable");
            nobody.get("/livez").await.expect(200);
            let (succeeded, printed) = database.script("migrate", &[]);
            assert!(!succeeded && printed.contains(expected), "{printed}");
        }
    }
}

#[tokio::test]
async fn an_operator_applies_them_and_the_service_goes_on_without_a_restart() {
    for database in Database::both() {
        let service = Service::start(&database.builder().variable("auto_migrate", "false"));
        let nobody = service.nobody();
        let problem = problem_of_migrations(&nobody).await;
        assert!(
            problem.starts_with("migrations [1, ")
                && problem.ends_with(
                    "] are pending: apply them by `make migrate`, \
                     or by a start with auto_migrate = true"
                ),
            "{problem}"
        );
        nobody.get("/.well-known/jwks.json").await.expect_problem(503, "unavailable");

        for _ in 0..2 {
            let (succeeded, printed) = database.script("migrate", &[]);
            assert!(succeeded, "{printed}");
            assert_eq!(printed, "The schema is current.\n");
        }
        assert_migrated_once(&database);
        nobody.get("/readyz").await.expect(200);
        nobody.get("/.well-known/jwks.json").await.expect(200);
    }
}
