//! Another address for one's own account: proven by the new one, told to the old.

use super::access::SignedInUser;
use super::one_time_tokens::{self, Terms};
use super::rate_limits::{self, Account};
use super::{Context, access, addressees, mails, passwords};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::event::{Actor, EventKind};
use crate::domain::mail::{Draft, Message};
use crate::domain::one_time_token::{OneTimeToken, TokenPurpose};
use crate::domain::password::Password;
use crate::domain::rate_limit::Policy;
use crate::error::{Error, Invalid, Result};
use crate::store::database::{DatabaseError, Statement};
use crate::store::one_time_tokens::{consume, end_all_of};
use crate::store::{events, registrations, sessions, users};

const PURPOSE: TokenPurpose = TokenPurpose::EmailChange;

/// Mails a token to the new address, and a warning to the old one, for who shows the password
/// of the account, or has signed in just now where there is none. Whether the new one is
/// somebody else's is not told: that shows when its owner confirms.
pub async fn ask(app: &App, cx: &Context, new: &Email, password: Option<Password>) -> Result<()> {
    let caller = access::signed_in(app, cx).await?;
    let user = &caller.user;
    let (still, no_longer) = match password {
        Some(password) => owner_by_password(app, cx, &caller, password).await?,
        None => owner_without_password(app, &caller).await?,
    };
    if new.normalized() == user.email.normalized() {
        let reason = Invalid::new("unchanged", "is your address already");
        return Err(Error::invalid("new_email", reason));
    }
    let account = Account::Actor(caller.actor());
    rate_limits::spend(app, cx, Policy::EMAIL_CHANGE, Some(account)).await?;
    let now = app.now();
    let subject = user.id.to_string();
    // With the session that asks: it ends with that one.
    let data = Some(format!("{} {new}", caller.session));
    let terms = Terms { purpose: PURPOSE, subject: &subject, user: Some(user.id), data };
    let issued = one_time_tokens::issue(app, now, terms);
    let link = one_time_tokens::link(app, "confirm-email-change", &issued.token);
    let minutes = one_time_tokens::minutes(PURPOSE);
    let ask = Message::ConfirmNewEmail { link, minutes };
    let ask = addressees::draft_to_stranger(app, cx, new, ask);
    let ask = Draft { user: Some(user.id), ..ask };
    let warning = Message::EmailChangeRequested { new_email: new.to_string() };
    let warning = addressees::draft_to(app, cx, user, warning);
    let event = cx.event(app, now, caller.actor(), EventKind::EmailChangeRequested, Some(user.id));
    let statements = [
        still,
        // Behind what holds the user: whoever ends this session comes before both, or after.
        caller.still(),
        issued.statement,
        mails::write(app, cx, now, ask, Some(issued.expires_at), mails::Send::Yes)?,
        mails::write(app, cx, now, warning, None, mails::Send::Yes)?,
        events::append(&event),
    ];
    match cx.commit(app, statements, &()).await {
        Err(DatabaseError::Guard { statement: 1 }) => Err(super::busy()),
        commit => commit.map_err(|error| error.on_guard(no_longer)),
    }
}

/// What undoes the commit once the password that was shown is another one, and what that
/// means.
async fn owner_by_password(
    app: &App,
    cx: &Context,
    caller: &SignedInUser,
    password: Password,
) -> Result<(Statement, Error)> {
    let shown = passwords::require_own(app, cx, caller, password).await?;
    let hash = shown.password_hash.ok_or_else(passwords::wrong_password)?;
    if shown.totp.is_some_and(|totp| totp.confirmed_at.is_some()) {
        // The password alone is not all that signing in takes.
        caller.require_fresh(app, access::FRESH)?;
    }
    Ok((users::require_password(caller.user.id, &hash), passwords::wrong_password()))
}

/// The same where there is none to be shown.
async fn owner_without_password(app: &App, caller: &SignedInUser) -> Result<(Statement, Error)> {
    let row = app.store.query(sessions::with_credentials(caller.session)).await?.into_iter().next();
    let stored = sessions::credentials_from_row(row.ok_or(Error::Unauthenticated)?)?;
    let required = Invalid::new("required", "is required: this account has a password");
    let required = Error::invalid("current_password", required);
    if stored.password_hash.is_some() {
        return Err(required);
    }
    caller.require_fresh(app, access::FRESH)?;
    Ok((users::require_no_password(caller.user.id), required))
}

/// Takes the proof of the new address. Sessions go on; every other token of the
/// user ends, since it was mailed to the old address.
pub async fn confirm(app: &App, cx: &Context, token: &OneTimeToken) -> Result<()> {
    let invalid = || one_time_tokens::invalid("token");
    let stored = one_time_tokens::find(app, cx, PURPOSE, token).await?.ok_or_else(invalid)?;
    let id = stored.user.ok_or_else(invalid)?;
    let new = stored.data.as_deref().map(|data| data.rsplit(' ').next().unwrap_or(data));
    let new = new.and_then(|new| Email::parse(new).ok());
    let new = new.ok_or_else(invalid)?;
    let row = app.store.query(users::by_id(id)).await?.into_iter().next();
    let user = users::entry_from_row(row.ok_or_else(invalid)?)?.user;
    let now = app.now();
    let notice = Message::EmailChanged { new_email: new.to_string() };
    let notice = addressees::draft_to(app, cx, &user, notice);
    let event = cx.event(app, now, Actor::Anonymous, EventKind::EmailChanged, Some(id));
    let [mailed, asked_for] = end_all_of(id);
    let statements = [
        consume(&stored, now),
        users::change_email(id, &new, now),
        mailed,
        asked_for,
        registrations::delete_of(&new),
        mails::write(app, cx, now, notice, None, mails::Send::Yes)?,
        events::append(&event),
    ];
    let commit = cx.commit(app, statements, &());
    commit.await.map_err(|error| one_time_tokens::refused(error, "token"))
}
