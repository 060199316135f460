//! Backups are of one moment, while others write, and a restore is the whole of
//! one.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rollcall_testkit::{build, postgres};
use rusqlite::Connection;
use serde_json::json;
use tokio::task::JoinSet;

use super::Database;
use crate::service::Service;

/// Counts what each commit writes one of: users, their roles, and the events of
/// their making.
const WHOLE: &str = "SELECT CAST((SELECT COUNT(*) FROM users) AS TEXT) || ' ' || \
    CAST((SELECT COUNT(*) FROM user_roles) AS TEXT) || ' ' || \
    CAST((SELECT COUNT(*) FROM events WHERE kind = 'user.created') AS TEXT)";

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_of_one_moment_and_is_restored_whole() {
    for database in Database::both() {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start(&database.builder());
        let admin = service.admin().await;

        let (ended, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let mut writers = JoinSet::new();
        for writer in 0..4 {
            let (admin, ended, made) = (admin.clone(), Arc::clone(&ended), Arc::clone(&made));
            writers.spawn(async move {
                for number in 0.. {
                    if ended.load(Ordering::SeqCst) {
                        break;
                    }
                    let body =
                        json!({"email": format!("{writer}-{number}@example.com"), "name": "N"});
                    admin.post("/api/v1/users", &body).await.expect(201);
                    made.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let mut backups = Vec::new();
        for number in 0..3 {
            while made.load(Ordering::SeqCst) < 20 * (number + 1) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            let before = made.load(Ordering::SeqCst);
            let file = folder.path().join(number.to_string()).to_str().unwrap().to_owned();
            let (succeeded, printed) =
                tokio::task::block_in_place(|| database.script("backup", &[&file]));
            assert!(succeeded, "{printed}");
            backups.push((file, before, made.load(Ordering::SeqCst)));
        }
        ended.store(true, Ordering::SeqCst);
        writers.join_all().await;
        let (succeeded, printed) = database.script("backup", &[&backups[0].0]);
        assert!(!succeeded && printed.contains("there already"), "{printed}");
        service.host.kill();

        // The last one first: the others are older than what is there.
        for (file, least, most) in backups.iter().rev() {
            let (succeeded, printed) = database.script("restore", &[file]);
            assert!(succeeded, "{printed}");
            let counts = database.query(WHOLE);
            let counts: Vec<u32> = counts.split(' ').map(|count| count.parse().unwrap()).collect();
            let [users, roles, events] = counts[..] else { panic!("{counts:?}") };
            // What was acknowledged before is in it, and nothing is by halves; the
            // writers may each have had one under way.
            assert!((*least + 1..=*most + 5).contains(&users), "{least} {users} {most}");
            assert_eq!((roles, events), (users, users));

            let service = Service::start(&database.builder());
            let admin = service.admin().await;
            let page = admin.get("/api/v1/users?limit=200").await.expect(200).json();
            assert_eq!(page["items"].as_array().unwrap().len(), (users as usize).min(200));
        }
    }
}

#[tokio::test]
async fn what_is_no_backup_is_not_restored() {
    for database in Database::both() {
        let service = Service::start(&database.builder());
        service.admin().await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("garbage").to_str().unwrap().to_owned();
        std::fs::write(&file, "garbage ".repeat(1_000)).unwrap();
        for file in [&file, "/nowhere"] {
            let (succeeded, printed) = database.script("restore", &[file]);
            assert!(!succeeded, "{printed}");
        }
        service.admin().await.get("/api/v1/me").await.expect(200);
    }
}

/// Every migration that there may ever be.
const NEWEST: u32 = u32::MAX;

/// Applies these migrations to the Postgres at `url`, as the component does.
fn migrate(url: &str, versions: RangeInclusive<u32>) {
    let folder = build::workspace().join("migrations");
    let sql = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    postgres::query(url, &sql("prepare.postgres.sql"));
    let names = std::fs::read_dir(&folder).unwrap();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    for name in names.iter().filter(|name| !name.ends_with(".sqlite.sql")) {
        let version = name.split_once('_').and_then(|(version, _)| version.parse().ok());
        if let Some(version) = version.filter(|version| versions.contains(version)) {
            let mark = format!("INSERT INTO schema_migrations VALUES ({version}, '', 0);");
            postgres::query(url, &(mark + &sql(name)));
        }
    }
}

/// A Postgres with the migrations up to this one.
fn postgres_at(version: u32) -> (Database, String) {
    let database = Database::postgres();
    let Database::Postgres { url, .. } = &database else { panic!("it is one") };
    migrate(url, 0..=version);
    let url = url.clone();
    (database, url)
}

const LAST_MIGRATION: &str = "SELECT MAX(version) FROM schema_migrations";
const ROLES: &str = "SELECT string_agg(name, ' ' ORDER BY name) FROM roles";

fn make_role(database: &Database, name: &str) {
    database.query(&format!("INSERT INTO roles VALUES ('{name}', '', 0, 0, 1)"));
}

#[test]
fn a_backup_of_before_an_upgrade_is_restored_to_what_can_be_upgraded_again() {
    for version in [1, 4, 7, 8, 9] {
        let (database, url) = postgres_at(version);
        make_role(&database, "kept");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup").to_str().unwrap().to_owned();
        let (succeeded, printed) = database.script("backup", &[&file]);
        assert!(succeeded, "{printed}");
        for _ in 0..2 {
            migrate(&url, version + 1..=NEWEST);
            make_role(&database, "lost");

            let (succeeded, printed) = database.script("restore", &[&file]);
            assert!(succeeded, "{printed}");
            assert_eq!(printed, format!("The database is what it was in {file}.\n"));
            assert_eq!(database.query(LAST_MIGRATION), version.to_string());
            assert_eq!(database.query(ROLES), "admin kept user");
        }
    }
}

#[test]
fn what_is_not_ours_is_left_alone_and_stands_in_the_way_of_a_restore() {
    let (database, _) = postgres_at(NEWEST);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup").to_str().unwrap().to_owned();
    // What the backup has of it is not restored either.
    database.query(
        "CREATE VIEW ours AS SELECT name FROM roles; CREATE EXTENSION pg_trgm; \
         CREATE SCHEMA theirs; CREATE TABLE theirs.notes AS SELECT 1 AS number",
    );
    let (succeeded, printed) = database.script("backup", &[&file]);
    assert!(succeeded, "{printed}");
    database.query("UPDATE theirs.notes SET number = 2");
    make_role(&database, "lost");
    let (succeeded, printed) = database.script("restore", &[&file]);
    assert!(succeeded, "{printed}");
    assert_eq!(database.query("SELECT number FROM theirs.notes"), "2");
    assert_eq!(database.query("SELECT name FROM ours ORDER BY name"), "admin\nuser");

    make_role(&database, "still-there");
    database.query("CREATE VIEW theirs.roles AS SELECT name FROM public.roles");
    let (succeeded, printed) = database.script("restore", &[&file]);
    assert!(
        !succeeded && printed.contains("view theirs.roles depends on table roles"),
        "{printed}"
    );
    assert_eq!(database.query(ROLES), "admin still-there user");
}

#[test]
fn a_backup_that_breaks_off_or_is_of_something_else_changes_nothing() {
    let (database, _) = postgres_at(NEWEST);
    let something_else = Database::postgres();
    // Enough that a backup breaks off within a table too.
    for database in [&database, &something_else] {
        database.query(
            "CREATE TABLE numbers AS \
             SELECT number, md5(number::text) FROM generate_series(1, 20000) AS number",
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (name, database) in [("whole", &database), ("something else", &something_else)] {
        let (succeeded, printed) = database.script("backup", &[&path(name)]);
        assert!(succeeded, "{printed}");
    }
    make_role(&database, "still-there");

    let whole = std::fs::read(path("whole")).unwrap();
    let mut files = vec![path("something else")];
    for tenths in 0..10 {
        let file = path(&format!("{tenths} tenths"));
        std::fs::write(&file, &whole[..whole.len() / 10 * tenths]).unwrap();
        files.push(file);
    }
    for file in files {
        let (succeeded, printed) = database.script("restore", &[&file]);
        assert!(!succeeded && printed.ends_with("Nothing was restored.\n"), "{printed}");
        assert_eq!(database.query(ROLES), "admin still-there user");
    }
    let (succeeded, printed) = database.script("restore", &[&path("whole")]);
    assert!(succeeded, "{printed}");
    assert_eq!(database.query(ROLES), "admin user");
}

/// Makes an SQLite database of which this is told.
fn sqlite_that_tells(file: &Path, told: &str) -> Connection {
    let connection = Connection::open(file).unwrap();
    let sql = format!(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; \
         CREATE TABLE schema_migrations (version BIGINT, checksum TEXT, applied_at BIGINT); \
         CREATE TABLE told (what TEXT); CREATE INDEX told_what ON told (what); \
         WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 1000) \
         INSERT INTO told SELECT '{told} ' || n FROM n;"
    );
    connection.execute_batch(&sql).unwrap();
    connection
}

/// A file that SQLite keeps beside a database.
fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[test]
fn what_a_database_that_is_gone_has_left_does_not_get_into_the_restored_one() {
    let database = Database::sqlite();
    let file = database.file();
    let gone = sqlite_that_tells(&file, "gone");
    let left: Vec<_> =
        ["-wal", "-shm"].map(|suffix| std::fs::read(beside(&file, suffix)).unwrap()).into();
    drop(gone);
    std::fs::remove_file(&file).unwrap();
    // As after a crash: nobody has them open.
    std::fs::write(beside(&file, "-wal"), &left[0]).unwrap();
    std::fs::write(beside(&file, "-shm"), &left[1]).unwrap();
    // A restore that was killed has left something too.
    std::fs::write(beside(&file, ".new"), "half of something").unwrap();
    std::fs::write(beside(&file, ".new-wal"), &left[0]).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    drop(sqlite_that_tells(&backup, "kept"));
    let (succeeded, printed) = database.script("restore", &[backup.to_str().unwrap()]);
    assert!(succeeded, "{printed}");
    assert_eq!(database.query("PRAGMA integrity_check"), "ok");
    assert_eq!(database.query("SELECT COUNT(*) FROM told WHERE what LIKE 'kept %'"), "1000");
    assert!(!beside(&file, ".new").exists() && !beside(&file, ".new-wal").exists());
}

#[test]
fn a_database_that_was_removed_while_it_is_in_use_is_not_restored() {
    let database = Database::sqlite();
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    drop(sqlite_that_tells(&backup, "kept"));

    let in_use = sqlite_that_tells(&database.file(), "in use");
    std::fs::remove_file(database.file()).unwrap();
    let (succeeded, printed) = database.script("restore", &[backup.to_str().unwrap()]);
    assert!(!succeeded && printed.contains("in use: stop the service first"), "{printed}");
    assert!(!database.file().exists() && beside(&database.file(), "-wal").exists());
    assert!(!beside(&database.file(), ".new").exists());

    drop(in_use);
    let (succeeded, printed) = database.script("restore", &[backup.to_str().unwrap()]);
    assert!(succeeded, "{printed}");
    assert_eq!(database.query("SELECT what FROM told LIMIT 1"), "kept 1");
}

#[test]
fn an_sqlite_database_of_something_else_is_not_restored() {
    let database = Database::sqlite();
    drop(sqlite_that_tells(&database.file(), "still there"));
    let folder = tempfile::tempdir().unwrap();
    // SQLite takes an empty file for an empty database.
    let (empty, other) = (folder.path().join("empty"), folder.path().join("other"));
    std::fs::write(&empty, "").unwrap();
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE notes (note TEXT)").unwrap();
    for file in [empty, other] {
        let (succeeded, printed) = database.script("restore", &[file.to_str().unwrap()]);
        assert!(!succeeded && printed.contains("no such table: schema_migrations"), "{printed}");
        assert_eq!(database.query("SELECT what FROM told LIMIT 1"), "still there 1");
    }
}
