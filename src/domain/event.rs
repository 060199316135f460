//! Events: what happened, to whom, by whom. They are the audit trail, and what
//! others subscribe to. They hold no personal data: ids only.

use std::fmt;

use super::id::{ApiKeyId, EventId, InvitationId, UserId};
use super::role::RoleName;
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
    /// All sessions of a user ended but the one that called.
    OtherSessionsEnded,
    /// All sessions of a user ended.
    AllSessionsEnded,
    /// So many sign-ins of an account failed that the next one must wait.
    SignInAttemptsExhausted,
    /// An old refresh token was used again, and its session ended.
    RefreshTokenReplayed,
    /// A user got other roles.
    UserRolesChanged,
    /// A user may no longer sign in.
    UserSuspended,
    /// A user may sign in again.
    UserUnsuspended,
    /// A user took everything with them that the service holds on them.
    UserDataExported,
    /// A role was made.
    RoleCreated,
    /// A role got other permissions.
    RoleUpdated,
    /// A role was deleted.
    RoleDeleted,
    /// An API key was made.
    ApiKeyCreated,
    /// An API key was revoked.
    ApiKeyRevoked,
    /// A signing key was made, which signs as soon as everybody has it.
    SigningKeyCreated,
    /// Somebody registered. There is a subject if the address has an account.
    RegistrationRequested,
    /// Somebody wants to prove an address, of a user if there is a subject.
    EmailVerificationRequested,
    /// A user proved that the address is theirs.
    EmailVerified,
    /// Somebody wants a new password, for a user if there is a subject.
    PasswordResetRequested,
    /// A user changed their password, and their other sessions ended.
    PasswordChanged,
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
    /// Those after which a user is not what it was, as others see it.
    pub const CHANGES_OF_USERS: &[Self] = &[
        Self::UserCreated,
        Self::UserUpdated,
        Self::UserDeleted,
        Self::UserRolesChanged,
        Self::UserSuspended,
        Self::UserUnsuspended,
        Self::EmailVerified,
        Self::EmailChanged,
        Self::PasswordReset,
    ];

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
            Self::OtherSessionsEnded => "session.others_ended",
            Self::AllSessionsEnded => "session.all_ended",
            Self::SignInAttemptsExhausted => "session.attempts_exhausted",
            Self::RefreshTokenReplayed => "session.refresh_token_replayed",
            Self::UserRolesChanged => "user.roles_changed",
            Self::UserSuspended => "user.suspended",
            Self::UserUnsuspended => "user.unsuspended",
            Self::UserDataExported => "user.data_exported",
            Self::RoleCreated => "role.created",
            Self::RoleUpdated => "role.updated",
            Self::RoleDeleted => "role.deleted",
            Self::ApiKeyCreated => "api_key.created",
            Self::ApiKeyRevoked => "api_key.revoked",
            Self::SigningKeyCreated => "signing_key.created",
            Self::RegistrationRequested => "registration.requested",
            Self::EmailVerificationRequested => "user.email_verification_requested",
            Self::EmailVerified => "user.email_verified",
            Self::PasswordResetRequested => "user.password_reset_requested",
            Self::PasswordChanged => "user.password_changed",
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
    /// A program.
    ApiKey(ApiKeyId),
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
            Self::ApiKey(id) => write!(f, "api_key:{id}"),
            Self::Operator => f.write_str("operator"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::Service => f.write_str("service"),
        }
    }
}

impl Actor {
    /// Reads what `Display` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("user", id)) => UserId::parse(id).ok().map(Self::User),
            Some(("api_key", id)) => ApiKeyId::parse(id).ok().map(Self::ApiKey),
            Some(_) => None,
            None => [Self::Operator, Self::Anonymous, Self::Service]
                .into_iter()
                .find(|actor| actor.to_string() == text),
        }
    }
}

/// What it happened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A user; written as the bare id, by which events are looked up.
    User(UserId),
    /// An API key.
    ApiKey(ApiKeyId),
    /// A role.
    Role(RoleName),
    /// A signing key, by its `kid`.
    SigningKey(String),
    /// An invitation.
    Invitation(InvitationId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "{id}"),
            Self::ApiKey(id) => write!(f, "api_key:{id}"),
            Self::Role(name) => write!(f, "role:{name}"),
            Self::SigningKey(kid) => write!(f, "signing_key:{kid}"),
            Self::Invitation(id) => write!(f, "invitation:{id}"),
        }
    }
}

impl From<UserId> for Subject {
    fn from(id: UserId) -> Self {
        Self::User(id)
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
    /// What it happened to, if to anything.
    pub subject: Option<Subject>,
    /// When.
    pub at: Timestamp,
    /// The request in which it happened.
    pub request_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_reads_back() {
        let actors = [
            Actor::User(UserId::from_bytes([1; 16])),
            Actor::ApiKey(ApiKeyId::from_bytes([2; 16])),
            Actor::Operator,
            Actor::Anonymous,
            Actor::Service,
        ];
        for actor in actors {
            assert_eq!(Actor::parse(&actor.to_string()), Some(actor));
        }
        for text in ["", "user", "user:", "user:1", "role:admin"] {
            assert_eq!(Actor::parse(text), None, "{text}");
        }
    }
}
