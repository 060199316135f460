//! The API, in-process: the real router on real SQL. Most tests live here.

mod chain;
mod health;
mod me;
mod sessions;
mod users;

#[path = "../support/mod.rs"]
mod support;
