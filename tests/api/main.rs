//! The API, in-process: the real router on real SQL. Most tests live here.

mod authorization;
mod chain;
mod coverage;
mod health;
mod me;
mod sessions;
mod users;

#[path = "../support/mod.rs"]
mod support;
