//! Who calls, and what they may do.

use std::time::Duration;

use super::Context;
use super::credentials::{AccessToken, Credentials};
use super::remembered::Remembered;
use crate::app::App;
use crate::cache::Fresh;
use crate::domain::api_key::ApiKey;
use crate::domain::authentication::Methods;
use crate::domain::event::Actor;
use crate::domain::id::{SessionId, UserId};
use crate::domain::role::{Permission, Permissions};
use crate::domain::secret::equal;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::error::{Error, Result};
use crate::store::api_keys;
use crate::store::callers::{self, Found, Lookup, SessionCaller, SignedInCaller};
use crate::store::database::{Row, Statement};

/// How exact the last use of an API key is: it is written once in so long.
const LAST_USE_INTERVAL: Duration = Duration::from_secs(60);

/// How long a proof of who somebody is counts as fresh.
pub const FRESH: Duration = Duration::from_secs(10 * 60);

/// Whoever calls, as the database knows them at this moment.
#[derive(Debug)]
pub enum Caller {
    /// A person, by their session.
    User(SessionUser),
    /// A program, which acts in its own name.
    ApiKey(Box<ApiKey>),
}

/// What most requests need to know of the person who calls.
#[derive(Debug)]
pub struct SessionUser {
    /// Who.
    pub id: UserId,
    /// In which session.
    pub session: SessionId,
    /// When they last proved who they are: see [`SignedInUser::authenticated_at`].
    pub authenticated_at: Timestamp,
    /// Which version of them was read.
    pub version: i64,
    /// What they may do.
    pub permissions: Permissions,
}

/// A user who is signed in, for what concerns users themselves.
#[derive(Debug)]
pub struct SignedInUser {
    /// Who.
    pub user: User,
    /// In which session.
    pub session: SessionId,
    /// What was shown in it.
    pub methods: Methods,
    /// When that was last, as far as the token knows: an older one, which somebody may
    /// have copied, does not become fresh with its session.
    pub authenticated_at: Timestamp,
}

impl SignedInUser {
    /// The user as the actor of events.
    pub fn actor(&self) -> Actor {
        Actor::User(self.user.id)
    }

    /// As [`Caller::still`].
    pub fn still(&self) -> Statement {
        callers::require_session(self.session, self.user.version)
    }

    /// Fails unless the user has proven who they are within `max_age`, by signing
    /// in or by reauthenticating: for what a stolen session must not do.
    pub fn require_fresh(&self, app: &App, max_age: Duration) -> Result<()> {
        require_fresh(app, self.authenticated_at, max_age)
    }
}

fn require_fresh(app: &App, authenticated_at: Timestamp, max_age: Duration) -> Result<()> {
    let is_fresh = app.now().since(authenticated_at) <= max_age;
    if is_fresh { Ok(()) } else { Err(Error::NotFresh { max_age }) }
}

impl Caller {
    /// The caller as the actor of events.
    pub fn actor(&self) -> Actor {
        match self {
            Self::User(caller) => Actor::User(caller.id),
            Self::ApiKey(key) => Actor::ApiKey(key.id),
        }
    }

