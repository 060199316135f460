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
use crate::domain::time::random;
use crate::domain::user::User;
use crate::error::{Error, Result};
use crate::store::{addressees, events, users};

/// Signs a user in with address and password. The answer does not tell, by its
/// words or by its time, whether the address is known: neither to whoever registered
/// with it a moment ago, and knows a password of their own.
pub async fn sign_in(
    app: &App,
    cx: &Context,
    email: &Email,
    password: Password,
    device: Option<Device>,
) -> Result<Admission> {
    // The password may be replaced while it is verified: then a second look decides.
    for _ in 0..2 {
        let tried = try_once(app, cx, email, password.clone(), device.clone()).await?;
        if let Some(admission) = tried {
            return Ok(admission);
        }
    }
    Err(Error::InvalidCredentials)
}

/// `None` if what is stored was replaced by something else meanwhile.
async fn try_once(
    app: &App,
    cx: &Context,
    email: &Email,
    password: Password,
    device: Option<Device>,
) -> Result<Option<Admission>> {
    let mut attempt = Attempt::new(app, cx, Policy::SIGN_IN, Some(Account::Email(email)));
    let now = app.now();
    let target = addressees::signing_in(email.normalized(), cx.place());
    let (was_here, holder) = match attempt.look(app, target).await? {
        Some(row) => addressees::signing_in_from_row(row)?,
        None => (false, None),
    };
    if was_here {
        attempt.at_known_place();
    }
    attempt.require_left(now)?;
    let (user, hash) = holder.map_or((None, None), |(user, hash)| (Some(user), hash));
    match (app.passwords.verify(password.clone(), hash.clone()).await?, user, hash) {
        (true, Some(user), Some(hash)) => {
            let renewed = renewed(app, &hash, password).await?;
            let proven = Proven { user, hash, renewed };
            accept(app, cx, attempt, proven, device).await
        }
        (_, user, _) => Err(refuse(app, cx, attempt, user.map(|user| user.id)).await?),
    }
}

/// Somebody who gave the right password.
struct Proven {
    user: User,
    /// The hash that it was compared with.
    hash: String,
    /// The one to store instead, where that was made elsewhere or in another way.
    renewed: Option<String>,
}

/// The password by a hash of ours, where the stored one is of another kind.
async fn renewed(app: &App, hash: &str, password: Password) -> Result<Option<String>> {
    if app.passwords.is_current(hash) {
        return Ok(None);
    }
    app.passwords.hash(password, random(&*app.rng)).await.map(Some)
}

/// Goes on with a user who gave the right password, if by now that is still the
/// password, and if meanwhile nobody guessed too often.
async fn accept(
    app: &App,
    cx: &Context,
    mut attempt: Attempt<'_>,
    proven: Proven,
    device: Option<Device>,
) -> Result<Option<Admission>> {
    let Proven { user, hash, renewed } = proven;
    let mut uses = vec![attempt.still_left(app.now()), users::require_password(user.id, &hash)];
    uses.extend(attempt.forget());
    uses.extend(renewed.map(|renewed| users::renew_password_hash(user.id, &hash, &renewed)));
    let methods = Methods::of(Method::Password);
    match authenticated(app, cx, FirstFactor { user, methods, device, uses }).await {
        Ok(admission) => {
            attempt.succeeded(app.now());
            Ok(Some(admission))
        }
        Err(Error::Unauthenticated) => {
            attempt.look_again(app).await?;
            Ok(None)
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
