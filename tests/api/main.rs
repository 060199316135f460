//! The API, in-process: the real router on real SQL. Most tests live here.

mod api_keys;
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
mod own_data;
mod reauthentication;
mod roles;
mod second_factor;
mod session_lists;
mod sessions;
mod signing_keys;
mod suspension;
mod tokens;
mod user_roles;
mod users;
mod users_change;
mod users_list;

#[path = "../support/mod.rs"]
mod support;
