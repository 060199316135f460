//! Traps, time, chance and surroundings.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use axum::Json;
use axum::extract::Query;
use serde::Deserialize;
use serde_json::{Value, json};

/// How long something takes.
#[derive(Deserialize)]
pub(crate) struct Time {
    #[serde(default)]
    ms: u64,
}

/// Panics after a while, which is a trap.
pub(crate) async fn trap(Query(sleep): Query<Sleep>) {
    eprintln!("{} sleeps in {:016x}", sleep.name, *INSTANCE);
    pause(sleep.ms).await;
    panic!("asked for it");
}

/// A sleep and its name.
#[derive(Deserialize)]
pub(crate) struct Sleep {
    ms: u64,
    name: String,
}

/// Answers after a while.
pub(crate) async fn sleep(Query(sleep): Query<Sleep>) -> String {
    eprintln!("{} sleeps in {:016x}", sleep.name, *INSTANCE);
    pause(sleep.ms).await;
    format!("slept {} ms", sleep.ms)
}

/// The number of this instance.
static INSTANCE: LazyLock<u64> = LazyLock::new(random_u64);

/// Computes for a while and lets nothing else run.
pub(crate) async fn spin(Query(time): Query<Time>) -> String {
    let start = Instant::now();
    let mut rounds: u64 = 0;
    while start.elapsed() < Duration::from_millis(time.ms) {
        rounds = std::hint::black_box(rounds.wrapping_add(1));
    }
    format!("{rounds} rounds")
}

pub(crate) async fn pause(ms: u64) {
    if ms > 0 {
        spin_sdk::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// Which instance answers, and how many requests it has had.
pub(crate) async fn instance(Query(time): Query<Time>) -> Json<Value> {
    static REQUESTS: AtomicUsize = AtomicUsize::new(0);
    let request = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
    pause(time.ms).await;
    Json(json!({ "instance": format!("{:016x}", *INSTANCE), "request": request }))
}

fn random_u64() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

/// Prints the body to both outputs.
pub(crate) async fn print(body: String) {
    println!("{body}");
    eprintln!("{body}");
}

/// Milliseconds since 1970, and how long a nap took by the other clock.
pub(crate) async fn clock() -> Json<Value> {
    let wall = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_millis() as u64);
    let start = Instant::now();
    pause(20).await;
    Json(json!({ "wall_ms": wall, "nap_ms": start.elapsed().as_millis() as u64 }))
}

/// A random number.
pub(crate) async fn random() -> String {
    format!("{:016x}", random_u64())
}

/// The environment variables.
pub(crate) async fn environment() -> Json<BTreeMap<String, String>> {
    Json(std::env::vars().collect())
}

/// What to look for.
#[derive(Deserialize)]
pub(crate) struct Name {
    name: String,
}

/// The length of a file, or why it cannot be read.
pub(crate) async fn file(Query(Name { name }): Query<Name>) -> String {
    match std::fs::read(&name) {
        Ok(bytes) => format!("{} bytes", bytes.len()),
        Err(error) => error.kind().to_string(),
    }
}

/// A variable, or why there is none.
pub(crate) async fn variable(Query(Name { name }): Query<Name>) -> String {
    match spin_sdk::variables::get(&name).await {
        Ok(value) => value,
        Err(error) => format!("{error:?}"),
    }
}
