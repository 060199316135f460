//! Runs a spin-sdk 7 component from its `spin.toml`, with the semantics of
//! Spin 4.1, for development and tests.
//!
//! From the command to the guest: [`cli`] reads the command, [`up`] starts an
//! application, [`manifest`] and [`runtime_config`] say what it is made of,
//! [`app`] puts it together. [`server`] answers requests by [`routes`] and
//! hands them, with Spin's [`headers`], to an [`instance`] of a [`component`].
//! What a guest imports is in [`sqlite`], [`key_value`], [`postgres`],
//! [`variables`], [`outbound`] and [`stdio`].
//!
//! Where Spin is awkward, so is this host: a kinder one would let tests pass
//! that fail in production. The one exception is `TCP_NODELAY`.

#![expect(
    clippy::result_large_err,
    reason = "the interface of Postgres has a large error, and its functions return it"
)]

mod allowed_hosts;
mod app;
mod bindings;
mod cli;
mod component;
mod engine;
mod headers;
mod instance;
mod key_value;
mod manifest;
mod outbound;
mod postgres;
mod routes;
mod runtime_config;
mod server;
mod sqlite;
mod stdio;
mod stream;
mod tls;
mod up;
mod variables;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command};
use crate::stdio::report;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Up(arguments) => run(up::up(*arguments)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "rollcall-host", &mut script);
            // Whoever reads it may have read enough.
            let _ = io::stdout().write_all(&script);
            ExitCode::SUCCESS
        }
    }
}

/// Runs a command to its end. What is still under way then is left behind, not
/// waited for: the process ends with it.
fn run(command: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let result = runtime.block_on(command);
    std::mem::forget(runtime);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    report(format_args!("Error: {error:#}"));
    ExitCode::FAILURE
}
