//! A component that holds the drivers of the component to the contracts, on the
//! databases of the host it runs on. A request runs the whole list on the
//! database that the settings name, which it empties, and is answered with the
//! name of each contract and in which way it was broken, `null` if it was kept.
#![cfg(target_family = "wasm")]

#[path = "../../contracts/mod.rs"]
#[macro_use]
mod contracts;

use std::sync::Arc;
use std::time::Duration;

use rollcall::app::Timer;
use rollcall::store::database::{BoxFuture, Database};
use rollcall::store::postgres::SpinPostgres;
use rollcall::store::sqlite::SpinSqlite;
use serde_json::{Map, Value};
use spin_sdk::http::{IntoResponse, Request};
use spin_sdk::http_service;

/// How long a driver waits: as long as with the default settings.
const PATIENCE: Duration = Duration::from_secs(8);

#[http_service]
async fn handle(_: Request) -> impl IntoResponse {
    let database = database().await;
    let mut outcomes = Map::new();
    for (name, _) in contracts::ALL {
        outcomes.insert((*name).to_owned(), Value::Null);
    }
    for (name, broken) in contracts::run_all(&*database).await {
        outcomes.insert(name.to_owned(), broken.0.into());
    }
    Value::Object(outcomes).to_string()
}

async fn database() -> Box<dyn Database> {
    let url = spin_sdk::variables::get("postgres_url").await.unwrap_or_default();
    if url.is_empty() {
        Box::new(SpinSqlite::new("default", true, PATIENCE))
    } else {
        Box::new(SpinPostgres::new(&url, PATIENCE, Arc::new(HostTimer)))
    }
}

struct HostTimer;

impl Timer for HostTimer {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(spin_sdk::time::sleep(duration))
    }
}
