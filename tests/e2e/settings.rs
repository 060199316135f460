//! Settings that are wrong stop the service, not the process.

use serde_json::json;

use crate::service::{Service, builder};

#[tokio::test]
async fn a_wrong_setting_is_told_by_readyz_and_fails_every_request() {
    let wrong = builder().variable("body_limit", "much").variable("durability", "some");
    let service = Service::start(&wrong);
    let nobody = service.nobody();

    let readiness = nobody.get("/readyz").await.expect(503).json();
    let expected = "durability must be full or relaxed; body_limit must be a size from 1000 to 100MiB, such as 1MiB";
    let settings = json!({"name": "settings", "status": "failed", "problem": expected});
    assert_eq!(readiness, json!({"status": "unavailable", "checks": [settings]}));

    nobody.get("/livez").await.expect(200);
    for path in ["/api/v1/me", "/openapi.json", "/nothing"] {
        let problem = nobody.get(path).await.expect(503);
        assert_eq!(problem.header("content-type"), "application/problem+json");
        assert_eq!(problem.header("retry-after"), "30");
        assert_eq!(problem.json()["code"], "unavailable");
    }
    assert_eq!(service.host.stderr(), "");
}
