//! The API, in-process: the real router on real SQL. Most tests live here.

mod authorization;
mod chain;
mod coverage;
mod factors;
mod health;
mod me;
mod reauthentication;
mod second_factor;
mod sessions;
mod users;

#[path = "../support/mod.rs"]
mod support;
