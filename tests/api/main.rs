//! The API, in-process: the real router on real SQL. Most tests live here.

mod api_keys;
mod authorization;
mod chain;
mod coverage;
mod health;
mod me;
mod own_data;
mod roles;
mod sessions;
mod signing_keys;
mod user_roles;
mod users;

#[path = "../support/mod.rs"]
mod support;
