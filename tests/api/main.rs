//! The API, in-process: the real router on real SQL. Most tests live here.

mod audit;
mod authorization;
mod bootstrap;
mod chain;
mod coverage;
mod factors;
mod headers;
mod health;
mod hostile;
mod me;
mod negotiation;
mod openapi;
mod reauthentication;
mod second_factor;
mod sessions;
mod tokens;
mod users;
mod users_change;
mod users_list;

#[path = "../support/mod.rs"]
mod support;
