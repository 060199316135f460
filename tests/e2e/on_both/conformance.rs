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
