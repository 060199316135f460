//! The API, in-process: the real router on real SQL. Most tests live here.

mod api_keys;
mod audit;
mod authorization;
mod bootstrap;
mod cache;
mod chain;
mod conditional_reads;
mod coverage;
mod email_changes;
mod email_sign_in;
mod factors;
mod finding;
mod finding_costs;
mod foreign_hashes;
mod grpc;
mod headers;
mod health;
mod hostile;
mod idempotency;
mod invitations;
mod mails;
mod me;
mod metadata;
mod negotiation;
mod openapi;
mod own_data;
mod password_resets;
mod passwords;
mod rate_limits;
mod reauthentication;
mod registrations;
mod roles;
mod second_factor;
mod session_lists;
mod sessions;
mod signing_keys;
mod statements;
mod suspension;
mod tokens;
mod user_roles;
mod users;
mod users_change;
mod users_list;

#[path = "../support/mod.rs"]
mod support;
