//! Signing in, staying signed in, signing out.

use super::{Context, access, addressees, one_time_tokens};
use crate::app::App;
use crate::domain::access_token::Claims;
use crate::domain::email::Email;
use crate::domain::event::{Actor, EventKind};
use crate::domain::id::{SessionId, new_uuid};
use crate::domain::password::Password;
use crate::domain::role::RoleName;
use crate::domain::secret::sha256;
use crate::domain::session::{Device, Refresh, Session};
use crate::domain::time::{Timestamp, random};
use crate::domain::token::RefreshToken;
use crate::domain::user::User;
use crate::error::{Error, Result};
use crate::store::addressees::Addressee;
use crate::store::database::{DatabaseError, Statement};
use crate::store::{events, sessions};

/// What a client gets that signed in or refreshed.
#[derive(Debug)]
pub struct SignedIn {
    /// The JWT.
    pub access_token: String,
    /// How long it is good.
    pub expires_in: std::time::Duration,
    /// What the next one is got with.
    pub refresh_token: String,
    /// The session.
    pub session: Session,
    /// Who is signed in.
    pub user: User,
}

/// Signs a user in with address and password. The answer does not tell, by its
/// words or by its time, whether the address is known.
pub async fn sign_in(
    app: &App,
    cx: &Context,
    email: &Email,
    password: Password,
    device: Option<Device>,
) -> Result<SignedIn> {
    let addressee = addressees::by_address(app, email.normalized(), app.now()).await?;
    let (hash, user) = match addressee {
        Addressee::User(user, hash) => (hash, Some(*user)),
        Addressee::Registered(registration) => (Some(registration.password_hash), None),
        Addressee::Nobody => (None, None),
    };
    let matches = app.passwords.verify(password, hash).await?;
    let user = match user {
        _ if !matches => return Err(Error::InvalidCredentials),
        Some(user) => user,
        // Only who knows the password learns that somebody registered.
        None => return Err(email_unverified()),
    };
    if user.suspended_at.is_some() {
        return Err(Error::Forbidden("This account is suspended.".to_owned()));
    }
    begin(app, cx, user, device, Vec::new()).await
}

/// Continues a session: gives out its next access token and refresh token.
pub async fn refresh(app: &App, cx: &Context, token: &str) -> Result<SignedIn> {
    let token = RefreshToken::parse(token).ok_or(Error::Unauthenticated)?;
    // Another refresh may come between the look and the change; then a second
    // look finds this one to be a repetition.
    for _ in 0..2 {
        let now = app.now();
        let row = app.store.query(sessions::by_id(token.session, now)).await?.into_iter().next();
        let (session, user) = sessions::with_user_from_row(row.ok_or(Error::Unauthenticated)?)?;
        let key = &app.config.secret_key;
        if !token.is_genuine(key, &session.seed) || user.suspended_at.is_some() {
            return Err(Error::Unauthenticated);
        }
        match session.judge(token.generation, now, app.config.refresh_grace) {
            Refresh::Rotate => {
                if let Some(signed_in) = rotate(app, session, user, now).await? {
                    return Ok(signed_in);
                }
            }
            Refresh::Repeat => {
                let access_token = sign(app, &session, &user, now).await?;
                return Ok(signed_in(app, access_token, session, user));
            }
            Refresh::Replay => {
                end_replayed(app, cx, &session, now).await?;
                return Err(Error::Unauthenticated);
            }
        }
    }
    Err(Error::unavailable("a session was refreshed by too many at a time"))
}

