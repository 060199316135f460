//! The built component, over the network: on the host of this repository, or on
//! the Spin that `ROLLCALL_SPIN` names.
//!
//! A test starts what it needs on a free port and in a temporary folder, and
//! fails when it cannot. Most tests are about one service, on SQLite unless
//! `ROLLCALL_TEST_POSTGRES` names a server; those in [`on_both`] are about the
//! databases, and start both. [`service`] starts a service, [`client`] speaks to it,
//! [`clients`] gets those of
//! others, [`wire`] speaks where no client library would.

mod client;
mod clients;
mod mailbox;
mod service;
mod wire;

mod addresses;
mod cache;
mod connections;
mod fuzz;
mod grpc_clients;
mod grpc_wire;
mod hostile;
mod limits;
mod on_both;
mod privacy;
mod races;
mod readme;
mod restart;
mod secrets;
mod settings;
mod walkthrough;
