//! Many requests: one after the other on a connection, and at the same time.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::task::JoinSet;

use crate::service::{Service, builder};
use crate::wire::Wire;

fn get(path: &str, request_id: &str, extra: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nx-request-id: {request_id}\r\n{extra}\r\n")
}

#[tokio::test]
async fn a_connection_is_kept_and_closed_when_the_client_asks() {
    let service = Service::shared();
    let mut wire = Wire::connect(service.host.port).await;
    for id in ["first", "second"] {
        wire.send(get("/livez", id, "")).await;
        let answer = wire.read_until("{\"status\":\"ok\"}").await;
        assert!(answer.contains(&format!("x-request-id: {id}\r\n")), "{answer}");
    }
    wire.send(get("/livez", "last", "connection: close\r\n")).await;
    let answer = wire.read_until("{\"status\":\"ok\"}").await;
    assert!(answer.contains("x-request-id: last\r\n"), "{answer}");
    // A chunked body may still end.
    let rest = wire.read_to_end().await;
    assert!(!rest.contains("HTTP/1.1"), "{rest}");
}

#[tokio::test]
async fn requests_that_are_sent_at_once_are_answered_in_order() {
    let service = Service::shared();
    let mut wire = Wire::connect(service.host.port).await;
    let requests = [
        get("/readyz", "1", ""),
        get("/nothing", "2", ""),
        get("/openapi.json", "3", ""),
        get("/livez", "4", "connection: close\r\n"),
    ];
    wire.send(requests.concat()).await;
    let answers = wire.read_to_end().await;
    let answers: Vec<_> = answers.split("HTTP/1.1 ").skip(1).collect();
    assert_eq!(answers.len(), requests.len(), "{answers:#?}");
    for (answer, (status, id)) in
        answers.iter().zip([("200", "1"), ("404", "2"), ("200", "3"), ("200", "4")])
    {
        assert!(answer.starts_with(status), "{id}: {answer}");
        assert!(answer.contains(&format!("\r\nx-request-id: {id}\r\n")), "{id}: {answer}");
    }
}

#[tokio::test]
async fn sixteen_at_once_are_all_served_and_one_of_them_wins() {
    let service = Service::start(&builder());
    let admin = service.admin().await;
    for (connections, client) in [("sixteen", admin.clone()), ("one", admin.over_http2())] {
        let email = format!("{connections}@example.com");
        let mut requests = JoinSet::new();
        for _ in 0..16 {
            let (client, email) = (client.clone(), email.clone());
            requests.spawn(async move {
                let body = json!({"email": email, "name": "Somebody"});
                client.get("/api/v1/me").await.expect(200);
                client.post("/api/v1/users", &body).await.status
            });
        }
        let mut statuses = BTreeMap::new();
        for status in requests.join_all().await {
            *statuses.entry(status).or_insert(0) += 1;
        }
        assert_eq!(statuses, BTreeMap::from([(201, 1), (409, 15)]), "{connections} connection(s)");
    }
    assert_eq!(service.host.stderr(), "");
}