    /// The session in which the caller is signed in; a program has none.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::User(caller) => Some(caller.session),
            Self::ApiKey(_) => None,
        }
    }

    /// What the caller may do.
    pub fn permissions(&self) -> &Permissions {
        match self {
            Self::User(caller) => &caller.permissions,
            Self::ApiKey(key) => &key.permissions,
        }
    }

    /// Undoes a commit in which the caller is no longer who was asked what they may do:
    /// signed out, suspended, with other roles, or a key that was revoked. It comes
    /// first where time passes between the question and the commit, or power is given.
    pub fn still(&self) -> Statement {
        match self {
            Self::User(caller) => callers::require_session(caller.session, caller.version),
            Self::ApiKey(key) => callers::require_api_key(key.id),
        }
    }

    /// Fails where the caller means themselves and is not fresh: what takes that by
    /// `/me` takes it by `/users` as well.
    pub fn require_fresh_for_oneself(&self, app: &App, user: UserId) -> Result<()> {
        match self {
            Self::User(own) if own.id == user => require_fresh(app, own.authenticated_at, FRESH),
            Self::User(_) | Self::ApiKey(_) => Ok(()),
        }
    }

    /// Fails unless the caller holds a permission.
    pub fn require(&self, permission: &Permission) -> Result<()> {
        if self.permissions().allow(permission) { Ok(()) } else { Err(Error::lacks(permission)) }
    }

    /// Fails unless the caller may do everything that `other` may: nobody gains
    /// power by taking over a more powerful account.
    pub fn require_over(&self, other: &User) -> Result<()> {
        self.require_all(&other.permissions, "This user holds permissions that you do not hold.")
    }

    /// Fails, for this reason, unless the caller holds all of these: nobody gives
    /// or takes what they do not have.
    pub fn require_all(&self, permissions: &Permissions, reason: &str) -> Result<()> {
        if self.permissions().cover(permissions) {
            Ok(())
        } else {
            Err(Error::Forbidden(reason.to_owned()))
        }
    }
}

/// Who calls. One statement.
pub async fn caller(app: &App, cx: &Context) -> Result<Caller> {
    let found = find(app, cx.credentials.lookup()?).await?;
    believe(app, cx, found).await
}

/// Who calls, and the rows of what they ask for, in the same one statement.
/// The rows must not be used before the caller's permission was checked.
pub async fn caller_with(
    app: &App,
    cx: &Context,
    target: Statement,
    order: &'static str,
) -> Result<(Caller, Vec<Row>)> {
    let lookup = cx.credentials.lookup()?;
    let (found, targets) = find_with(app, lookup, target, order).await?;
    Ok((believe(app, cx, found).await?, targets))
}

/// The user who calls, for what concerns users themselves. One statement.
pub async fn signed_in(app: &App, cx: &Context) -> Result<SignedInUser> {
    let Credentials::AccessToken(token) = &cx.credentials else {
        caller(app, cx).await?;
        return Err(Error::Forbidden(
            "This is about the user who is signed in, and an API key is none.".to_owned(),
        ));
    };
    let found = find(app, Lookup::SignedIn(token.claims.session)).await?;
    believe_signed_in(app, cx, found).await
}

/// The user who calls, and the rows of what belongs to them, in the same one
/// statement.
pub async fn signed_in_with(
    app: &App,
    cx: &Context,
    target: impl FnOnce(UserId) -> Statement,
    order: &'static str,
) -> Result<(SignedInUser, Vec<Row>)> {
    // The claimed user: the rows are dropped if the claim turns out to be false.
    let Credentials::AccessToken(token) = &cx.credentials else {
        return Ok((signed_in(app, cx).await?, Vec::new()));
    };
    let lookup = Lookup::SignedIn(token.claims.session);
    let (found, rows) = find_with(app, lookup, target(token.claims.user), order).await?;
    Ok((believe_signed_in(app, cx, found).await?, rows))
}

async fn find(app: &App, lookup: Lookup) -> Result<Found> {
    let row = app.store.query(callers::by(lookup, app.now())).await?.into_iter().next();
    Ok(callers::from_row(lookup, row.ok_or(Error::Unauthenticated)?)?.0)
}

async fn find_with(
    app: &App,
    lookup: Lookup,
    target: Statement,
    order: &'static str,
) -> Result<(Found, Vec<Row>)> {
    let statement = callers::by_with(lookup, app.now(), target, order);
    let rows = app.store.query(statement).await?;
    callers::from_rows(lookup, rows)?.ok_or(Error::Unauthenticated)
}

