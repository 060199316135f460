//! What is remembered in the host's key-value store, which may be broken.

use serde_json::json;

use crate::service::{Service, builder};

#[tokio::test]
async fn what_is_remembered_is_true_whatever_becomes_of_the_store() {
    for cache in ["kv", "kv+instance"] {
        for is_broken in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            if is_broken {
                std::fs::create_dir(folder.path().join("sqlite_key_value.db")).unwrap();
            }
            let builder = builder().state_dir(folder.path()).variable("cache", cache);
            let service = Service::start(&builder);
            let admin = service.admin().await;
            let alice = service.user(&admin, "alice@example.com").await;
            let id = alice.get("/api/v1/me").await.expect(200).text_at("/id");
            let path = format!("/api/v1/users/{id}");
            for number in 0..5 {
                let name = format!("Alice {number}");
                alice.patch("/api/v1/me", &json!({"name": name})).await.expect(200);
                for _ in 0..3 {
                    // An instance of its own may have remembered for a second.
                    if cache == "kv" && !is_broken {
                        let read = admin.get(&path).await.expect(200);
                        assert_eq!(read.text_at("/name"), name);
                    }
                    let own = alice.get("/api/v1/me").await.expect(200);
                    assert_eq!(own.text_at("/id"), id);
                }
            }
            alice.delete("/api/v1/sessions/current").await.expect(204);
            if cache == "kv" && !is_broken {
                alice.get("/api/v1/me").await.expect_problem(401, "unauthenticated");
            }
            assert_eq!(service.host.stderr(), "");
        }
    }
}
