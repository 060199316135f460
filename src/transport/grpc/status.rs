//! Errors as statuses of gRPC, with the details of `google.rpc`. The only place
//! where a code is chosen.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt, pb};

use crate::error::{Error, FieldError};
use crate::transport::http::json::MAX_ERRORS;
use crate::transport::http::problem::Problem;

/// Who says what reasons mean.
const DOMAIN: &str = "rollcall";

/// How long the errors in the details are together, at most.
const MAX_DETAIL_BYTES: usize = 3 << 10;

/// Why a call failed, for the log.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The code of the problem in REST; the reason in the details.
    pub code: &'static str,
    /// What nobody but the log is told.
    pub cause: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl std::error::Error for Failure {}

/// Why a call failed, if it was for a reason of ours.
pub fn failure(status: &Status) -> Option<&Failure> {
    std::error::Error::source(status)?.downcast_ref()
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let code = code(&error);
        let message = message(&error);
        let mut problem = Problem::from(error);
        if let Some(message) = message {
            message.clone_into(&mut problem.detail);
        }
        of_problem(code, problem)
    }
}

/// A problem of REST as a status.
pub fn of_problem(code: Code, problem: Problem) -> Status {
    let mut more = HashMap::new();
    if let Some(max_age) = problem.max_age {
        more.insert("max_age".to_owned(), max_age.as_secs().to_string());
    }
    let mut details = ErrorDetails::with_error_info(problem.code, DOMAIN, more);
    if !problem.errors.is_empty() {
        let violations = told(&problem.errors).map(|error| FieldViolation {
            reason: error.code.to_owned(),
            ..FieldViolation::new(&error.field, &error.message)
        });
        details.set_bad_request(violations.collect::<Vec<_>>());
    }
    if let Some(retry_after) = problem.retry_after {
        details.set_retry_info(Some(retry_after));
    }
    failed(code, problem.detail, details, Failure { code: problem.code, cause: problem.cause })
}

/// The first errors: as many as REST tells, and as clients take in trailers, which is
/// often 8 KiB of all of them, in base64.
fn told(errors: &[FieldError]) -> impl Iterator<Item = &FieldError> {
    let mut left = MAX_DETAIL_BYTES;
    errors.iter().take(MAX_ERRORS).take_while(move |error| {
        let bytes = [&*error.field, error.code, &error.message].map(str::len).iter().sum();
        let fits = left.checked_sub(bytes);
        left = fits.unwrap_or(0);
        fits.is_some()
    })
}

fn code(error: &Error) -> Code {
    match error {
        Error::Malformed(_) | Error::Invalid(_) => Code::InvalidArgument,
        Error::Unauthenticated
        | Error::InvalidCredentials
        | Error::InvalidCode
        | Error::NotFresh { .. } => Code::Unauthenticated,
        Error::Forbidden(_) | Error::Refused { .. } => Code::PermissionDenied,
        Error::NotFound(_) => Code::NotFound,
        Error::Conflict { code: Error::BUSY, .. }
        | Error::PreconditionFailed
        | Error::InProgress { .. } => Code::Aborted,
        Error::Conflict { code, .. } if code.ends_with("_taken") => Code::AlreadyExists,
        Error::Conflict { .. } | Error::PreconditionRequired | Error::KeyReused => {
            Code::FailedPrecondition
        }
        Error::TooManyRequests { .. } => Code::ResourceExhausted,
        Error::Unavailable { .. } => Code::Unavailable,
        // Not one that clients try again by themselves.
        Error::InDoubt(_) => Code::Unknown,
        Error::Internal(_) => Code::Internal,
    }
}

/// What is said in other words than in REST, because those speak of headers.
fn message(error: &Error) -> Option<&'static str> {
    match error {
        Error::Invalid(_) => Some("Some fields are not acceptable. See the details."),
        Error::NotFresh { .. } => Some("Prove again who you are, then try again."),
        Error::PreconditionFailed => {
            Some("The resource is no longer at the version that is named. Read it again.")
        }
        Error::PreconditionRequired => Some("Name the version that you mean to replace."),
        Error::TooManyRequests { .. } => {
            Some("A limit is used up. The details say how long to wait.")
        }
        Error::Malformed(_)
        | Error::Unauthenticated
        | Error::InvalidCredentials
        | Error::InvalidCode
        | Error::Forbidden(_)
        | Error::Refused { .. }
        | Error::NotFound(_)
        | Error::Conflict { .. }
        | Error::KeyReused
        | Error::InProgress { .. }
        | Error::Unavailable { .. }
        | Error::InDoubt(_)
        | Error::Internal(_) => None,
    }
}

/// What the library refused before a service saw it, in our words: it says
/// `INTERNAL` where the client is to blame.
pub fn of_codec(status: Status) -> Status {
    if failure(&status).is_some() {
        return status;
    }
    let (code, reason) = match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => {
            (Code::ResourceExhausted, "payload_too_large")
        }
        Code::Internal | Code::Unknown => (Code::InvalidArgument, "malformed_request"),
        // Of a method that it has not, a service says nothing; else it is a compression.
        Code::Unimplemented if status.message().is_empty() => return no_such_method(),
        Code::Unimplemented => (Code::Unimplemented, "unsupported_media_type"),
        other => (other, "malformed_request"),
    };
    plain(code, reason, status.message())
}

/// There is no method at the path.
pub fn no_such_method() -> Status {
    plain(Code::Unimplemented, "not_found", "There is no such method.")
}

/// The call did not end before its deadline.
pub fn deadline_exceeded() -> Status {
    timed_out("The call took too long. It may or may not have had an effect.")
}

/// Something took too long.
pub fn timed_out(message: &str) -> Status {
    plain(Code::DeadlineExceeded, "timeout", message)
}

/// An error within a stream of results.
pub fn item(error: impl Into<Status>) -> pb::Status {
    pb::Status::decode(error.into().details()).unwrap_or_default()
}

fn plain(code: Code, reason: &'static str, message: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    failed(code, message.to_owned(), details, Failure { code: reason, cause: None })
}

fn failed(code: Code, message: String, details: ErrorDetails, failure: Failure) -> Status {
    let mut status = Status::with_error_details(code, message, details);
    status.set_source(Arc::new(failure));
    status
}
