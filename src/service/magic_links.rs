//! Signing in by a mailed link.
//!
//! The link alone opens nothing: it works together with a secret that stayed with
//! whoever asked for it, so that nobody signs in with a link that they made
//! somebody else open, or found.

use crate::domain::encoding::HEX;

use super::email_sign_in::{self, Asked};
use super::sessions::Admission;
use super::{Context, one_time_tokens};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::event::EventKind;
use crate::domain::mail::Message;
use crate::domain::one_time_token::{OneTimeToken, TokenPurpose};
use crate::domain::secret::equal;
use crate::domain::session::Device;
use crate::error::Result;

const PURPOSE: TokenPurpose = TokenPurpose::MagicLink;

/// Mails a link, and returns the secret of the request.
pub async fn ask(app: &App, cx: &Context, email: &Email) -> Result<OneTimeToken> {
    let (token, request) = (OneTimeToken::new(&*app.rng), OneTimeToken::new(&*app.rng));
    let message = Message::MagicLink {
        link: one_time_tokens::link(app, "sign-in", &token),
        minutes: one_time_tokens::minutes(PURPOSE),
    };
    let asked = Asked {
        purpose: PURPOSE,
        hash: token.hash(),
        bound_to: request.hash(),
        message,
        event: EventKind::MagicLinkRequested,
        request: &request,
    };
    email_sign_in::ask(app, cx, email, asked).await?;
    Ok(request)
}

/// Signs in with the link's token and the request's secret. Once.
pub async fn confirm(
    app: &App,
    cx: &Context,
    token: &OneTimeToken,
    request: &OneTimeToken,
    device: Option<Device>,
) -> Result<Admission> {
    let stored = one_time_tokens::find(app, cx, PURPOSE, token).await?;
    let bound_to = HEX.encode(&request.hash());
    let stored = stored.filter(|stored| {
        stored.data.as_ref().is_some_and(|data| equal(data.as_bytes(), bound_to.as_bytes()))
    });
    let stored = stored.ok_or_else(|| one_time_tokens::invalid("token"))?;
    email_sign_in::finish(app, cx, &stored, device, "token").await
}
