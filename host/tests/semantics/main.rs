//! The semantics of Spin, the awkward ones too, as a guest meets them.
//!
//! Every test starts a host of its own.

mod command;
mod http;
mod key_value;
mod outbound;
mod postgres;
mod sqlite;
mod support;
