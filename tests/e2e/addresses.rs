//! Where a request comes from is what the host says, not what the client says.

use reqwest::Method;
use serde_json::json;

use crate::service::{ADMIN, PASSWORD, Service, builder};

#[tokio::test]
async fn a_client_cannot_choose_its_address() {
    for (trusted_proxies, expected) in [("0", "127.0.0.1"), ("1", "3.3.3.3"), ("2", "2.2.2.2")] {
        let service = Service::start(&builder().variable("trusted_proxies", trusted_proxies));
        service.admin().await;
        let liar = service
            .nobody()
            .with("spin-client-addr", "6.6.6.6:1")
            .with("forwarded", "for=7.7.7.7")
            .with("x-real-ip", "8.8.8.8")
            .with("x-forwarded-for", "1.1.1.1, 2.2.2.2")
            .with("x-forwarded-for", "3.3.3.3");
        let body = json!({"email": ADMIN, "password": PASSWORD}).to_string();
        let answer = liar.send(Method::POST, "/api/v1/sessions", "application/json", body).await;
        assert_eq!(answer.expect(201).text_at("/session/address"), expected, "{trusted_proxies}");
    }
}
