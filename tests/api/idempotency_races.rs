//! `Idempotency-Key` where the same is sent by many at the same time.

use serde_json::json;

use crate::idempotency::{KEY, keyed, new_user, seen};
use crate::support::TestApp;

#[tokio::test]
async fn of_many_at_once_one_is_done() {
    let app = TestApp::new().await;
    let admin = keyed(&app.admin().await, KEY);
    let send = |_| admin.post("/api/v1/users", new_user("alice"));
    let answers = futures_util::future::join_all((0..10).map(send)).await;
    let (told, waiting): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status.is_success());
    let done: Vec<_> = told.iter().filter(|answer| !seen(answer).3).collect();
    assert_eq!(done.len(), 1);
    assert!(told.iter().all(|answer| answer.text == done[0].text));
    for answer in waiting {
        answer.assert_problem(409, "in_progress");
    }
    assert_eq!(admin.post("/api/v1/users", new_user("alice")).await.text, done[0].text);
}

#[tokio::test]
async fn who_asks_while_it_is_being_done_is_told_to_wait() {
    let app = TestApp::new().await;
    let admin = keyed(&app.admin().await, KEY);
    app.database.stall_commits();
    tokio::select! {
        answer = admin.post("/api/v1/users", new_user("alice")) => panic!("{answer}"),
        // The first goes no further, and is not over.
        answer = async {
            app.database.commit_is_stalled().await;
            admin.post("/api/v1/users", new_user("alice")).await
        } => {
            let answer = answer.assert_problem(409, "in_progress");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
    }
    app.database.repair();
    admin.post("/api/v1/users", new_user("alice")).await.assert_status(201);
}

#[tokio::test]
async fn of_many_instances_at_once_one_does_it_and_all_give_its_answer() {
    let app = TestApp::new().await;
    let mut instances = Vec::new();
    for _ in 0..8 {
        instances.push(app.another_instance(&[]).await);
    }
    let admin = keyed(&app.admin().await, KEY);
    for path in ["/api/v1/users", "/api/v1/api-keys", "/api/v1/roles"] {
        let body = json!({"/api/v1/users": new_user("alice"),
            "/api/v1/api-keys": {"name": "key", "permissions": ["users:read"]},
            "/api/v1/roles": {"name": "role", "permissions": ["users:read"]}})[path]
            .clone();
        let send = async |instance| admin.at(instance).post(path, body.clone()).await;
        let answers = futures_util::future::join_all(instances.iter().map(send)).await;
        let first = answers.iter().find(|answer| answer.header("idempotent-replayed").is_none());
        let (status, text, headers, _) = seen(first.unwrap());
        let replayed =
            answers.iter().filter(|answer| seen(answer) == (status, text, headers, true));
        assert_eq!((status, replayed.count()), (201, 7), "{path}");
    }
}
