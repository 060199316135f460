//! `rollcall`, the administrator's hands over the API.
//!
//! - [`arguments`]: the command line.
//! - [`commands`]: what is done, a file for each noun.
//! - [`context`]: which service, and who calls.
//! - [`keyring`]: where the tokens of sessions are kept.
//! - [`output`]: what is printed: tables, or JSON.
//! - [`prompt`]: what is asked at a terminal.
//! - [`files`]: files that somebody names.
//! - [`draft`]: a file that has its name when it is whole.
//! - [`signals`]: who ends the program from outside.
//! - [`failure`]: what can go wrong, and the exit code of each.

mod arguments;
mod commands;
mod context;
mod draft;
mod failure;
mod files;
mod keyring;
mod output;
mod prompt;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::failure::{Failure, Outcome};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.common.json;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(arguments));
            // A thread may still wait for a line of the terminal.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell(json);
            failure.exit_code()
        }
    }
}

/// The command, until it ends or somebody ends it.
async fn run(arguments: Arguments) -> Outcome {
    let terminal = prompt::Terminal::remember();
    tokio::select! {
        biased;
        code = signals::ended() => {
            terminal.restore();
            Err(Failure::Interrupted(code))
        }
        outcome = commands::run(arguments) => outcome,
    }
}
