//! Starts what tests and measurements need, in temporary folders and on free
//! ports, and takes it away when it is dropped.
//!
//! - [`build`] makes the programs: the host and components.
//! - [`host`] runs an application, on the host of this repository or on a real
//!   Spin.
//! - [`postgres`] runs a Postgres of its own.
//!
//! Everything here blocks. What cannot be started panics with the reason, so
//! that a test fails and never skips.

pub mod build;
pub mod host;
pub mod postgres;

mod process;

pub use host::Host;
pub use postgres::Postgres;
