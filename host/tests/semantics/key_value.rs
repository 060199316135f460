//! `spin:key-value`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, guest};

async fn run(client: &Client, operations: Value) -> Value {
    let script = json!({ "operations": operations });
    client.post("/key-value", script).await
}

#[tokio::test]
async fn what_is_set_is_there_until_it_is_deleted() {
    let host = guest().start();
    let client = Client::new(&host);
    let outcomes = run(
        &client,
        json!([
            { "get": "a" }, { "set": ["a", "1"] }, { "set": ["b", "2"] }, { "set": ["a", "3"] },
            { "get": "a" }, { "exists": "b" }, { "exists": "c" }, "keys",
            { "delete": "a" }, { "delete": "a" }, { "get": "a" }, "keys",
        ]),
    )
    .await;
    assert_eq!(
        outcomes,
        json!([null, "ok", "ok", "ok", "3", true, false, ["a", "b"], "ok", "ok", null, ["b"],])
    );
}

#[tokio::test]
async fn it_outlives_the_host() {
    let state = tempfile::tempdir().expect("a folder");
    let builder = guest().state_dir(state.path());
    let host = builder.start();
    run(&Client::new(&host), json!([{ "set": ["a", "1"] }])).await;
    host.kill();

    let host = builder.start();

    let outcomes = run(&Client::new(&host), json!([{ "get": "a" }])).await;
    assert_eq!(outcomes, json!(["1"]));
    assert!(state.path().join("sqlite_key_value.db").is_file());
}

#[tokio::test]
async fn a_store_that_the_component_does_not_list_is_refused() {
    let host = guest().start();
    let script = json!({ "label": "other", "operations": [] });
    let outcome = Client::new(&host).post("/key-value", script).await;
    assert_eq!(outcome, json!({ "open": "access-denied" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_nobody_reads_hold_up_every_other_call() {
    // In one instance the two would wait for each other for ever.
    let host = guest().arg("--max-instance-concurrent-reuse-count").arg("1").start();
    let client = Client::new(&host);
    let keys: Vec<_> = (0..20).map(|i| json!({ "set": [format!("k{i:02}"), ""] })).collect();
    run(&client, json!(keys)).await;
    let calls = || run(&client, json!([{ "exists": "k00" }]));
    assert_eq!(calls().await, json!([true]));
    let holder = client.clone();
    tokio::spawn(async move { holder.post("/key-value/keys-held", json!({ "ms": 60_000 })).await });
    host.wait_for_stderr("holding the keys");

    let waited = tokio::time::timeout(Duration::from_millis(500), calls()).await;

    assert!(waited.is_err(), "the other call did not wait: {waited:?}");
}
