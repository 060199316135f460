//! The contracts of the `Database` port, kept by the drivers of the component
//! where they run: inside a component, on the databases of the host.

use rollcall_testkit::{Host, Postgres, build};
use serde_json::Value;

use crate::client::Client;

async fn hold(variables: &[(&str, &str)]) {
    build::component_for_tests("rollcall-conformance-guest");
    let manifest = build::workspace().join("tests/conformance-guest");
    let builder = Host::builder(manifest);
    let add = |builder: rollcall_testkit::host::Builder, (name, value): &(&str, &str)| {
        builder.variable(name, value)
    };
    let host = variables.iter().fold(builder, add).start();
    let answer = Client::http1(&host.base_url).get("/").await;
    assert_eq!(answer.status, 200, "{}", host.stderr());
    let outcomes = answer.json();
    let outcomes = outcomes.as_object().unwrap();
    let broken: Vec<_> = outcomes.iter().filter(|(_, how)| **how != Value::Null).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    // The list was there.
    assert!(outcomes.len() >= 22, "{outcomes:?}");
}

#[tokio::test]
async fn the_contracts_are_kept_on_sqlite() {
    hold(&[]).await;
}

#[tokio::test]
async fn the_contracts_are_kept_on_postgres() {
    let postgres = Postgres::start();
    hold(&[("postgres_url", &postgres.url)]).await;
}

#[tokio::test]
async fn changes_are_on_the_disk_before_they_are_acknowledged() {
    build::component_for_tests("rollcall-conformance-guest");
    let host = Host::builder(build::workspace().join("tests/conformance-guest")).start();
    let said = Client::http1(&host.base_url).get("/settings").await.expect(200).body;
    // 2 is FULL, 1 is NORMAL, which `durability = "relaxed"` asks for.
    let expected = [
        "PRAGMA journal_mode: Ok([Row([Text(\"wal\")])])",
        "PRAGMA synchronous: Ok([Row([Integer(2)])])",
        "PRAGMA foreign_keys: Ok([Row([Integer(1)])])",
        "PRAGMA journal_mode: Ok([Row([Text(\"wal\")])])",
        "PRAGMA synchronous: Ok([Row([Integer(1)])])",
        "PRAGMA foreign_keys: Ok([Row([Integer(1)])])",
    ];
    assert_eq!(said, expected.join("\n"));
}
