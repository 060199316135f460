//! Who calls, and what they may do.

use std::time::Duration;

use super::Context;
use crate::app::App;
use crate::domain::access_token::{self, Claims};
use crate::domain::authentication::Methods;
use crate::domain::event::Actor;
use crate::domain::id::{SessionId, UserId};
use crate::domain::role::Permission;
use crate::domain::secret::{equal, sha256};
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::error::{Error, Result};
use crate::store::callers::{self, SessionCaller};
use crate::store::database::{Row, Statement};

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
}

/// An access token of the right form that has not expired, by its own word.
#[derive(Clone)]
pub struct AccessToken {
    text: String,
    kid: String,
    claims: Claims,
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessToken").field("claims", &self.claims).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads what stands behind `Bearer`.
    pub fn read(bearer: &str, now: Timestamp) -> Self {
        match access_token::read_unverified(bearer, now) {
            Some((kid, claims)) => {
                Self::AccessToken(Box::new(AccessToken { text: bearer.to_owned(), kid, claims }))
            }
            None => Self::Bearer(bearer.to_owned()),
        }
    }
}

/// A user who is signed in, as the database knows them at this moment.
#[derive(Debug)]
pub struct Caller {
    /// Who.
    pub user: User,
    /// In which session.
    pub session: SessionId,
    /// What was shown in it.
    pub methods: Methods,
    /// When that was last.
    pub authenticated_at: Timestamp,
}

/// How long a proof of who somebody is counts as fresh.
pub const FRESH: Duration = Duration::from_secs(10 * 60);

impl Caller {
    /// The caller as the actor of events.
    pub fn actor(&self) -> Actor {
        Actor::User(self.user.id)
    }

    /// Fails unless the caller holds a permission.
    pub fn require(&self, permission: &Permission) -> Result<()> {
        if self.user.permissions.allow(permission) { Ok(()) } else { Err(Error::lacks(permission)) }
    }

    /// Fails unless the caller has proven who they are within `max_age`, by signing
    /// in or by reauthenticating: for what a stolen session must not do.
    pub fn require_fresh(&self, app: &App, max_age: Duration) -> Result<()> {
        if app.now().since(self.authenticated_at) <= max_age {
            Ok(())
        } else {
            Err(Error::NotFresh { max_age })
        }
    }

    /// Fails unless the caller may do everything that `other` may: nobody gains
    /// power by taking over a more powerful account.
    pub fn require_over(&self, other: &User) -> Result<()> {
        if self.user.permissions.cover(&other.permissions) {
            Ok(())
        } else {
            let reason = "This user holds permissions that you do not hold.";
            Err(Error::Forbidden(reason.to_owned()))
        }
    }
}

/// Who calls. One statement.
pub async fn caller(app: &App, cx: &Context) -> Result<Caller> {
    let token = token_of(&cx.credentials)?;
    let statement = callers::by_session(token.claims.session, app.now());
    let row = app.store.query(statement).await?.into_iter().next();
    let (caller, _) = callers::from_row(row.ok_or(Error::Unauthenticated)?)?;
    believe(app, token, caller).await
}

/// Who calls, and the rows of what they ask for, in the same one statement.
/// The rows must not be used before the caller's permission was checked.
pub async fn caller_with(
    app: &App,
    cx: &Context,
    target: Statement,
    order: &'static str,
) -> Result<(Caller, Vec<Row>)> {
    let token = token_of(&cx.credentials)?;
    let statement = callers::by_session_with(token.claims.session, app.now(), target, order);
    let mut caller = None;
    let mut targets = Vec::new();
    for row in app.store.query(statement).await? {
        let (found, target) = callers::from_row(row)?;
        caller = Some(found);
        targets.extend(target);
    }
    let caller = believe(app, token, caller.ok_or(Error::Unauthenticated)?).await?;
    Ok((caller, targets))
}

/// Whose session it is by the credential's own word. What is asked of the database
/// for them must not be used before [`caller_with`] has believed it.
pub fn claimed_user(cx: &Context) -> Result<UserId> {
    Ok(token_of(&cx.credentials)?.claims.user)
}

/// Which session it is by the credential's own word, as in [`claimed_user`].
pub fn claimed_session(cx: &Context) -> Result<SessionId> {
    Ok(token_of(&cx.credentials)?.claims.session)
}

fn token_of(credentials: &Credentials) -> Result<&AccessToken> {
    match credentials {
        Credentials::AccessToken(token) => Ok(token),
        Credentials::None | Credentials::Garbage | Credentials::Bearer(_) => {
            Err(Error::Unauthenticated)
        }
    }
}

/// Decides whether the token is genuine. The newest token of a session is known
/// by its hash, which costs microseconds; an older one that has not expired is
/// checked by its signature.
async fn believe(app: &App, token: &AccessToken, found: SessionCaller) -> Result<Caller> {
    let claims = &token.claims;
    let is_newest = equal(&sha256(token.text.as_bytes()), &found.access_token_hash);
    let is_genuine = is_newest || app.keys.verify(app, &token.kid, &token.text).await?;
    let user = found.user;
    if !is_genuine || user.id != claims.user || user.suspended_at.is_some() {
        return Err(Error::Unauthenticated);
    }
    let SessionCaller { methods, authenticated_at, .. } = found;
    Ok(Caller { user, session: claims.session, methods, authenticated_at })
}
