//! A new password for whoever lost theirs.

use super::one_time_tokens::{self, Terms};
use super::passwords::hash_for;
use super::registrations::{Person, admit};
use super::{Context, addressees, mails};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::event::{Actor, EventKind};
use crate::domain::mail::Message;
use crate::domain::one_time_token::{OneTimeToken, StoredToken, TokenPurpose};
use crate::domain::password::Password;
use crate::domain::rate_limit::Policy;
use crate::domain::registration::Registration;
use crate::domain::role::RoleName;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::error::Result;
use crate::store::addressees::Addressee;
use crate::store::database::Statement;
use crate::store::one_time_tokens::{consume, end_all_of};
use crate::store::{challenges, events, sessions, users};

const PURPOSE: TokenPurpose = TokenPurpose::PasswordReset;
const FIELD: &str = "new_password";

/// Mails a token that sets a new password. The answer is the same for every address.
pub async fn ask(app: &App, cx: &Context, email: &Email) -> Result<()> {
    let addressee = addressees::named_by_stranger(app, cx, Policy::PASSWORD_RESET, email).await?;
    let now = app.now();
    let user = addressees::user(&addressee);
    let terms = Terms { purpose: PURPOSE, subject: email.normalized(), user, data: None };
    let issued = one_time_tokens::issue(app, now, terms);
    let message = Message::ResetPassword {
        link: one_time_tokens::link(app, "reset-password", &issued.token),
        minutes: one_time_tokens::minutes(PURPOSE),
    };
    let (draft, send) = addressees::draft_unless_suspended(app, cx, email, &addressee, message);
    let event = cx.event(app, now, Actor::Anonymous, EventKind::PasswordResetRequested, user);
    let statements = [
        issued.statement,
        mails::write(app, cx, now, draft, Some(issued.expires_at), send)?,
        events::append(&event),
    ];
    addressees::unless_gone(cx.commit(app, statements, &()).await)
}

/// Sets the password. Ends every session and every other token of the user, proves
/// the address, and gives no session: whoever has a second factor still needs it.
pub async fn confirm(
    app: &App,
    cx: &Context,
    token: &OneTimeToken,
    password: Password,
) -> Result<()> {
    let invalid = || one_time_tokens::invalid("token");
    let stored = one_time_tokens::find(app, cx, PURPOSE, token).await?.ok_or_else(invalid)?;
    let now = app.now();
    let statements = match addressees::by_address(app, &stored.subject, now).await? {
        Addressee::User(user, _) if stored.user == Some(user.id) => {
            let hash = hash_for(app, (&user.email, &user.name), FIELD, password).await?;
            set_password(app, cx, now, &stored, &user, &hash)?
        }
        Addressee::Registered(registration, _) if stored.user.is_none() => {
            let person = (&registration.email, &registration.name);
            let hash = hash_for(app, person, FIELD, password).await?;
            make_user(app, cx, now, &stored, &registration, &hash)
        }
        Addressee::User(..) | Addressee::Registered(..) | Addressee::Nobody => {
            return Err(invalid());
        }
    };
    let commit = cx.commit(app, statements, &()).await;
    commit.map_err(|error| one_time_tokens::refused(error, "token"))
}

fn set_password(
    app: &App,
    cx: &Context,
    now: Timestamp,
    stored: &StoredToken,
    user: &User,
    hash: &str,
) -> Result<Vec<Statement>> {
    let notice = mails::notice(app, cx, now, user, Message::PasswordChanged {})?;
    let event = cx.event(app, now, Actor::Anonymous, EventKind::PasswordReset, Some(user.id));
    let [mailed, asked_for] = end_all_of(user.id);
    Ok(vec![
        consume(stored, now),
        users::reset_password(user.id, &stored.subject, hash, now),
        sessions::end_all(user.id, now),
        challenges::delete_of_user(user.id),
        mailed,
        asked_for,
        notice,
        events::append(&event),
    ])
}

/// Whoever proves the address of a registration gets the account, with their own
/// password and not the one that it was registered with.
fn make_user(
    app: &App,
    cx: &Context,
    now: Timestamp,
    stored: &StoredToken,
    registration: &Registration,
    hash: &str,
) -> Vec<Statement> {
    let person = Person {
        email: &registration.email,
        name: &registration.name,
        password_hash: Some(hash),
        roles: &[RoleName::USER],
    };
    let (_, made) = admit(app, cx, now, &person);
    std::iter::once(consume(stored, now)).chain(made).collect()
}
