//! Signing in, staying signed in, signing out.

use super::rate_limits::Attempt;
use super::second_factor::{self, Challenge};
use super::{Context, access};
use crate::app::App;
use crate::domain::access_token::Claims;
use crate::domain::authentication::Methods;
use crate::domain::event::{Actor, EventKind};
use crate::domain::id::{SessionId, UserId, new_uuid};
use crate::domain::one_time_token::TokenPurpose;
use crate::domain::page::{Page, PageRequest};
use crate::domain::rate_limit::Policy;
use crate::domain::role::{Permission, RoleName};
use crate::domain::secret::sha256;
use crate::domain::session::{Device, Refresh, Session};
use crate::domain::time::{Timestamp, random};
use crate::domain::token::RefreshToken;
use crate::domain::user::User;
use crate::error::{Error, Result};
use crate::store::database::{DatabaseError, Statement};
use crate::store::{challenges, events, factors, one_time_tokens, sessions, users};

/// How sessions are sorted in a list.
const ORDER: &str = " ORDER BY target.session_id";

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

/// What showing a first factor came to.
#[derive(Debug)]
pub enum Admission {
    /// A session.
    SignedIn(Box<SignedIn>),
    /// A question for the second factor.
    SecondFactorRequired(Challenge),
}

/// Somebody who has shown a first factor.
pub struct FirstFactor {
    /// Who.
    pub user: User,
    /// What they showed.
    pub methods: Methods,
    /// How their device calls itself; the `User-Agent` unless given.
    pub device: Option<Device>,
    /// What belongs to it and happens in the same commit, such as the use of a
    /// mailed token. If a guard in here misses, nobody is signed in.
    pub uses: Vec<Statement>,
}

/// The one way from a first factor, whichever it is, to a session. A user with a
/// second factor gets a question for it instead: the commit that would have begun
/// the session is guarded, so that a factor added meanwhile is not passed by.
pub async fn authenticated(app: &App, cx: &Context, shown: FirstFactor) -> Result<Admission> {
    require_active(&shown.user)?;
    let device =
        shown.device.or_else(|| cx.user_agent.as_deref().and_then(Device::from_user_agent));
    let shown = FirstFactor { device, ..shown };
    let now = app.now();
    let (user, methods) = (shown.user.clone(), shown.methods.clone());
    let begun = begin(app, cx, user, methods, shown.device.clone(), now).await?;
    let mut statements = shown.uses.clone();
    statements.extend(begun.statements);
    let guard = statements.len();
    statements.push(factors::require_none(shown.user.id));
    let admission = Admission::SignedIn(Box::new(begun.signed_in));
    match cx.commit(app, statements, &admission).await {
        Ok(()) => Ok(admission),
        Err(DatabaseError::Guard { statement }) if statement == guard => {
            second_factor::challenge(app, cx, shown, now).await
        }
        Err(DatabaseError::Guard { .. }) => Err(Error::Unauthenticated),
        Err(error) => Err(super::users::email_taken(error)),
    }
}

/// Continues a session: gives out its next access token and refresh token.
pub async fn refresh(app: &App, cx: &Context, token: &str) -> Result<SignedIn> {
    // What is no token is told from one without a query, so it is not counted.
    let token = RefreshToken::parse(token).ok_or(Error::Unauthenticated)?;
    // Another refresh may come between the look and the change; then a second
    // look finds this one to be a repetition.
    for _ in 0..2 {
        let now = app.now();
        let mut attempt = Attempt::new(app, cx, Policy::REFRESH, None);
        let row = attempt.look(app, sessions::by_id(token.session, now)).await?;
        let key = &app.config.secret_key;
        let found = row.map(sessions::with_user_from_row).transpose()?;
        let genuine = found.filter(|(session, user)| {
            token.is_genuine(key, &session.seed) && user.suspended_at.is_none()
        });
        // A genuine one cannot be guessed: what others at the same address try with made-up
        // ones does not keep it out.
        let Some((session, user)) = genuine else {
            attempt.require_left(now)?;
            attempt.spend(app).await?;
            return Err(Error::Unauthenticated);
        };
        attempt.tell_left(now);
        match session.judge(token.generation, now, app.config.refresh_grace) {
            Refresh::Rotate => {
                if let Some(signed_in) = rotate(app, cx, session, user, now).await? {
                    return Ok(signed_in);
                }
            }
            Refresh::Repeat => {
                let access_token = sign(app, cx, &session, &user, now).await?;
                return Ok(signed_in(app, access_token, session, user, now));
            }
            Refresh::Outdone => {
                let detail = "This token was replaced when the user proved again who they are. \
                              Go on with the one that was given then.";
                return Err(Error::conflict("refresh_token_replaced", detail));
            }
            Refresh::Replay => {
                end_replayed(app, cx, &session, now).await?;
                attempt.spend(app).await?;
                return Err(Error::Unauthenticated);
            }
        }
    }
    Err(Error::unavailable("a session was refreshed by too many at a time"))
}

