//! The built component, over the network: on the host of this repository, or on
//! the Spin that `ROLLCALL_SPIN` names.
//!
//! A test starts what it needs on a free port and in a temporary folder, and
//! fails when it cannot. [`service`] starts a service, [`client`] speaks to it,
//! [`wire`] speaks where no client library would.

mod client;
mod service;
mod wire;

mod addresses;
mod conformance;
mod connections;
mod grpc_clients;
mod grpc_wire;
mod hostile;
mod limits;
mod privacy;
mod readme;
mod restart;
mod settings;
mod walkthrough;
