//! Giving out one-time tokens and taking them back.

use super::Context;
use super::rate_limits::Attempt;
use crate::app::App;
use crate::domain::id::UserId;
use crate::domain::one_time_token::{OneTimeToken, StoredToken, TokenPurpose, invalid_token};
use crate::domain::rate_limit::Policy;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::store::database::{DatabaseError, Statement};
use crate::store::one_time_tokens;

/// What a token is about and bound to.
pub(super) struct Terms<'a> {
    /// What it is good for.
    pub(super) purpose: TokenPurpose,
    /// What it is about.
    pub(super) subject: &'a str,
    /// Whose it is, where the subject is a user's.
    pub(super) user: Option<UserId>,
    /// What else it is bound to.
    pub(super) data: Option<String>,
}

/// A token that was just made.
pub(super) struct Issued {
    /// The token.
    pub(super) token: OneTimeToken,
    /// When it ends.
    pub(super) expires_at: Timestamp,
    /// Keeps its hash, and ends the one before it.
    pub(super) statement: Statement,
}

/// Makes a token.
pub(super) fn issue(app: &App, now: Timestamp, terms: Terms<'_>) -> Issued {
    let token = OneTimeToken::new(&*app.rng);
    let (statement, expires_at) = write(token.hash(), now, terms);
    Issued { token, expires_at, statement }
}

/// Keeps the hash of a token until it ends, which is then.
pub(super) fn write(hash: [u8; 32], now: Timestamp, terms: Terms<'_>) -> (Statement, Timestamp) {
    let Terms { purpose, subject, user, data } = terms;
    let expires_at = now.plus(purpose.lifetime());
    let token = StoredToken { purpose, hash, subject: subject.to_owned(), user, data };
    (one_time_tokens::put(&token, expires_at), expires_at)
}

/// The token that somebody shows, if it is good for this. It stays good until it
/// is consumed in the commit of what it is good for. One that is not good counts.
pub(super) async fn find(
    app: &App,
    cx: &Context,
    purpose: TokenPurpose,
    token: &OneTimeToken,
) -> Result<Option<StoredToken>> {
    find_any(app, cx, &[purpose], token).await
}

/// The same, if it is good for one of several purposes.
pub(super) async fn find_any(
    app: &App,
    cx: &Context,
    purposes: &[TokenPurpose],
    token: &OneTimeToken,
) -> Result<Option<StoredToken>> {
    let now = app.now();
    let mut attempt = Attempt::new(app, cx, Policy::MAILED_TOKEN, None);
    for purpose in purposes {
        let target = one_time_tokens::find(*purpose, &token.hash(), now);
        let row = attempt.look(app, target).await?;
        attempt.require_left(now)?;
        if let Some(row) = row {
            return Ok(Some(one_time_tokens::from_row(*purpose, row)?));
        }
    }
    attempt.spend(app).await?;
    Ok(None)
}

/// Why a token in this field is refused.
pub(super) fn invalid(field: &'static str) -> Error {
    Error::invalid(field, invalid_token())
}

/// What it means that a commit failed in which a token was consumed: somebody else
/// consumed it first, or what it is about is no longer so.
pub(super) fn refused(error: DatabaseError, field: &'static str) -> Error {
    match error {
        DatabaseError::Guard { .. } => invalid(field),
        other => super::users::email_taken(other),
    }
}

/// A link to a page of the application, which shows us the token.
pub(super) fn link(app: &App, page: &str, token: &OneTimeToken) -> String {
    format!("{}/{page}?token={}", app.config.mail.app_url, token.reveal())
}

/// How long tokens are good, as mails say it.
pub(super) fn minutes(purpose: TokenPurpose) -> u64 {
    purpose.lifetime().as_secs() / 60
}
