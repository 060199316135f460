//! Backups are of one moment, while others write, and a restore is the whole of
//! one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

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
