//! Signing in by mail: what links and codes have in common.

use super::mails;
use super::one_time_tokens::{self, Terms};
use super::registrations::{Person, admit};
use super::sessions::{self, Admission, FirstFactor};
use super::{Context, addressees};
use crate::app::App;
use crate::domain::authentication::{Method, Methods};
use crate::domain::email::Email;
use crate::domain::encoding::HEX;
use crate::domain::event::{Actor, EventKind};
use crate::domain::mail::Message;
use crate::domain::one_time_token::{OneTimeToken, StoredToken, TokenPurpose};
use crate::domain::rate_limit::Policy;
use crate::domain::role::RoleName;
use crate::domain::session::Device;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::error::{Error, Result};
use crate::store::addressees::Addressee;
use crate::store::database::Statement;
use crate::store::one_time_tokens::consume;
use crate::store::{events, users};

/// A request for something to sign in with.
pub(super) struct Asked<'a> {
    /// What for.
    pub(super) purpose: TokenPurpose,
    /// The hash of the token.
    pub(super) hash: [u8; 32],
    /// What the token is bound to.
    pub(super) bound_to: [u8; 32],
    /// What is mailed.
    pub(super) message: Message,
    /// What has happened then.
    pub(super) event: EventKind,
    /// The secret of the request, which stays with whoever asked.
    pub(super) request: &'a OneTimeToken,
}

/// Mails somebody what to sign in with. All is the same in kind for every address.
pub(super) async fn ask(app: &App, cx: &Context, email: &Email, asked: Asked<'_>) -> Result<()> {
    let addressee = addressees::named_by_stranger(app, cx, Policy::EMAIL_SIGN_IN, email).await?;
    let (now, user) = (app.now(), addressees::user(&addressee));
    let data = Some(HEX.encode(&asked.bound_to));
    let terms = Terms { purpose: asked.purpose, subject: email.normalized(), user, data };
    let (token, expires_at) = one_time_tokens::write(asked.hash, now, terms);
    let (draft, send) =
        addressees::draft_unless_suspended(app, cx, email, &addressee, asked.message);
    let event = cx.event(app, now, Actor::Anonymous, asked.event, user);
    let statements =
        [token, mails::write(app, cx, now, draft, Some(expires_at), send)?, events::append(&event)];
    addressees::unless_gone(cx.commit(app, statements, asked.request).await)
}

/// Signs in whoever showed what was mailed to an address, and uses it up. That
/// proves the address, too: somebody who only registered becomes a user, without
/// the password that was given with the registration.
pub(super) async fn finish(
    app: &App,
    cx: &Context,
    stored: &StoredToken,
    device: Option<Device>,
    field: &'static str,
) -> Result<Admission> {
    let now = app.now();
    let mut proof = vec![consume(stored, now)];
    let user = match addressees::by_address(app, &stored.subject, now).await? {
        Addressee::User(user, _) if stored.user == Some(user.id) => {
            if user.suspended_at.is_some() {
                return Err(Error::Forbidden("This account is suspended.".to_owned()));
            }
            let (user, proven) = prove(app, cx, now, *user, stored);
            proof.extend(proven);
            user
        }
        Addressee::Registered(registration, _) => {
            let person = Person {
                email: &registration.email,
                name: &registration.name,
                password_hash: None,
                roles: &[RoleName::USER],
            };
            let (user, made) = admit(app, cx, now, &person);
            proof.extend(made);
            user
        }
        Addressee::User(..) | Addressee::Nobody => return Err(one_time_tokens::invalid(field)),
    };
    let methods = Methods::of(Method::Email);
    let shown = FirstFactor { user, methods, device, uses: proof };
    let admission = sessions::authenticated(app, cx, shown).await;
    admission.map_err(|error| match error {
        // Somebody else was faster: to this one, it was used.
        Error::Unauthenticated => one_time_tokens::invalid(field),
        other => other,
    })
}

/// The user with a proven address, and how it becomes so.
fn prove(
    app: &App,
    cx: &Context,
    now: Timestamp,
    user: User,
    stored: &StoredToken,
) -> (User, Vec<Statement>) {
    if user.email_verified_at.is_some() {
        return (user, Vec::new());
    }
    let event = cx.event(app, now, Actor::Anonymous, EventKind::EmailVerified, Some(user.id));
    let proven = vec![users::verify_email(user.id, &stored.subject, now), events::append(&event)];
    let user = User {
        email_verified_at: Some(now),
        updated_at: now,
        version: user.version.saturating_add(1),
        ..user
    };
    (user, proven)
}
