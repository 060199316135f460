//! Proving again who one is, for what a stolen session must not do.

use super::second_factor::Question;
use super::sessions::{SignedIn, next_generation, sign, signed_in};
use super::{Context, MAX_TRIES, access, passwords};
use crate::app::App;
use crate::domain::authentication::{Method, Methods};
use crate::domain::event::EventKind;
use crate::domain::factor::Code;
use crate::domain::id::SessionId;
use crate::domain::password::Password;
use crate::domain::secret::sha256;
use crate::domain::session::Session;
use crate::error::{Error, Invalid, Result};
use crate::store::sessions;

/// Makes the session fresh for who shows again all that signing in takes, and
/// gives it new tokens. Users without a password sign in anew instead.
pub async fn reauthenticate(
    app: &App,
    cx: &Context,
    password: Password,
    code: Option<Code>,
) -> Result<SignedIn> {
    let caller = access::signed_in(app, cx).await?;
    let mut attempt = passwords::attempt(app, cx, &caller);
    let row = attempt.look(app, sessions::with_credentials(caller.session)).await?;
    attempt.require_left(app.now())?;
    let stored = sessions::credentials_from_row(row.ok_or(Error::Unauthenticated)?)?;
    let hash = stored.password_hash.ok_or_else(no_password)?;
    if !passwords::matches(app, attempt, password, Some(hash)).await? {
        return Err(Error::InvalidCredentials);
    }

    let now = app.now();
    let question = Question { app, cx, actor: caller.actor(), user: &caller.user, now };
    let (methods, uses) = match stored.totp.filter(|totp| totp.confirmed_at.is_some()) {
        None => (Methods::of(Method::Password), Vec::new()),
        Some(totp) => {
            let code = code.ok_or_else(code_required)?;
            let uses = question.check(&totp, &code, None).await?;
            (Methods::of(Method::Password).and(code.method()), uses)
        }
    };
    let mut session = stored.session;
    for _ in 0..MAX_TRIES {
        let generation = session.generation;
        let renewed = Session { methods: methods.clone(), authenticated_at: now, ..session };
        let renewed = next_generation(app, renewed, now)?;
        let access_token = sign(app, cx, &renewed, &caller.user, now).await?;
        let hash = sha256(access_token.as_bytes());
        let update = sessions::reauthenticate(&renewed, generation, &hash);
        let event = question.event(EventKind::SessionReauthenticated);
        let signed_in = signed_in(app, access_token, renewed, caller.user.clone(), now);
        match question.commit(uses.clone(), [update, event], &signed_in).await {
            Ok(()) => return Ok(signed_in),
            // A refresh came first, which takes nothing from the proof; or the end.
            Err(Error::Unauthenticated) => session = goes_on(app, caller.session).await?,
            Err(error) => return Err(error),
        }
    }
    Err(super::busy())
}

/// The session as it is by now, if it goes on.
async fn goes_on(app: &App, id: SessionId) -> Result<Session> {
    let row = app.store.query(sessions::by_id(id, app.now())).await?.into_iter().next();
    Ok(sessions::with_user_from_row(row.ok_or(Error::Unauthenticated)?)?.0)
}

fn no_password() -> Error {
    let detail = "This account has no password. Sign in again instead.";
    Error::conflict("no_password", detail)
}

fn code_required() -> Error {
    Error::invalid("code", Invalid::new("required", "is required: there is a second factor"))
}
