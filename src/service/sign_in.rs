//! Signing in with address and password.

use super::Context;
use super::rate_limits::{Account, Attempt, Failed};
use super::sessions::{Admission, FirstFactor, authenticated};
use crate::app::App;
use crate::domain::authentication::{Method, Methods};
use crate::domain::email::Email;
use crate::domain::event::{Actor, EventKind};
use crate::domain::id::UserId;
use crate::domain::password::Password;
use crate::domain::rate_limit::Policy;
use crate::domain::session::Device;
use crate::domain::user::User;
use crate::error::{Error, Result};
use crate::store::addressees::{self, Addressee};
use crate::store::{events, users};

/// Signs a user in with address and password. The answer does not tell, by its
/// words or by its time, whether the address is known.
pub async fn sign_in(
    app: &App,
    cx: &Context,
    email: &Email,
    password: Password,
    device: Option<Device>,
) -> Result<Admission> {
    let mut attempt = Attempt::new(app, cx, Policy::SIGN_IN, Some(Account::Email(email)));
    let now = app.now();
    let target = addressees::signing_in(email.normalized(), cx.place(), now);
    let (was_here, addressee) = match attempt.look(app, target).await? {
        Some(row) => addressees::signing_in_from_row(row)?,
        None => (false, Addressee::Nobody),
    };
    if was_here {
        attempt.at_known_place();
    }
    attempt.require_left(now)?;
    let (hash, user) = match addressee {
        Addressee::User(user, hash) => (hash, Some(*user)),
        Addressee::Registered(registration) => (Some(registration.password_hash), None),
        Addressee::Nobody => (None, None),
    };
    match (app.passwords.verify(password, hash.clone()).await?, user, hash) {
        (true, Some(user), Some(hash)) => accept(app, cx, attempt, user, &hash, device).await,
        // Only who knows the password learns that somebody registered.
        (true, None, _) => {
            attempt.look_again(app).await?;
            Err(email_unverified())
        }
        (_, user, _) => Err(refuse(app, cx, attempt, user.map(|user| user.id)).await?),
    }
}

/// Goes on with a user who gave the right password, if by now that is still the
/// password, and if meanwhile nobody guessed too often.
async fn accept(
    app: &App,
    cx: &Context,
    mut attempt: Attempt<'_>,
    user: User,
    hash: &str,
    device: Option<Device>,
) -> Result<Admission> {
    let mut uses = vec![attempt.still_left(app.now()), users::require_password(user.id, hash)];
    uses.extend(attempt.forget());
    let methods = Methods::of(Method::Password);
    match authenticated(app, cx, FirstFactor { user, methods, device, uses }).await {
        Ok(admission) => {
            attempt.succeeded(app.now());
            Ok(admission)
        }
        Err(Error::Unauthenticated) => {
            attempt.look_again(app).await?;
            Err(Error::InvalidCredentials)
        }
        Err(error) => Err(error),
    }
}

/// Counts a wrong password.
async fn refuse(
    app: &App,
    cx: &Context,
    attempt: Attempt<'_>,
    user: Option<UserId>,
) -> Result<Error> {
    if attempt.spend(app).await? == Failed::AccountExhausted {
        let kind = EventKind::SignInAttemptsExhausted;
        let event = cx.event(app, app.now(), Actor::Anonymous, kind, user);
        app.store.commit([events::append(&event)]).await?;
    }
    Ok(Error::InvalidCredentials)
}

fn email_unverified() -> Error {
    let detail = "Prove the address first: open the link in the mail that you got.";
    Error::refused("email_unverified", detail)
}
