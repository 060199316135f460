//! `/health`, `/livez`, `/readyz`.

use std::time::Duration;

use insta::assert_snapshot;
use rollcall::store::database::{DatabaseError, Statement};
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn the_service_says_that_it_is_there_without_its_database() {
    let app = TestApp::new().await;
    app.database.fail(DatabaseError::Unavailable("unable to open database file".to_owned()));
    for path in ["/health", "/livez"] {
        let answer = app.anon().get(path).await.assert_status(200);
        assert_eq!(answer.body, json!({"status": "ok"}));
    }
    assert_eq!(app.database.calls(), 0);
}

#[tokio::test]
async fn readiness_tells_what_is_wrong() {
    let app = TestApp::new().await;
    assert_snapshot!(app.anon().get("/readyz").await, @r#"
    200 OK
    content-type: application/json

    {
      "checks": [
        {
          "name": "settings",
          "status": "ok"
        },
        {
          "name": "database",
          "status": "ok"
        },
        {
          "name": "migrations",
          "status": "ok"
        }
      ],
      "status": "ok"
    }
    "#);
    app.database.fail(DatabaseError::Unavailable("unable to open database file".to_owned()));
    app.log.take();
    assert_snapshot!(app.anon().get("/readyz").await, @r#"
    503 Service Unavailable
    content-type: application/json
    retry-after: 5

    {
      "checks": [
        {
          "name": "settings",
          "status": "ok"
        },
        {
          "name": "database",
          "problem": "unable to open database file",
          "status": "failed"
        },
        {
          "name": "migrations",
          "problem": "not known",
          "status": "failed"
        }
      ],
      "status": "unavailable"
    }
    "#);
    let cause = app.log.take()[0]["cause"].clone();
    assert_eq!(cause, "unable to open database file; not known");
    app.database.repair();
    app.anon().get("/readyz").await.assert_status(200);
}

/// What `/readyz` says about the migrations, if it is not well.
async fn problem_of_migrations(app: &TestApp) -> String {
    let answer = app.anon().get("/readyz").await.assert_status(503);
    assert_eq!(answer.body["checks"][2]["name"], "migrations");
    answer.text_at("/checks/2/problem")
}

#[tokio::test]
async fn migrations_that_an_operator_must_apply_are_named_and_waited_for() {
    let app = TestApp::with(&[("auto_migrate", "false")]).await;
    let problem = problem_of_migrations(&app).await;
    let (versions, advice) = problem.split_once(']').unwrap();
    assert!(versions.starts_with("migrations [1, "), "{versions}");
    assert_eq!(
        advice,
        " are pending: apply them by `make migrate`, or by a start with auto_migrate = true"
    );
    let before = app.contents();
    app.anon().get("/.well-known/jwks.json").await.assert_problem(503, "unavailable");
    assert_eq!(app.contents(), before);

    // Another instance may apply them; this one goes on without a restart.
    let other = app.another_instance(&[]).await;
    other.admin().await;
    app.anon().get("/readyz").await.assert_status(200);
    app.anon().get("/.well-known/jwks.json").await.assert_status(200);
}

#[tokio::test]
async fn a_database_that_another_component_has_changed_is_left_alone() {
    let newer =
        "INSERT INTO schema_migrations (version, checksum, applied_at) VALUES (9999, '', 0)";
    let edited = "UPDATE schema_migrations SET checksum = 'other' WHERE version = 1";
    for (change, expected) in [
        (
            newer,
            "the database is at migration 9999, which is newer than this component: \
             deploy a newer one",
        ),
        (edited, "migration 1 was edited after it was applied: restore its text"),
    ] {
        let app = TestApp::new().await;
        let alice = app.user("alice").await;
        app.sql(change, Vec::new()).await;
        let before = app.contents();
        let fresh = app.another_instance(&[]).await;
        assert_eq!(problem_of_migrations(&fresh).await, expected);
        let there = fresh.anon().showing(&alice.access_token);
        there.get("/api/v1/me").await.assert_problem(503, "unavailable");
        assert_eq!(app.contents(), before);
    }
}

#[tokio::test]
async fn migrations_that_cannot_be_applied_are_waited_for() {
    let app = TestApp::new().await;
    // As where the role may not make tables.
    app.database.before_commit(vec![Statement::new("SELECT * FROM forbidden", Vec::new())]);
    let answer = app.anon().get("/.well-known/jwks.json").await;
    let answer = answer.assert_problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));

    app.anon().get("/.well-known/jwks.json").await.assert_status(200);
}

#[tokio::test]
async fn an_instance_that_has_looked_before_looks_again_after_a_minute_or_as_it_is_asked() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let asked = app.another_instance(&[]).await;
    let there = asked.anon().showing(&alice.access_token);
    there.get("/api/v1/me").await.assert_status(200);
    app.sql(
        "INSERT INTO schema_migrations (version, checksum, applied_at) VALUES (9999, '', 0)",
        Vec::new(),
    )
    .await;

    asked.anon().get("/readyz").await.assert_status(503);
    there.get("/api/v1/me").await.assert_problem(503, "unavailable");
    app.clock.advance(Duration::from_secs(59));
    alice.get("/api/v1/me").await.assert_status(200);
    app.clock.advance(Duration::from_secs(1));
    let calls = app.database.calls();
    alice.get("/api/v1/me").await.assert_problem(503, "unavailable");
    // It has looked, and done nothing else.
    assert_eq!(app.database.calls() - calls, 2);

    app.sql("DELETE FROM schema_migrations WHERE version = 9999", Vec::new()).await;
    alice.get("/api/v1/me").await.assert_status(200);
    there.get("/api/v1/me").await.assert_status(200);
}
