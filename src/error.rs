//! What can go wrong, in words that no transport owns.
//!
//! An error carries what its receiver may read and, apart from it, a private
//! cause for the log. `transport` decides how it looks on the wire: one file for
//! HTTP, one for gRPC, both by an exhaustive `match`.

use std::fmt;
use std::time::Duration;

/// The result of everything that may fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One field of the input that was not acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where: a JSON member name, a dotted path, or a query parameter.
    pub field: String,
    /// What, for programs: `required`, `too_long`, `unknown_field`, …
    pub code: &'static str,
    /// What, for people: a sentence without the value that was sent.
    pub message: String,
}

impl FieldError {
    /// The same error of a field inside of another one.
    pub fn within(self, outer: &str) -> Self {
        let field = match self.field.as_str() {
            "" => outer.to_owned(),
            inner => format!("{outer}.{inner}"),
        };
        Self { field, ..self }
    }
}

/// Why a domain type refused a value. [`Invalid::of`] names the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// For programs.
    pub code: &'static str,
    /// For people; never repeats the value.
    pub message: String,
}

impl Invalid {
    /// A refusal with its code and its sentence.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The same refusal, of a named field.
    pub fn of(self, field: impl Into<String>) -> FieldError {
        FieldError { field: field.into(), code: self.code, message: self.message }
    }
}

/// A cause that only the log may show. It has no `Display` on purpose.
#[derive(Clone)]
pub struct Cause(String);

impl Cause {
    /// Keeps what the log shall say.
    pub fn new(cause: impl fmt::Display) -> Self {
        Self(cause.to_string())
    }

    /// The text for the log; not for an answer.
    pub fn for_log(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that a caller may have to act on.
#[derive(Debug, Clone)]
pub enum Error {
    /// The input could not be read at all.
    Malformed(String),
    /// The input was read, and these fields are not acceptable.
    Invalid(Vec<FieldError>),
    /// Nobody is signed in, or the credential is not (or no longer) good.
    Unauthenticated,
    /// The address or the password is wrong. Never says which.
    InvalidCredentials,
    /// The code is wrong, or was used before.
    InvalidCode,
    /// The caller is known, and must prove it again: the last proof is too old.
    NotFresh {
        /// How old it may be.
        max_age: Duration,
    },
    /// The caller is known and may not do this.
    Forbidden(String),
    /// It is refused as things stand, whoever asks. `code` says what stands
    /// against it.
    Refused {
        /// For programs, such as `email_unverified`.
        code: &'static str,
        /// For people.
        detail: String,
    },
    /// It does not exist, or the caller may not know that it does.
    NotFound(&'static str),
    /// It contradicts what is there. `code` says in which way.
    Conflict {
        /// For programs, such as `email_taken`.
        code: &'static str,
        /// For people.
        detail: String,
    },
    /// The resource is no longer at the version that the caller named.
    PreconditionFailed,
    /// The caller must name the version that it means to change.
    PreconditionRequired,
    /// The key of a repeatable request was used for another one.
    KeyReused,
    /// The same repeatable request is being done.
    InProgress {
        /// When it will be done, most likely.
        retry_after: Duration,
    },
    /// Too many attempts.
    TooManyRequests {
        /// How long to wait before the next one can succeed.
        retry_after: Duration,
        /// The limit that was hit.
        limit: &'static str,
    },
    /// Something that the service depends on does not answer; trying again helps.
    Unavailable {
        /// How long to wait.
        retry_after: Duration,
        /// For the log.
        cause: Cause,
    },
    /// Something that the service depends on broke off in the middle of a change: it
    /// may or may not have happened.
    InDoubt(Cause),
    /// A defect. The caller learns a request id and nothing else.
    Internal(Cause),
}

impl Error {
    /// The code of a conflict with others who change the same at the same time.
    pub const BUSY: &str = "busy";

    /// One field was not acceptable.
    pub fn invalid(field: impl Into<String>, reason: Invalid) -> Self {
        Self::Invalid(vec![reason.of(field)])
    }

    /// Too many others change the same thing at the same time.
    pub fn busy() -> Self {
        Self::conflict(Self::BUSY, "Others change this at the same time. Try again.")
    }

    /// A conflict with its code and its sentence.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict { code, detail: detail.into() }
    }

    /// A refusal with its code and its sentence.
    pub fn refused(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Refused { code, detail: detail.into() }
    }

    /// A defect, with what the log shall say about it.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::Internal(Cause::new(cause))
    }

    /// A dependency that does not answer; worth trying again in a second.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        Self::Unavailable { retry_after: Duration::from_secs(1), cause: Cause::new(cause) }
    }

    /// The caller lacks a permission.
    pub fn lacks(permission: impl fmt::Display) -> Self {
        Self::Forbidden(format!("This needs the permission {permission}."))
    }

    /// Whether the very same request may succeed a moment later.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unauthenticated
                | Self::InProgress { .. }
                | Self::TooManyRequests { .. }
                | Self::Unavailable { .. }
                | Self::InDoubt(_)
                | Self::Internal(_)
                | Self::Conflict { code: Self::BUSY, .. }
        )
    }

    /// What the log shall say, where there is a cause.
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Unavailable { cause, .. } | Self::InDoubt(cause) | Self::Internal(cause) => {
                Some(cause.for_log())
            }
            Self::Malformed(_)
            | Self::Invalid(_)
            | Self::Unauthenticated
            | Self::InvalidCredentials
            | Self::InvalidCode
            | Self::NotFresh { .. }
            | Self::Forbidden(_)
            | Self::Refused { .. }
            | Self::NotFound(_)
            | Self::Conflict { .. }
            | Self::PreconditionFailed
            | Self::PreconditionRequired
            | Self::KeyReused
            | Self::InProgress { .. }
            | Self::TooManyRequests { .. } => None,
        }
    }
}
