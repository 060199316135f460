//! Who calls, and what they may do.

use std::time::Duration;

use crate::domain::encoding::HEX;

use super::Context;
use super::remembered::Remembered;
use crate::app::App;
use crate::domain::access_token::{self, Presented};
use crate::domain::api_key::ApiKey;
use crate::domain::authentication::Methods;
use crate::domain::event::Actor;
use crate::domain::id::{SessionId, UserId};
use crate::domain::role::{Permission, Permissions};
use crate::domain::secret::{equal, sha256};
use crate::domain::time::Timestamp;
use crate::domain::token::ApiKeyToken;
use crate::domain::user::User;
use crate::error::{Error, Result};
use crate::store::api_keys;
use crate::store::callers::{self, Found, Lookup, SessionCaller, SignedInCaller};
use crate::store::database::{Row, Statement};

/// How exact the last use of an API key is: it is written once in so long.
const LAST_USE_INTERVAL: Duration = Duration::from_secs(60);

/// How long a proof of who somebody is counts as fresh.
pub const FRESH: Duration = Duration::from_secs(10 * 60);

/// What a caller shows for itself; not believed yet.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// Nothing.
    #[default]
    None,
    /// Something that is no credential of ours.
    Garbage,
    /// The bootstrap token, or what claims to be it.
    Bearer(String),
    /// An access token that could be ours.
    AccessToken(Box<AccessToken>),
    /// What could be an API key, by its hash.
    ApiKey([u8; 32]),
}

/// An access token of the right form that has not expired, by its own word.
#[derive(Clone)]
pub struct AccessToken {
    text: String,
    claims: Presented,
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessToken").field("claims", &self.claims).finish_non_exhaustive()
    }
}

impl AccessToken {
    /// When it ends, by its own word, in whole seconds.
    pub fn expires_at(&self) -> Timestamp {
        self.claims.expires_at
    }
}

impl Credentials {
    /// Reads what stands behind `Bearer`.
    pub fn read(bearer: &str, now: Timestamp) -> Self {
        if let Some(claims) = access_token::read_unverified(bearer, now) {
            let text = bearer.to_owned();
            return Self::AccessToken(Box::new(AccessToken { text, claims }));
        }
        match ApiKeyToken::parse(bearer) {
            Some(key) => Self::ApiKey(key.hash()),
            None => Self::Bearer(bearer.to_owned()),
        }
    }

    /// Whether this could be a credential of somebody.
    pub fn is_plausible(&self) -> bool {
        self.lookup().is_ok()
    }

    /// Who the caller claims to be, by an id that stays when its tokens change.
    pub fn claimed(&self) -> Option<String> {
        match self {
            Self::AccessToken(token) => Some(format!("user:{}", token.claims.user)),
            Self::ApiKey(hash) => Some(format!("api_key:{}", HEX.encode(hash))),
            Self::None | Self::Garbage | Self::Bearer(_) => None,
        }
    }

    /// The same of a caller who may be nobody: what they show, if anything.
    pub fn shown(&self) -> String {
        match self {
            Self::AccessToken(token) => token.text.clone(),
            Self::Bearer(text) => text.clone(),
            Self::ApiKey(hash) => HEX.encode(hash),
            Self::None | Self::Garbage => String::new(),
        }
    }

    fn lookup(&self) -> Result<Lookup> {
        match self {
            Self::AccessToken(token) => Ok(Lookup::Session(token.claims.session)),
            Self::ApiKey(hash) => Ok(Lookup::ApiKey(*hash)),
            Self::None | Self::Garbage | Self::Bearer(_) => Err(Error::Unauthenticated),
        }
    }
}

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
    /// When that was last.
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
        if app.now().since(self.authenticated_at) <= max_age {
            Ok(())
        } else {
            Err(Error::NotFresh { max_age })
        }
    }
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
    let mut found = None;
    let mut targets = Vec::new();
    for row in app.store.query(statement).await? {
        let (caller, target) = callers::from_row(lookup, row)?;
        found = Some(caller);
        targets.extend(target);
    }
    Ok((found.ok_or(Error::Unauthenticated)?, targets))
}

/// Who calls, as the cache may remember them: for what only reads. A change never
/// asks here.
pub async fn remembered_caller(app: &App, cx: &Context) -> Result<Caller> {
    let (Credentials::AccessToken(token), true) = (&cx.credentials, app.cache.is_on()) else {
        return caller(app, cx).await;
    };
    let lookup = cx.credentials.lookup()?;
    let name = format!("caller.{}", token.claims.session);
    let asked = callers::by(lookup, app.now());
    let row = Remembered::of(app, &name, token.claims.user, asked).await?;
    let (found, _) = callers::from_row(lookup, row.value.clone().ok_or(Error::Unauthenticated)?)?;
    let caller = believe(app, cx, found).await?;
    row.keep(app);
    Ok(caller)
}

/// The user who calls, as the cache may remember them: for what only reads.
pub async fn remembered_signed_in(app: &App, cx: &Context) -> Result<SignedInUser> {
    let (Credentials::AccessToken(token), true) = (&cx.credentials, app.cache.is_on()) else {
        return signed_in(app, cx).await;
    };
    let lookup = Lookup::SignedIn(token.claims.session);
    let name = format!("me.{}", token.claims.session);
    let asked = callers::by(lookup, app.now());
    let row = Remembered::of(app, &name, token.claims.user, asked).await?;
    let (found, _) = callers::from_row(lookup, row.value.clone().ok_or(Error::Unauthenticated)?)?;
    let caller = believe_signed_in(app, cx, found).await?;
    row.keep(app);
    Ok(caller)
}

async fn believe(app: &App, cx: &Context, found: Found) -> Result<Caller> {
    match (found, &cx.credentials) {
        (Found::Session(found), Credentials::AccessToken(token)) => {
            let SessionCaller { access_token_hash, user, suspended_at, version, permissions } =
                found;
            require_genuine(app, token, &access_token_hash, user, suspended_at).await?;
            let session = token.claims.session;
            Ok(Caller::User(SessionUser { id: user, session, version, permissions }))
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
    let is_newest = equal(&sha256(token.text.as_bytes()), newest);
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