/// Ends the session that calls.
pub async fn sign_out(app: &App, cx: &Context) -> Result<()> {
    let caller = access::signed_in(app, cx).await?;
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

/// A page of sessions, seen from one of them.
#[derive(Debug)]
pub struct SessionList {
    /// The sessions.
    pub page: Page<Session>,
    /// The one that asks; a program has none.
    pub current: Option<SessionId>,
}

/// Where the caller is signed in.
pub async fn list(app: &App, cx: &Context, page: &PageRequest) -> Result<SessionList> {
    let target = |user| sessions::list(user, page, app.now());
    let (caller, rows) = access::signed_in_with(app, cx, target, ORDER).await?;
    let found = rows.into_iter().map(sessions::from_row).collect::<Result<Vec<_>, _>>()?;
    Ok(SessionList { page: to_page(found, page), current: Some(caller.session) })
}

/// Ends one session of the caller, and another address that was asked for in it.
pub async fn end(app: &App, cx: &Context, id: SessionId) -> Result<()> {
    let caller = access::signed_in(app, cx).await?;
    let now = app.now();
    let user = caller.user.id;
    let event = cx.event(app, now, caller.actor(), EventKind::SessionEnded, Some(user));
    let commit = app.store.commit([
        users::meet(user),
        sessions::end(id, user, now),
        one_time_tokens::end_email_change(user, id),
        events::append(&event),
    ]);
    commit.await.map_err(|error| error.on_guard(Error::NotFound("session")))
}

/// Ends all sessions of the caller but the one that calls, and what somebody in one of them
/// may have begun: questions for a second factor, another address.
pub async fn end_others(app: &App, cx: &Context) -> Result<()> {
    let caller = access::signed_in(app, cx).await?;
    let now = app.now();
    let user = caller.user.id;
    let event = cx.event(app, now, caller.actor(), EventKind::OtherSessionsEnded, Some(user));
    let commit = app.store.commit([
        users::meet(user),
        sessions::end_others(user, caller.session, now),
        challenges::delete_of_user(user),
        one_time_tokens::end(TokenPurpose::EmailChange, &user.to_string()),
        events::append(&event),
    ]);
    commit.await.map_err(|error| error.on_guard(Error::Unauthenticated))
}

/// Where a user is signed in, for those who may know.
pub async fn list_of(
    app: &App,
    cx: &Context,
    user: UserId,
    page: &PageRequest,
) -> Result<SessionList> {
    let target = sessions::list_with_user(user, page, app.now());
    let (caller, rows) = access::caller_with(app, cx, target, ORDER).await?;
    caller.require(&Permission::SESSIONS_READ)?;
    let mut found = Vec::new();
    let mut owner = None;
    for row in rows {
        let (user, session) = sessions::after_user_from_row(row)?;
        owner = Some(user);
        found.extend(session);
    }
    caller.require_over(&owner.ok_or(Error::NotFound("user"))?)?;
    Ok(SessionList { page: to_page(found, page), current: caller.session() })
}

/// Ends all sessions of a user, for those who may; and what would begin another one
/// without the user signing in anew: questions for a second factor, mailed tokens.
pub async fn end_all_of(app: &App, cx: &Context, user: UserId) -> Result<()> {
    let (caller, found) = super::users::find(app, cx, user).await?;
    caller.require(&Permission::SESSIONS_WRITE)?;
    caller.require_over(&found.ok_or(Error::NotFound("user"))?.user)?;
    let now = app.now();
    let event = cx.event(app, now, caller.actor(), EventKind::AllSessionsEnded, Some(user));
    let [mailed, asked_for] = one_time_tokens::end_all_of(user);
    let commit = app.store.commit([
        users::meet(user),
        sessions::end_all(user, now),
        challenges::delete_of_user(user),
        mailed,
        asked_for,
        events::append(&event),
    ]);
    commit.await.map_err(|error| error.on_guard(Error::NotFound("user")))
}

fn to_page(sessions: Vec<Session>, page: &PageRequest) -> Page<Session> {
    Page::of(sessions, page.limit, |session| session.id.to_string())
}

/// Fails for who may not sign in, whatever they show.
pub(super) fn require_active(user: &User) -> Result<()> {
    match user.suspended_at {
        None => Ok(()),
        Some(_) => Err(Error::Forbidden("This account is suspended.".to_owned())),
    }
}

/// A session that begins when the statements are committed.
pub(super) struct Begun {
    pub(super) signed_in: SignedIn,
    pub(super) statements: [Statement; 3],
}

/// Prepares a session of a user who has shown all that is asked for.
pub(super) async fn begin(
    app: &App,
    cx: &Context,
    user: User,
    methods: Methods,
    device: Option<Device>,
    now: Timestamp,
) -> Result<Begun> {
    let id = user.id;
    let session = Session {
        id: SessionId::new(now, &*app.rng),
        user: user.id,
        device,
        address: cx.address.map(|address| address.to_string()),
        methods,
        authenticated_at: now,
        created_at: now,
        last_used_at: now,
        expires_at: expires_at(app, now, now),
        generation: 0,
        rotated_at: now,
        seed: random(&*app.rng),
    };
    let access_token = sign(app, cx, &session, &user, now).await?;
    let actor = Actor::User(user.id);
    let event = cx.event(app, now, actor, EventKind::SessionCreated, Some(user.id));
    let insert = sessions::insert(&session, &sha256(access_token.as_bytes()));
    let signed_in = signed_in(app, access_token, session, user, now);
    let statements = [users::require_active(id), insert, events::append(&event)];
    Ok(Begun { signed_in, statements })
}

/// Goes to the next generation; `None` if another refresh did.
async fn rotate(
    app: &App,
    cx: &Context,
    session: Session,
    user: User,
    now: Timestamp,
) -> Result<Option<SignedIn>> {
    let (id, generation) = (session.id, session.generation);
    let session = next_generation(app, session, now)?;
    let access_token = sign(app, cx, &session, &user, now).await?;
    let hash = sha256(access_token.as_bytes());
    match app.store.query(sessions::rotate(id, generation, &hash, now, session.expires_at)).await {
        Ok(_) => Ok(Some(signed_in(app, access_token, session, user, now))),
        Err(DatabaseError::Guard { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The session after its next refresh token was given out.
pub(super) fn next_generation(app: &App, session: Session, now: Timestamp) -> Result<Session> {
    Ok(Session {
        generation: session.generation.checked_add(1).ok_or(Error::Unauthenticated)?,
        rotated_at: now,
        last_used_at: now,
        expires_at: expires_at(app, session.created_at, now),
        ..session
    })
}

/// When a session ends that began then and is used now, unless it is refreshed.
fn expires_at(app: &App, created_at: Timestamp, now: Timestamp) -> Timestamp {
    let end = created_at.plus(app.config.session_max_age);
    now.plus(app.config.refresh_token_ttl).min(end)
}

/// Somebody holds a copy of an old token: nobody goes on with this session, nor with another
/// address that was asked for in it.
async fn end_replayed(app: &App, cx: &Context, session: &Session, now: Timestamp) -> Result<()> {
    let kind = EventKind::RefreshTokenReplayed;
    let event = cx.event(app, now, Actor::Anonymous, kind, Some(session.user));
    let commit = app.store.commit([
        users::meet(session.user),
        sessions::end(session.id, session.user, now),
        one_time_tokens::end_email_change(session.user, session.id),
        events::append(&event),
    ]);
    match commit.await {
        Ok(()) | Err(DatabaseError::Guard { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn signed_in(
    app: &App,
    access_token: String,
    session: Session,
    user: User,
    now: Timestamp,
) -> SignedIn {
    let key = &app.config.secret_key;
    let refresh = RefreshToken::of(key, session.id, &session.seed, session.generation);
    let expires_in = app.config.access_token_ttl.min(session.expires_at.since(now));
    SignedIn { access_token, expires_in, refresh_token: refresh.reveal(), session, user }
}

pub(super) async fn sign(
    app: &App,
    cx: &Context,
    session: &Session,
    user: &User,
    now: Timestamp,
) -> Result<String> {
    let url = &app.config.public_url;
    let issued_at = Timestamp::from_seconds(now.seconds());
    // No token outlives its session, wherever it is checked.
    let session_ends_at = Timestamp::from_seconds(session.expires_at.seconds());
    let claims = Claims {
        issuer: url.clone(),
        audience: url.clone(),
        user: user.id,
        session: session.id,
        issued_at,
        expires_at: issued_at.plus(app.config.access_token_ttl).min(session_ends_at),
        token_id: new_uuid(now, &*app.rng).to_string(),
        roles: user.roles.iter().map(RoleName::to_string).collect(),
        version: user.version,
        authenticated_at: session.authenticated_at,
        methods: session.methods.amr().into_iter().map(str::to_owned).collect(),
        assurance: session.methods.acr().to_owned(),
    };
    app.keys.sign(app, cx, &claims).await
}
