//! Events: what happened, to whom, by whom. They are the audit trail, and what
//! others subscribe to. They hold no personal data: ids only.

use std::fmt;

use super::id::{EventId, UserId};
use super::time::Timestamp;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The first admin was made with the bootstrap token.
    Bootstrapped,
    /// A user was created.
    UserCreated,
    /// A user's profile changed.
    UserUpdated,
    /// A user was deleted.
    UserDeleted,
    /// A user signed in.
    SessionCreated,
    /// A user showed the first of two factors.
    SecondFactorRequired,
    /// A user proved again who they are.
    SessionReauthenticated,
    /// A user was given the secret of an authenticator app.
    FactorEnrolled,
    /// A user showed a code of it: it is asked for from now on.
    FactorConfirmed,
    /// A user removed their second factor.
    FactorRemoved,
    /// Somebody else removed a user's second factor.
    FactorsReset,
    /// A user got new recovery codes.
    RecoveryCodesReplaced,
    /// A recovery code was used up.
    RecoveryCodeUsed,
    /// A code of a second factor was wrong, or was used before.
    CodeRefused,
    /// A session ended.
    SessionEnded,
    /// An old refresh token was used again, and its session ended.
    RefreshTokenReplayed,
}

impl EventKind {
    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bootstrapped => "service.bootstrapped",
            Self::UserCreated => "user.created",
            Self::UserUpdated => "user.updated",
            Self::UserDeleted => "user.deleted",
            Self::SessionCreated => "session.created",
            Self::SecondFactorRequired => "session.second_factor_required",
            Self::SessionReauthenticated => "session.reauthenticated",
            Self::FactorEnrolled => "factor.enrolled",
            Self::FactorConfirmed => "factor.confirmed",
            Self::FactorRemoved => "factor.removed",
            Self::FactorsReset => "factor.reset",
            Self::RecoveryCodesReplaced => "factor.recovery_codes_replaced",
            Self::RecoveryCodeUsed => "factor.recovery_code_used",
            Self::CodeRefused => "factor.code_refused",
            Self::SessionEnded => "session.ended",
            Self::RefreshTokenReplayed => "session.refresh_token_replayed",
        }
    }
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A signed-in user.
    User(UserId),
    /// Whoever holds the bootstrap token.
    Operator,
    /// Nobody who is signed in: a person who signs in, or presents a token.
    Anonymous,
    /// The service itself.
    Service,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Operator => f.write_str("operator"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::Service => f.write_str("service"),
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// Names the event.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// Who did it.
    pub actor: Actor,
    /// Whom it happened to, if anybody.
    pub subject: Option<UserId>,
    /// When.
    pub at: Timestamp,
    /// The request in which it happened.
    pub request_id: String,
}
