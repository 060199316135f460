//! What can go wrong.

use std::time::Duration;
use std::{fmt, io};

use serde::{Deserialize, Serialize};

use crate::model::Others;

/// What a call gives.
pub type Result<T> = std::result::Result<T, Error>;

/// Why there is no answer that could be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The service refused the request and says why.
    Problem(Box<Problem>),
    /// The service was not reached, or the connection broke off. A change may or
    /// may not have been made.
    Transport(reqwest::Error),
    /// The service was reached, but said nothing for so long. A change may or may not
    /// have been made.
    Silent(Duration),
    /// Somebody answered, but not in the words of this API: another service, a
    /// proxy, or another version.
    Unexpected {
        /// The status of the answer.
        status: u16,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no session, or there is none any longer.
    SignedOut,
    /// The tokens of the session could not be read or kept.
    Tokens(io::Error),
    /// What was to be sent cannot be sent.
    Request(String),
}

/// A problem as the service tells it (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:rollcall:problem:` and the code.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The same for every problem with this code.
    #[serde(default)]
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What happened here, for people.
    #[serde(default)]
    pub detail: String,
    /// Stable, for programs, such as `email_taken`.
    pub code: String,
    /// Names the request in the service's log.
    #[serde(default)]
    pub request_id: String,
    /// Every field that was not acceptable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// How long to wait before another attempt, in whole seconds.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none", with = "seconds")]
    pub retry_after: Option<Duration>,
    /// Members that this problem has besides, such as the `index` of an operation.
    #[serde(flatten)]
    pub others: Others,
}

/// One bad field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Which, as a path: `metadata.plan`.
    pub field: String,
    /// What is wrong with it, for programs.
    pub code: String,
    /// What is wrong with it, for people.
    pub message: String,
}

impl Error {
    /// The problem that the service told, if it did.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem(problem) => Some(problem.status),
            Self::Unexpected { status, .. } => Some(*status),
            Self::Transport(_)
            | Self::Silent(_)
            | Self::SignedOut
            | Self::Tokens(_)
            | Self::Request(_) => None,
        }
    }

    /// The code of the problem, such as `email_taken`.
    pub fn code(&self) -> Option<&str> {
        self.problem().map(|problem| problem.code.as_str())
    }

    /// How long the service asks to wait before another attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        self.problem()?.retry_after
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        // Its texts would name the URL twice, and a query may be long.
        Self::Transport(error.without_url())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) => problem.fmt(f),
            Self::Transport(error) if error.is_connect() => {
                write!(f, "it is not reached: {}", innermost(error))
            }
            Self::Transport(error) if error.is_timeout() => {
                f.write_str("it does not answer in time")
            }
            Self::Transport(error) => write!(f, "the connection broke off: {}", innermost(error)),
            Self::Silent(limit) => {
                write!(f, "it does not answer in time: nothing came for {limit:?}")
            }
            Self::Unexpected { status, reason } => {
                write!(f, "an answer that is not Rollcall's (status {status}): {reason}")
            }
            Self::SignedOut => f.write_str("not signed in, or the session has ended"),
            Self::Tokens(error) => write!(f, "the session's tokens: {error}"),
            Self::Request(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::Tokens(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    /// The detail, the code, and each field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)?;
        for error in &self.errors {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}

impl fmt::Display for FieldError {
    /// The field, unless it is the whole that is wrong, the message and the code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// What it comes from: "connection refused", not "error sending request".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

mod seconds {
    use std::time::Duration;

    use serde::Serializer;

    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.serialize_u64(duration.as_secs()),
            None => serializer.serialize_none(),
        }
    }
}
