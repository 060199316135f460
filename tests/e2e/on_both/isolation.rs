//! Postgres makes changes at the same time: what one of them relies on, it holds.

use std::time::Duration;

use rollcall_testkit::Postgres;
use rollcall_testkit::postgres::{self, Lock};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::service::{PASSWORD, Service, on_postgres};

/// The address of whom it is about.
const ADA: &str = "ada.king@example.com";

/// How long a busy machine may take for a commit.
const PATIENCE: Duration = Duration::from_secs(30);

/// As soon as so many commits wait for others.
async fn waiting(url: &str, commits: &str) {
    let sql = "SELECT count(*) FROM pg_stat_activity \
               WHERE wait_event_type = 'Lock' AND query LIKE '%rollcall_commit%'";
    let look = async {
        while postgres::query(url, sql) != commits {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, look).await;
    found.unwrap_or_else(|_| panic!("{commits} commits never waited"));
}

/// Signs somebody in whose commit cannot end before `change` has come to its own, and
/// returns what the session that came of it is good for.
async fn session_beside(change: impl AsyncFnOnce(&Client, &Client, &str) -> Answer) -> u16 {
    let server = Postgres::start();
    // Nobody gives up while others are in the way.
    let service = Service::start(&on_postgres(&server.url).variable("request_timeout", "2m"));
    let admin = service.admin().await;
    let ada = service.user(&admin, ADA).await;
    let id = ada.get("/api/v1/me").await.expect(200).text_at("/id");
    let nobody = service.nobody();
    let credentials = json!({"email": ADA, "password": PASSWORD});

    // Every change writes events last.
    let lock = Lock::of(&server.url, "events");
    let sign_in = async {
        let answer = nobody.post("/api/v1/sessions", &credentials).await;
        answer.expect(201).text_at("/access_token")
    };
    let change = async {
        waiting(&server.url, "1").await;
        change(&ada, &admin, &id).await
    };
    let open = async {
        waiting(&server.url, "2").await;
        drop(lock);
    };
    let (token, answer, ()) = tokio::join!(sign_in, change, open);
    assert!((200..300).contains(&answer.status), "{answer:?}");
    nobody.bearer(&token).get("/api/v1/me").await.status
}

#[tokio::test]
async fn no_session_that_begins_beside_a_change_of_the_password_outlives_it() {
    let change = json!({"current_password": PASSWORD, "new_password": "another password"});
    let status =
        session_beside(async |ada, _, _| ada.put("/api/v1/me/password", &change).await).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn no_session_that_begins_beside_the_end_of_all_outlives_it() {
    let status = session_beside(async |_, admin, id| {
        admin.delete(&format!("/api/v1/users/{id}/sessions")).await
    })
    .await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn no_session_that_begins_beside_a_suspension_comes_back_when_it_ends() {
    let status = session_beside(async |_, admin, id| {
        let suspend = format!("/api/v1/users/{id}/suspend");
        admin.post(&suspend, &Value::Null).await.expect(200);
        admin.post(&format!("/api/v1/users/{id}/unsuspend"), &Value::Null).await
    })
    .await;
    assert_eq!(status, 401);
}
