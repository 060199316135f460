//! `/health`, `/livez`, `/readyz`.

use insta::assert_snapshot;
use rollcall::store::database::DatabaseError;
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
    assert_snapshot!(app.anon().get("/readyz").await, @r#"
    503 Service Unavailable
    content-type: application/json

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
    app.database.repair();
    app.anon().get("/readyz").await.assert_status(200);
}

#[tokio::test]
async fn migrations_that_an_operator_must_apply_are_named_and_waited_for() {
    let app = TestApp::with(&[("auto_migrate", "false")]).await;
    assert_snapshot!(app.anon().get("/readyz").await, @r#"
    503 Service Unavailable
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
          "problem": "migrations [1, 3, 5] are pending: apply them with `make migrate`",
          "status": "failed"
        }
      ],
      "status": "unavailable"
    }
    "#);
    let before = app.contents();
    app.anon().get("/.well-known/jwks.json").await.assert_problem(503, "unavailable");
    assert_eq!(app.contents(), before);

    // Another instance may apply them; this one goes on without a restart.
    let other = app.another_instance(&[]).await;
    other.admin().await;
    app.anon().get("/readyz").await.assert_status(200);
    app.anon().get("/.well-known/jwks.json").await.assert_status(200);
}
