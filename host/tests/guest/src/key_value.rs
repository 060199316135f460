//! Key-value: operations in the order that a test gives.

use axum::Json;
use serde::Deserialize;
use serde_json::{Value, json};
use spin_sdk::key_value::{Error, Store};

use crate::system::pause;

/// What a test wants done with one store.
#[derive(Deserialize)]
pub(crate) struct Script {
    #[serde(default = "default_label")]
    label: String,
    operations: Vec<Operation>,
}

fn default_label() -> String {
    "default".to_owned()
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Operation {
    Get(String),
    Set(String, String),
    Delete(String),
    Exists(String),
    Keys,
}

/// Runs a script; tells what each operation returned.
pub(crate) async fn script(Json(script): Json<Script>) -> Json<Value> {
    let store = match Store::open(&script.label).await {
        Ok(store) => store,
        Err(error) => return Json(json!({ "open": text(&error) })),
    };
    let mut outcomes = Vec::new();
    for operation in script.operations {
        let outcome = run(&store, operation).await;
        outcomes.push(outcome.unwrap_or_else(|error| json!({ "error": text(&error) })));
    }
    Json(json!(outcomes))
}

async fn run(store: &Store, operation: Operation) -> Result<Value, Error> {
    Ok(match operation {
        Operation::Get(key) => {
            let value = store.get(key).await?;
            json!(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
        }
        Operation::Set(key, value) => {
            store.set(key, value).await?;
            json!("ok")
        }
        Operation::Delete(key) => {
            store.delete(key).await?;
            json!("ok")
        }
        Operation::Exists(key) => json!(store.exists(key).await?),
        Operation::Keys => {
            let mut keys = store.get_keys().await.collect().await?;
            keys.sort();
            json!(keys)
        }
    })
}

/// How long something takes.
#[derive(Deserialize)]
pub(crate) struct Held {
    ms: u64,
}

/// Reads the first key of many and holds the rest back for a while.
pub(crate) async fn keys_held(Json(held): Json<Held>) -> Json<Value> {
    let store = Store::open_default().await.expect("it opens");
    let mut keys = store.get_keys().await;
    let first = keys.next().await;
    eprintln!("holding the keys");
    pause(held.ms).await;
    Json(json!({ "first": first }))
}

fn text(error: &Error) -> String {
    match error {
        Error::StoreTableFull => "store-table-full".to_owned(),
        Error::NoSuchStore => "no-such-store".to_owned(),
        Error::AccessDenied => "access-denied".to_owned(),
        Error::Other(text) => format!("other: {text}"),
    }
}
