//! The API, in-process: the real router on real SQL. Most tests live here.

mod authorization;
mod chain;
mod coverage;
mod email_changes;
mod email_sign_in;
mod health;
mod invitations;
mod mails;
mod me;
mod password_resets;
mod registrations;
mod sessions;
mod users;
mod users_change;
mod users_list;

#[path = "../support/mod.rs"]
mod support;
