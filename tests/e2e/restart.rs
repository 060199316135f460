//! What was acknowledged outlives the process.

use std::time::Instant;

use serde_json::json;

use crate::service::{Service, builder};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill_and_after_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let builder = builder().state_dir(folder.path());

    let service = Service::start(&builder);
    let admin = service.admin().await;
    let body = json!({"email": "grace@example.com", "name": "Grace", "metadata": {"a": [1, "ሀ"]}});
    let created = admin.post("/api/v1/users", &body).await.expect(201);
    let path = created.header("location");
    service.host.kill();

    let begin = Instant::now();
    let service = Service::start(&builder);
    service.nobody().get("/readyz").await.expect(200);
    // Said, not judged: machines differ.
    println!("the second start took {:?}", begin.elapsed());
    // The session goes on too: its keys are in the database.
    let admin = admin.at(&service.host.base_url);
    assert_eq!(admin.get(path).await.expect(200).json(), created.json());
    let patched = admin.patch(path, &json!({"name": "Grace Hopper"})).await.expect(200);
    let status = service.host.stop();
    assert!(status.is_some_and(|status| status.success()), "{status:?}");

    let service = Service::start(&builder);
    let admin = admin.at(&service.host.base_url);
    assert_eq!(admin.get(path).await.expect(200).json(), patched.json());
    let status = service.host.interrupt();
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}
