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
    /// A session ended.
    SessionEnded,
    /// An old refresh token was used again, and its session ended.
    RefreshTokenReplayed,
    /// Somebody registered. There is a subject if the address has an account.
    RegistrationRequested,
    /// Somebody wants to prove an address, of a user if there is a subject.
    EmailVerificationRequested,
    /// A user proved that the address is theirs.
    EmailVerified,
    /// Somebody wants a new password, for a user if there is a subject.
    PasswordResetRequested,
    /// A user set a new password by mail, and all their sessions ended.
    PasswordReset,
    /// Somebody wants to sign in by a mailed link, as a user if there is a subject.
    MagicLinkRequested,
    /// Somebody wants to sign in by a mailed code, as a user if there is a subject.
    EmailCodeRequested,
    /// A user invited somebody.
    InvitationCreated,
    /// A user took an invitation back.
    InvitationRevoked,
    /// Somebody who was invited became a user.
    InvitationAccepted,
    /// A user wants another address.
    EmailChangeRequested,
    /// A user proved another address, which took the place of the old one.
    EmailChanged,
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
            Self::SessionEnded => "session.ended",
            Self::RefreshTokenReplayed => "session.refresh_token_replayed",
            Self::RegistrationRequested => "registration.requested",
            Self::EmailVerificationRequested => "user.email_verification_requested",
            Self::EmailVerified => "user.email_verified",
            Self::PasswordResetRequested => "user.password_reset_requested",
            Self::PasswordReset => "user.password_reset",
            Self::MagicLinkRequested => "user.magic_link_requested",
            Self::EmailCodeRequested => "user.email_code_requested",
            Self::InvitationCreated => "invitation.created",
            Self::InvitationRevoked => "invitation.revoked",
            Self::InvitationAccepted => "invitation.accepted",
            Self::EmailChangeRequested => "user.email_change_requested",
            Self::EmailChanged => "user.email_changed",
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
