//! Spin's interfaces as Rust types and traits, written by `build.rs`.

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));

pub(crate) use spin::key_value::key_value;
pub(crate) use spin::postgres::postgres;
pub(crate) use spin::sqlite::sqlite;
pub(crate) use spin::variables::variables;
