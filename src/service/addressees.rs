//! Whose an address is, and in which language they are written to.

use super::Context;
use super::mails::Send;
use super::rate_limits::{Account, Attempt};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::id::UserId;
use crate::domain::locale::Locale;
use crate::domain::mail::{Draft, Message};
use crate::domain::rate_limit::Policy;
use crate::domain::registration::RegistrationMode;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::error::Result;
use crate::store::addressees::{self, Addressee};
use crate::store::database::{DatabaseError, Row};

/// Whose an address is that a stranger named in order to have a mail sent there.
///
/// Every public request that causes a mail comes through here, and nothing else
/// does: they are limited here, by address and by where they come from. What strangers
/// use up elsewhere does not keep its owner from asking where they signed in before.
pub(super) async fn named_by_stranger(
    app: &App,
    cx: &Context,
    policy: Policy,
    email: &Email,
) -> Result<Addressee> {
    let mut attempt = Attempt::new(app, cx, policy, Some(Account::Email(email)));
    let now = app.now();
    let target = addressees::by_address(email.normalized(), cx.place(), now);
    let (was_here, addressee) = match attempt.look(app, target).await? {
        Some(row) => from_row(app, row)?,
        None => (false, Addressee::Nobody),
    };
    if was_here {
        attempt.at_known_place();
    }
    attempt.require_left(now)?;
    attempt.spend(app).await?;
    Ok(addressee)
}

/// Whose a normalised address is.
pub(super) async fn by_address(app: &App, normalized: &str, now: Timestamp) -> Result<Addressee> {
    let rows = app.store.query(addressees::by_address(normalized, None, now)).await?;
    let found = rows.into_iter().next().map(|row| from_row(app, row)).transpose()?;
    Ok(found.map_or(Addressee::Nobody, |(_, addressee)| addressee))
}

/// Where only some may register, a registration from before is nobody's.
fn from_row(app: &App, row: Row) -> Result<(bool, Addressee)> {
    let (was_here, addressee) = addressees::from_row(row)?;
    Ok(match addressee {
        Addressee::Registered(..) if app.config.registration != RegistrationMode::Open => {
            (was_here, Addressee::Nobody)
        }
        other => (was_here, other),
    })
}

/// Whether a mail was written. Whoever is deleted at the same time gets none, which nobody
/// is told.
pub(super) fn unless_gone(committed: Result<(), DatabaseError>) -> Result<()> {
    match committed {
        Err(DatabaseError::ForeignKey) => Ok(()),
        committed => Ok(committed?),
    }
}

/// A mail to a user.
pub(super) fn draft_to(app: &App, cx: &Context, user: &User, message: Message) -> Draft {
    let metadata = user.metadata.members();
    let own = metadata.get("locale").and_then(|value| value.as_str());
    let locale = own.and_then(Locale::parse).unwrap_or_else(|| locale(app, cx));
    let (to, name) = (user.email.clone(), Some(user.name.clone()));
    Draft { to, user: Some(user.id), name, locale, message }
}

/// A mail to an address that is nobody's yet.
pub(super) fn draft_to_stranger(app: &App, cx: &Context, to: &Email, message: Message) -> Draft {
    Draft { to: to.clone(), user: None, name: None, locale: locale(app, cx), message }
}

fn locale(app: &App, cx: &Context) -> Locale {
    cx.locale.unwrap_or(app.config.mail.locale)
}

/// The user whose the address is.
pub(super) fn user(addressee: &Addressee) -> Option<UserId> {
    match addressee {
        Addressee::User(user, _) => Some(user.id),
        Addressee::Registered(..) | Addressee::Nobody => None,
    }
}

/// A mail that lets its receiver in, and whether anybody is to get it: a user who
/// is not suspended, or somebody who registered and proves the address by it.
pub(super) fn draft_unless_suspended(
    app: &App,
    cx: &Context,
    named: &Email,
    addressee: &Addressee,
    message: Message,
) -> (Draft, Send) {
    match addressee {
        Addressee::User(user, _) => {
            let send = if user.suspended_at.is_none() { Send::Yes } else { Send::Pretend };
            (draft_to(app, cx, user, message), send)
        }
        Addressee::Registered(registration, _) => {
            (draft_to_stranger(app, cx, &registration.email, message), Send::Yes)
        }
        Addressee::Nobody => (draft_to_stranger(app, cx, named, message), Send::Pretend),
    }
}
