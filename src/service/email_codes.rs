//! Signing in by a mailed code: eight digits, which only whoever asked can use,
//! and only a few times wrongly.

use crate::domain::encoding::HEX;

use super::email_sign_in::{self, Asked};
use super::rate_limits::Attempt;
use super::sessions::Admission;
use super::{Context, one_time_tokens};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::event::EventKind;
use crate::domain::mail::Message;
use crate::domain::one_time_token::{EmailCode, OneTimeToken, TokenPurpose};
use crate::domain::rate_limit::Policy;
use crate::domain::secret::equal;
use crate::domain::session::Device;
use crate::error::{Error, Invalid, Result};
use crate::store::one_time_tokens as tokens;

const PURPOSE: TokenPurpose = TokenPurpose::EmailCode;

/// Mails a code, and returns the secret of the request.
pub async fn ask(app: &App, cx: &Context, email: &Email) -> Result<OneTimeToken> {
    let (code, request) = (EmailCode::new(&*app.rng), OneTimeToken::new(&*app.rng));
    let minutes = one_time_tokens::minutes(PURPOSE);
    let asked = Asked {
        purpose: PURPOSE,
        hash: request.hash(),
        bound_to: code.authenticate(&app.config.secret_key, &request),
        message: Message::EmailCode { code: code.reveal(), minutes },
        event: EventKind::EmailCodeRequested,
        request: &request,
    };
    email_sign_in::ask(app, cx, email, asked).await?;
    Ok(request)
}

/// Signs in with the request's secret and the code. Once, and with a handful of
/// tries: each is counted before the code is looked at.
pub async fn confirm(
    app: &App,
    cx: &Context,
    request: &OneTimeToken,
    code: &EmailCode,
    device: Option<Device>,
) -> Result<Admission> {
    let mut attempt = Attempt::new(app, cx, Policy::EMAIL_CODE, None);
    attempt.look_again(app).await?;
    let row = app.store.query(tokens::count_try(&request.hash(), app.now())).await?;
    let stored = row.into_iter().next().map(|row| tokens::from_row(PURPOSE, row)).transpose()?;
    let expected = HEX.encode(&code.authenticate(&app.config.secret_key, request));
    let stored = stored.filter(|stored| {
        stored.data.as_ref().is_some_and(|data| equal(data.as_bytes(), expected.as_bytes()))
    });
    let Some(stored) = stored else {
        attempt.spend(app).await?;
        return Err(wrong_code());
    };
    email_sign_in::finish(app, cx, &stored, device, "code").await
}

fn wrong_code() -> Error {
    let message = "is not the code, was used, has expired, or was tried too often";
    Error::invalid("code", Invalid::new("invalid_code", message))
}
