//! Adding, changing and removing second factors.

use super::access::{self, FRESH, SignedInUser};
use super::second_factor::{self, MOST_ATTEMPTS, Question};
use super::{Context, mails, users};
use crate::app::App;
use crate::domain::authentication::Method;
use crate::domain::event::{Actor, EventKind};
use crate::domain::factor::{
    Code, Factors, RECOVERY_CODES, RecoveryCode, TotpCode, TotpFactor, TotpSecret,
};
use crate::domain::id::UserId;
use crate::domain::mail::Message;
use crate::domain::role::Permission;
use crate::domain::secret::Purpose;
use crate::error::{Error, Result};
use crate::store::database::{DatabaseError, Statement};
use crate::store::{challenges, events, factors, sessions, users as rows};

/// A new authenticator app, told once.
pub struct Enrollment {
    /// What a person types.
    pub secret: String,
    /// What an app reads from a picture.
    pub uri: String,
}

/// The caller's own factors.
pub async fn list(app: &App, cx: &Context) -> Result<Factors> {
    Ok(own(app, cx).await?.1)
}

/// Adds an authenticator app, which is asked for once it was confirmed. Needs a
/// fresh session: a stolen one must not lock its owner out.
pub async fn enroll(app: &App, cx: &Context) -> Result<Enrollment> {
    let caller = access::signed_in(app, cx).await?;
    caller.require_fresh(app, FRESH)?;
    let (user, now) = (&caller.user, app.now());
    let secret = TotpSecret::new(&*app.rng);
    let uri = secret.uri(app.config.mail.app_name.as_str(), &user.email);
    let uri = uri.ok_or_else(|| Error::internal("the otpauth URI cannot be written"))?;
    let key = &app.config.secret_key;
    let sealed = key.seal(Purpose::TotpSecrets, user.id.bytes(), secret.bytes(), &*app.rng);
    let event = cx.event(app, now, caller.actor(), EventKind::FactorEnrolled, Some(user.id));
    let statements = [factors::enroll(user.id, &sealed, now), events::append(&event)];
    let enrollment = Enrollment { secret: secret.base32(), uri };
    let commit = cx.commit(app, statements, &enrollment).await;
    commit.map_err(|error| error.on_guard(already_active()))?;
    Ok(enrollment)
}

/// Confirms the authenticator app with a code of it. The session has now shown
/// two factors; the others have not, and end. Returns recovery codes, told once.
pub async fn confirm(app: &App, cx: &Context, code: &TotpCode) -> Result<Vec<String>> {
    let (caller, factors) = own(app, cx).await?;
    let totp = factors.totp.ok_or(Error::NotFound("factor"))?;
    if totp.confirmed_at.is_some() {
        return Err(already_active());
    }
    let (user, question) = (caller.user.id, question(app, cx, &caller));
    question.count(&totp, MOST_ATTEMPTS, None).await?;
    let secret = second_factor::open(app, user, &totp.sealed)?;
    let Some(step) = secret.step_of(code, question.now) else {
        return Err(question.refuse().await?);
    };
    let (codes, replace) = new_recovery_codes(app, user);
    let mut statements = vec![
        // Whoever signs in at this moment has a session that ends here, or is asked.
        rows::meet(user),
        factors::confirm(user, &totp.sealed, step, question.now),
        sessions::end_others(user, caller.session, question.now),
        sessions::set_methods(
            caller.session,
            caller.user.id,
            &caller.methods.clone().and(Method::Totp),
        ),
        question.event(EventKind::FactorConfirmed),
    ];
    statements.extend(replace);
    statements.push(question.notice(Message::SecondFactorAdded {})?);
    let commit = cx.commit(app, statements, &codes).await;
    commit.map_err(|error| error.on_guard(already_active()))?;
    Ok(codes)
}

