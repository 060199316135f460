//! What can go wrong, and the exit code of each.

use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use rollcall_client::Error;
use serde_json::{Value, json};

use crate::output;

/// What a command comes to.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments do not fit together.
    Usage(String),
    /// The service refused, or could not be asked.
    Service(Error),
    /// The same, with where it is.
    Unreachable { url: String, cause: Error },
    /// A file or a pipe.
    Io(io::Error),
    /// There is no such thing.
    NotFound(String),
    /// Anything else.
    Failed(String),
    /// It was told already.
    Told,
    /// Somebody ended it from outside, with this exit code.
    Interrupted(u8),
}

/// The exit codes, as `--help` tells them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    it failed: the service refused what was asked, or something is wrong
  2    the command line is wrong
  3    not signed in, or not allowed
  4    there is no such thing
  5    it conflicts with what is there, or has another version than was named
  6    the service is not reached, does not answer in time, or is busy
  129  the terminal was closed (SIGHUP)
  130  interrupted by Ctrl-C
  141  whoever read the output went away
  143  ended by `kill` (SIGTERM)";

impl Failure {
    /// The exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        self.code().into()
    }

    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Service(Error::Request(_)) => 2,
            Self::Service(error) => match error.status() {
                Some(401 | 403) => 3,
                Some(404) => 4,
                Some(409 | 412 | 428) => 5,
                Some(429 | 502 | 503 | 504) => 6,
                Some(_) => 1,
                None => match error {
                    Error::SignedOut => 3,
                    Error::Transport(_) | Error::Silent(_) => 6,
                    _ => 1,
                },
            },
            Self::Unreachable { .. } => 6,
            Self::NotFound(_) => 4,
            Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => 141,
            Self::Io(_) | Self::Failed(_) | Self::Told => 1,
            Self::Interrupted(code) => *code,
        }
    }

    /// Tells people on the standard error; programs as a line of JSON.
    pub(crate) fn tell(&self, json: bool) {
        let is_silent = match self {
            Self::Told | Self::Interrupted(_) => true,
            Self::Io(error) => error.kind() == io::ErrorKind::BrokenPipe,
            _ => false,
        };
        if is_silent {
            return;
        }
        // Who hears no errors hears nothing of this one either.
        if json {
            let _ = writeln!(io::stderr(), "{}", self.to_json());
        } else {
            let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            let text = output::printable(&self.text(), true);
            let _ = writeln!(anstream::stderr(), "{red}error:{red:#} {text}");
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Service(Error::Problem(problem)) => json!(problem),
            _ => json!({"code": self.name(), "detail": self.text()}),
        }
    }

    /// A code as the service's are.
    fn name(&self) -> &'static str {
        match self.code() {
            2 => "usage",
            3 => "unauthenticated",
            4 => "not_found",
            6 => "unavailable",
            _ => "failed",
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Usage(text) | Self::Failed(text) | Self::NotFound(text) => text.clone(),
            Self::Service(Error::Problem(problem)) => {
                let hint = hint(&problem.code);
                let wait = problem.retry_after.map(|wait| {
                    format!("\n  The service asks to try again in {} s.", wait.as_secs())
                });
                let wait = wait.unwrap_or_default();
                format!("{problem}\n  request: {}{wait}{hint}", problem.request_id)
            }
            Self::Service(Error::SignedOut) => {
                "not signed in. Sign in with `rollcall login`, or set ROLLCALL_API_KEY.".to_owned()
            }
            Self::Service(error) => error.to_string(),
            Self::Unreachable { url, cause } => format!("{url}: {cause}"),
            Self::Io(error) => error.to_string(),
            Self::Told | Self::Interrupted(_) => String::new(),
        }
    }
}

/// What to do about it.
fn hint(code: &str) -> &'static str {
    match code {
        "unauthenticated" => "\n  Sign in with `rollcall login`, or set ROLLCALL_API_KEY.",
        "precondition_failed" => {
            "\n  Somebody else changed it meanwhile: look at it, and try again."
        }
        _ => "",
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Service(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