/// Who calls, as the cache may remember them: for what only reads. A change never
/// asks here. Whom it may remember, for how long.
pub async fn remembered_caller(app: &App, cx: &Context) -> Result<(Caller, Option<Fresh>)> {
    let (Credentials::AccessToken(token), true) = (&cx.credentials, app.cache.is_on()) else {
        return Ok((caller(app, cx).await?, None));
    };
    let lookup = cx.credentials.lookup()?;
    let name = format!("caller.{}", token.claims.session);
    let asked = callers::by(lookup, app.now());
    let row = Remembered::of(app, &name, token.claims.user, asked).await?;
    let (found, _) = callers::from_row(lookup, row.value.clone().ok_or(Error::Unauthenticated)?)?;
    let caller = believe(app, cx, found).await?;
    Ok((caller, Some(row.keep(app))))
}

/// The user who calls, as the cache may remember them: for what only reads. Whom it may
/// remember, for how long.
pub async fn remembered_signed_in(
    app: &App,
    cx: &Context,
) -> Result<(SignedInUser, Option<Fresh>)> {
    let (Credentials::AccessToken(token), true) = (&cx.credentials, app.cache.is_on()) else {
        return Ok((signed_in(app, cx).await?, None));
    };
    let lookup = Lookup::SignedIn(token.claims.session);
    let name = format!("me.{}", token.claims.session);
    let asked = callers::by(lookup, app.now());
    let row = Remembered::of(app, &name, token.claims.user, asked).await?;
    let (found, _) = callers::from_row(lookup, row.value.clone().ok_or(Error::Unauthenticated)?)?;
    let caller = believe_signed_in(app, cx, found).await?;
    Ok((caller, Some(row.keep(app))))
}

async fn believe(app: &App, cx: &Context, found: Found) -> Result<Caller> {
    match (found, &cx.credentials) {
        (Found::Session(found), Credentials::AccessToken(token)) => {
            let SessionCaller { user, suspended_at, version, permissions, .. } = found;
            require_genuine(app, token, &found.access_token_hash, user, suspended_at).await?;
            let authenticated_at = found.authenticated_at.min(token.claims.authenticated_at);
            let session = token.claims.session;
            Ok(Caller::User(SessionUser {
                id: user,
                session,
                authenticated_at,
                version,
                permissions,
            }))
        }
        (Found::ApiKey(key), Credentials::ApiKey(_)) => {
            note_use(app, &key);
            Ok(Caller::ApiKey(key))
        }
        _ => Err(Error::Unauthenticated),
    }
}

async fn believe_signed_in(app: &App, cx: &Context, found: Found) -> Result<SignedInUser> {
    let (Found::SignedIn(found), Credentials::AccessToken(token)) = (found, &cx.credentials) else {
        return Err(Error::Unauthenticated);
    };
    let SignedInCaller { access_token_hash, methods, authenticated_at, user } = *found;
    require_genuine(app, token, &access_token_hash, user.id, user.suspended_at).await?;
    let authenticated_at = authenticated_at.min(token.claims.authenticated_at);
    Ok(SignedInUser { user, session: token.claims.session, methods, authenticated_at })
}

/// Fails unless the token is genuine and its user may do anything. The newest
/// token of a session is known by its hash, which costs microseconds; an older one
/// that has not expired is checked by its signature.
async fn require_genuine(
    app: &App,
    token: &AccessToken,
    newest: &[u8],
    user: UserId,
    suspended_at: Option<Timestamp>,
) -> Result<()> {
    let is_newest = equal(&token.hash, newest);
    let is_genuine = is_newest || app.keys.verify(app, &token.claims.kid, &token.text).await?;
    if is_genuine && user == token.claims.user && suspended_at.is_none() {
        Ok(())
    } else {
        Err(Error::Unauthenticated)
    }
}

/// Notes that a key was used, once in a while, while nobody waits for it. Nothing
/// depends on it: when it cannot be written, the next use tries again.
fn note_use(app: &App, key: &ApiKey) {
    let now = app.now();
    let is_noted = |at| now.since(at) < LAST_USE_INTERVAL;
    if !key.last_used_at.is_some_and(is_noted) {
        let store = app.store.clone();
        let touch = api_keys::touch(key.id, now, LAST_USE_INTERVAL);
        app.background.spawn(Box::pin(async move {
            let _ = store.query(touch).await;
        }));
    }
}