/// Gives new recovery codes instead of those that are left, for a code.
pub async fn replace_recovery_codes(app: &App, cx: &Context, code: &Code) -> Result<Vec<String>> {
    let (caller, totp) = active(app, cx).await?;
    let question = question(app, cx, &caller);
    let uses = question.check(&totp, code, None).await?;
    let (codes, replace) = new_recovery_codes(app, caller.user.id);
    let event = question.event(EventKind::RecoveryCodesReplaced);
    question.commit(uses, replace.into_iter().chain([event]), &codes).await?;
    Ok(codes)
}

/// Removes the authenticator app and the recovery codes, for a code.
pub async fn remove(app: &App, cx: &Context, code: &Code) -> Result<()> {
    let (caller, totp) = active(app, cx).await?;
    let question = question(app, cx, &caller);
    let uses = question.check(&totp, code, None).await?;
    let event = question.event(EventKind::FactorRemoved);
    let notice = question.notice(Message::SecondFactorRemoved {})?;
    let rest = removal(caller.user.id).into_iter().chain([event, notice]);
    question.commit(uses, rest, &()).await
}

/// Removes the factors of somebody who has lost them, and ends their sessions. Where
/// there are none, nothing happens.
pub async fn reset(app: &App, cx: &Context, id: UserId) -> Result<()> {
    let (caller, user) = users::find(app, cx, id).await?;
    caller.require(&Permission::USERS_WRITE)?;
    let user = user.ok_or(Error::NotFound("user"))?.user;
    caller.require_over(&user)?;
    if caller.actor() == Actor::User(id) {
        // Else a stolen session would do without the factor.
        let reason = "Your own second factor is removed with a code of it.";
        return Err(Error::Forbidden(reason.to_owned()));
    }
    let now = app.now();
    let event = cx.event(app, now, caller.actor(), EventKind::FactorsReset, Some(id));
    let notice = mails::notice(app, cx, now, &user, Message::SecondFactorRemoved {})?;
    let end = [sessions::end_all(id, now), events::append(&event), notice];
    let statements = [rows::meet(id)].into_iter().chain(removal(id)).chain(end);
    match app.store.commit(statements).await {
        Err(DatabaseError::Guard { .. }) => Ok(()),
        result => Ok(result?),
    }
}

fn question<'a>(app: &'a App, cx: &'a Context, caller: &'a SignedInUser) -> Question<'a> {
    Question { app, cx, actor: caller.actor(), user: &caller.user, now: app.now() }
}

async fn own(app: &App, cx: &Context) -> Result<(SignedInUser, Factors)> {
    let (caller, rows) = access::signed_in_with(app, cx, factors::of_user, "").await?;
    let row = rows.into_iter().next().ok_or(Error::Unauthenticated)?;
    Ok((caller, factors::from_row(row)?))
}

/// The caller, and the app whose codes are asked for.
async fn active(app: &App, cx: &Context) -> Result<(SignedInUser, TotpFactor)> {
    let (caller, factors) = own(app, cx).await?;
    let totp = factors.totp.filter(|totp| totp.confirmed_at.is_some());
    Ok((caller, totp.ok_or(Error::NotFound("factor"))?))
}

fn new_recovery_codes(app: &App, user: UserId) -> (Vec<String>, [Statement; 2]) {
    let codes: Vec<_> = (0..RECOVERY_CODES).map(|_| RecoveryCode::new(&*app.rng)).collect();
    let key = &app.config.secret_key;
    let hashes: Vec<_> = codes.iter().map(|code| code.hash(key, user)).collect();
    let replace =
        [factors::delete_recovery_codes(user), factors::insert_recovery_codes(user, &hashes)];
    (codes.iter().map(ToString::to_string).collect(), replace)
}

fn removal(user: UserId) -> [Statement; 3] {
    [
        factors::delete_totp(user),
        factors::delete_recovery_codes(user),
        challenges::delete_of_user(user),
    ]
}

fn already_active() -> Error {
    let detail = "There is an authenticator app. Remove it before you add another one.";
    Error::conflict("factor_active", detail)
}