/// Ends the session that calls.
pub async fn sign_out(app: &App, cx: &Context) -> Result<()> {
    let caller = access::caller(app, cx).await?;
    let now = app.now();
    let id = caller.user.id;
    let event = cx.event(app, now, caller.actor(), EventKind::SessionEnded, Some(id));
    let end = sessions::end(caller.session, id, now);
    match app.store.commit([end, events::append(&event)]).await {
        // It ended while we looked: what was asked for is so.
        Ok(()) | Err(DatabaseError::Guard { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn email_unverified() -> Error {
    let detail = "Prove the address first: open the link in the mail that you got.";
    Error::refused("email_unverified", detail)
}

/// Begins a session of a user who has proven who they are, by whichever way.
/// `proof` is what that uses up, in the same commit.
pub(super) async fn begin(
    app: &App,
    cx: &Context,
    user: User,
    device: Option<Device>,
    proof: Vec<Statement>,
) -> Result<SignedIn> {
    let now = app.now();
    let session = Session {
        id: SessionId::new(now, &*app.rng),
        user: user.id,
        device: device.or_else(|| cx.user_agent.as_deref().and_then(Device::from_user_agent)),
        address: cx.address.map(|address| address.to_string()),
        created_at: now,
        last_used_at: now,
        expires_at: now.plus(app.config.refresh_token_ttl),
        generation: 0,
        rotated_at: now,
        seed: random(&*app.rng),
    };
    let access_token = sign(app, &session, &user, now).await?;
    let actor = Actor::User(user.id);
    let event = cx.event(app, now, actor, EventKind::SessionCreated, Some(user.id));
    let insert = sessions::insert(&session, &sha256(access_token.as_bytes()));
    let statements = proof.into_iter().chain([insert, events::append(&event)]);
    let commit = app.store.commit(statements).await;
    commit.map_err(|error| one_time_tokens::refused(error, "token"))?;
    Ok(signed_in(app, access_token, session, user))
}

/// Goes to the next generation; `None` if another refresh did.
async fn rotate(
    app: &App,
    session: Session,
    user: User,
    now: Timestamp,
) -> Result<Option<SignedIn>> {
    let (id, generation) = (session.id, session.generation);
    let session = Session {
        generation: generation.checked_add(1).ok_or(Error::Unauthenticated)?,
        rotated_at: now,
        last_used_at: now,
        expires_at: now.plus(app.config.refresh_token_ttl),
        ..session
    };
    let access_token = sign(app, &session, &user, now).await?;
    let hash = sha256(access_token.as_bytes());
    match app.store.query(sessions::rotate(id, generation, &hash, now, session.expires_at)).await {
        Ok(_) => Ok(Some(signed_in(app, access_token, session, user))),
        Err(DatabaseError::Guard { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Somebody holds a copy of an old token: nobody goes on with this session.
async fn end_replayed(app: &App, cx: &Context, session: &Session, now: Timestamp) -> Result<()> {
    let kind = EventKind::RefreshTokenReplayed;
    let event = cx.event(app, now, Actor::Anonymous, kind, Some(session.user));
    let end = sessions::end(session.id, session.user, now);
    match app.store.commit([end, events::append(&event)]).await {
        Ok(()) | Err(DatabaseError::Guard { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn signed_in(app: &App, access_token: String, session: Session, user: User) -> SignedIn {
    let key = &app.config.secret_key;
    let refresh = RefreshToken::of(key, session.id, &session.seed, session.generation);
    let expires_in = app.config.access_token_ttl;
    SignedIn { access_token, expires_in, refresh_token: refresh.reveal(), session, user }
}

async fn sign(app: &App, session: &Session, user: &User, now: Timestamp) -> Result<String> {
    let keys = app.keys.signing(app).await?;
    let key = keys.get().ok_or_else(|| Error::internal("there is no signing key"))?;
    let url = &app.config.public_url;
    let issued_at = Timestamp::from_micros(now.seconds().saturating_mul(1_000_000));
    let claims = Claims {
        issuer: url.clone(),
        audience: url.clone(),
        user: user.id,
        session: session.id,
        issued_at,
        expires_at: issued_at.plus(app.config.access_token_ttl),
        token_id: new_uuid(now, &*app.rng).to_string(),
        roles: user.roles.iter().map(RoleName::to_string).collect(),
        version: user.version,
    };
    key.sign(&claims).ok_or_else(|| Error::internal("the access token could not be signed"))
}
