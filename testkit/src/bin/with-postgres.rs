//! Runs a command with a Postgres of its own, whose URL it finds in
//! `ROLLCALL_TEST_POSTGRES`, and ends as the command does.

use std::env;
use std::process::{Command, ExitCode};

use rollcall_testkit::Postgres;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: with-postgres COMMAND [ARGUMENT]...");
        return ExitCode::from(2);
    };
    // No power cut happens to a test: nothing needs to reach the disk.
    let postgres = Postgres::start_with(&["fsync=off", "max_connections=1000"]);
    let status = Command::new(&program)
        .args(arguments)
        .env("ROLLCALL_TEST_POSTGRES", &postgres.url)
        .status();
    match status {
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1).into(),
        Err(error) => {
            eprintln!("{} cannot be run: {error}", program.display());
            ExitCode::from(127)
        }
    }
}
