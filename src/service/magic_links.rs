//! Signing in by a mailed link.
//!
//! The link alone opens nothing: it works together with a secret that stayed with
//! whoever asked for it, so that nobody signs in with a link that they made
//! somebody else open, or found.

use crate::domain::encoding::HEX;

use super::one_time_tokens::{self, Terms};
use super::sessions::Admission;
use super::{Context, addressees, email_sign_in, mails};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::event::{Actor, EventKind};
use crate::domain::mail::Message;
use crate::domain::one_time_token::{OneTimeToken, TokenPurpose};
use crate::domain::rate_limit::Policy;
use crate::domain::secret::equal;
use crate::domain::session::Device;
use crate::error::Result;
use crate::store::events;

const PURPOSE: TokenPurpose = TokenPurpose::MagicLink;

/// Mails a link, and returns the secret of the request. Both are the same in kind
/// for every address.
pub async fn ask(app: &App, cx: &Context, email: &Email) -> Result<OneTimeToken> {
    let addressee = addressees::named_by_stranger(app, cx, Policy::EMAIL_SIGN_IN, email).await?;
    let now = app.now();
    let request = OneTimeToken::new(&*app.rng);
    let user = addressees::user(&addressee);
    let data = Some(HEX.encode(&request.hash()));
    let terms = Terms { purpose: PURPOSE, subject: email.normalized(), user, data };
    let issued = one_time_tokens::issue(app, now, terms);
    let message = Message::MagicLink {
        link: one_time_tokens::link(app, "sign-in", &issued.token),
        minutes: one_time_tokens::minutes(PURPOSE),
    };
    let (draft, send) = addressees::draft_unless_suspended(app, cx, email, &addressee, message);
    let event = cx.event(app, now, Actor::Anonymous, EventKind::MagicLinkRequested, user);
    let statements = [
        issued.statement,
        mails::write(app, cx, now, draft, Some(issued.expires_at), send)?,
        events::append(&event),
    ];
    cx.commit(app, statements, &request).await?;
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
