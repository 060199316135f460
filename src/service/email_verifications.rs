//! Proving that an address is one's own.

use super::one_time_tokens::{self, Terms};
use super::rate_limits::Attempt;
use super::registrations::{Person, admit, proof, proof_message, require_open};
use super::{Context, addressees, mails};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::event::{Actor, EventKind};
use crate::domain::id::RegistrationId;
use crate::domain::one_time_token::{OneTimeToken, StoredToken, TokenPurpose};
use crate::domain::password::Password;
use crate::domain::rate_limit::Policy;
use crate::domain::registration::Registration;
use crate::domain::role::RoleName;
use crate::error::{Error, Invalid, Result};
use crate::store::addressees::Addressee;
use crate::store::one_time_tokens::consume;
use crate::store::{events, registrations, users};

/// Of so many registrations of one address the password is looked at.
const MOST_LOOKED_AT: u32 = 5;

/// Mails a new token to whoever registered and lost the mail, or to a user whose
/// address was never proven. The answer is the same for every address.
///
/// Who asks did not say which registration is theirs: where several wait for the
/// address, the token proves the address and decides for none of them.
pub async fn ask(app: &App, cx: &Context, email: &Email) -> Result<()> {
    let addressee =
        addressees::named_by_stranger(app, cx, Policy::EMAIL_VERIFICATION, email).await?;
    let now = app.now();
    let user = addressees::user(&addressee);
    let issued = match &addressee {
        Addressee::Registered(registration, false) => proof(app, now, registration),
        Addressee::Registered(_, true) | Addressee::User(..) | Addressee::Nobody => {
            let (purpose, subject) = (TokenPurpose::EmailVerification, email.normalized());
            one_time_tokens::issue(app, now, Terms { purpose, subject, user, data: None })
        }
    };
    let message = proof_message(app, &issued.token);
    let (draft, send) = match &addressee {
        Addressee::User(user, _) if user.email_verified_at.is_none() => {
            (addressees::draft_to(app, cx, user, message), mails::Send::Yes)
        }
        Addressee::User(user, _) => {
            (addressees::draft_to(app, cx, user, message), mails::Send::Pretend)
        }
        Addressee::Registered(registration, _) => {
            let draft = addressees::draft_to_stranger(app, cx, &registration.email, message);
            (draft, mails::Send::Yes)
        }
        Addressee::Nobody => {
            (addressees::draft_to_stranger(app, cx, email, message), mails::Send::Pretend)
        }
    };
    let kind = EventKind::EmailVerificationRequested;
    let event = cx.event(app, now, Actor::Anonymous, kind, user);
    let statements = [
        issued.statement,
        mails::write(app, cx, now, draft, Some(issued.expires_at), send)?,
        events::append(&event),
    ];
    addressees::unless_gone(cx.commit(app, statements, &()).await)
}

/// Takes the proof: makes a user of whoever registered, or marks the address of a
/// user as proven. Once. A password that is shown besides must be the one of the
/// registration: the owner of an address who opens the mail that a stranger caused
/// makes no account for them. A token that belongs to no registration makes a user
/// without a password, or with the one that is shown, if one registered with it.
pub async fn confirm(
    app: &App,
    cx: &Context,
    token: &OneTimeToken,
    password: Option<Password>,
) -> Result<()> {
    let invalid = || one_time_tokens::invalid("token");
    let purposes = [TokenPurpose::Registration, TokenPurpose::EmailVerification];
    let found = one_time_tokens::find_any(app, cx, &purposes, token).await?;
    let stored = found.ok_or_else(invalid)?;
    let Some(id) = stored.user else {
        return confirm_registration(app, cx, &stored, password).await;
    };
    let now = app.now();
    let event = cx.event(app, now, Actor::Anonymous, EventKind::EmailVerified, Some(id));
    let statements = [
        consume(&stored, now),
        users::verify_email(id, &stored.subject, now),
        events::append(&event),
    ];
    let commit = cx.commit(app, statements, &());
    commit.await.map_err(|error| one_time_tokens::refused(error, "token"))
}

async fn confirm_registration(
    app: &App,
    cx: &Context,
    stored: &StoredToken,
    password: Option<Password>,
) -> Result<()> {
    require_open(app)?;
    let waiting = waiting(app, stored).await?;
    let last = waiting.first().ok_or_else(|| one_time_tokens::invalid("token"))?;
    let decided = stored.purpose == TokenPurpose::Registration;
    let (registration, password_hash) = match password {
        Some(password) => {
            let own = own(app, cx, &waiting, &password).await?;
            (own, Some(&*own.password_hash))
        }
        None => (last, decided.then_some(&*last.password_hash)),
    };
    let person = Person {
        email: &registration.email,
        name: &registration.name,
        password_hash,
        roles: &[RoleName::USER],
    };
    let now = app.now();
    let (_, made) = admit(app, cx, now, &person);
    let commit = cx.commit(app, std::iter::once(consume(stored, now)).chain(made), &());
    commit.await.map_err(|error| one_time_tokens::refused(error, "token"))
}

/// The registrations that a token may make a user of: its own, or the last of its
/// address.
async fn waiting(app: &App, stored: &StoredToken) -> Result<Vec<Registration>> {
    let (now, subject) = (app.now(), &stored.subject);
    let statement = match stored.purpose {
        TokenPurpose::Registration => match RegistrationId::parse(subject) {
            Ok(id) => registrations::by_id(id, now),
            Err(_) => return Ok(Vec::new()),
        },
        _ => registrations::of_address(subject, MOST_LOOKED_AT, now),
    };
    let rows = app.store.query(statement).await?.into_iter();
    Ok(rows.map(registrations::from_row).collect::<Result<_, _>>()?)
}

/// The registration, of those that wait, whose password this is.
async fn own<'a>(
    app: &App,
    cx: &Context,
    waiting: &'a [Registration],
    password: &Password,
) -> Result<&'a Registration> {
    let mut attempt = Attempt::new(app, cx, Policy::MAILED_TOKEN, None);
    for registration in waiting {
        let hash = Some(registration.password_hash.clone());
        if app.passwords.verify(password.clone(), hash).await? {
            attempt.look_again(app).await?;
            return Ok(registration);
        }
    }
    attempt.spend(app).await?;
    let message = "is not the password of this registration";
    Err(Error::invalid("password", Invalid::new("wrong_password", message)))
}
