//! Rollcall: the user API for the edge, as one WebAssembly component on Spin.
//!
//! Modules in reading order. Data flows one way:
//! `transport` → `service` → `domain` ← `store`.
//!
//! Invariants, checked by `tests/architecture.rs`:
//! - `domain` imports nothing of this crate but itself and `error`.
//! - `store` imports `domain`, never `service` or `transport`.
//! - `service` names no status code, no header and no SQL.
//! - `transport` never imports `store`.
//! - `spin_sdk` appears only in `component`, [`config`] and in the files that
//!   implement a port for Spin.
//!
//! And by habit:
//! - Nothing panics on what comes from outside: a panic is a trap, and a trap
//!   takes up to sixteen requests with it.
//! - Nothing waits for another request: across requests, waking traps.
//! - A change is one commit: with its events, or not at all.

// What could panic on outside data is not written at all.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects
    )
)]

pub mod app;
#[cfg(all(target_family = "wasm", feature = "component"))]
pub mod component;
pub mod config;
pub mod embedded;
pub mod error;

pub mod transport;

pub mod service;

pub mod domain;

pub mod store;

pub mod cache;
pub mod http_client;
pub mod line;
pub mod log;
pub mod mailer;
pub mod password_hasher;
#[cfg(target_family = "wasm")]
pub mod timer;
