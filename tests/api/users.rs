//! `/api/v1/users`: the directory.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_user_is_replaced_whole_at_the_version_that_is_named() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let path = format!("/api/v1/users/{}", alice.id);
    let profile = json!({"email": "a@example.org", "name": "A", "metadata": {"a": [1, null]}});
    admin.put(&path, profile.clone()).await.assert_problem(428, "precondition_required");
    let first = admin.with("if-match", "\"1\"");
    assert_snapshot!(first.put(&path, profile.clone()).await, @r#"
    200 OK
    content-type: application/json
    etag: "2"

    {
      "created_at": "2026-01-01T00:00:00.000000Z",
      "email": "a@example.org",
      "email_verified_at": null,
      "id": "[id 1]",
      "metadata": {
        "a": [
          1,
          null
        ]
      },
      "name": "A",
      "roles": [
        "user"
      ],
      "suspended_at": null,
      "updated_at": "2026-01-01T00:00:00.000000Z",
      "version": 2
    }
    "#);
    first.put(&path, profile).await.assert_problem(412, "precondition_failed");
}
