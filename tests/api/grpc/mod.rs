//! The same service by gRPC.

mod bridge;
mod discovery;
mod errors;
mod sessions;
mod streams;
mod users;
mod watch;
mod web;
mod wire;
