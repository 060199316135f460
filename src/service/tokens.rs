//! What a credential that somebody showed to somebody else is worth.

use super::Context;
use super::access::{self, Caller};
use super::credentials::Credentials;
use crate::app::App;
use crate::domain::access_token::{self, Claims};
use crate::domain::event::Actor;
use crate::domain::id::SessionId;
use crate::domain::presented_token;
use crate::domain::role::{Permissions, RoleName};
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};

/// A credential that is good at this moment.
#[derive(Debug)]
pub struct Active {
    /// Whose it is.
    pub subject: Actor,
    /// In which session; a program has none.
    pub session: Option<SessionId>,
    /// The roles of the user; a program has none.
    pub roles: Vec<RoleName>,
    /// What its holder may do.
    pub permissions: Permissions,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
}

/// What an access token says, if it is genuine and has not expired. Whether its
/// session goes on is not asked: this is what everybody can do who has the keys.
pub async fn verify(app: &App, token: &str) -> Result<Option<Claims>> {
    let Some(presented) = presented_token::read(token, app.now()) else {
        return Ok(None);
    };
    let is_genuine = app.keys.verify(app, &presented.kid, token).await?;
    Ok(is_genuine.then(|| access_token::claims(token)).flatten())
}

/// What an access token or an API key is worth, for those who are known themselves.
pub async fn introspect(app: &App, cx: &Context, token: &str) -> Result<Option<Active>> {
    access::caller(app, cx).await?;
    let now = app.now();
    let shown = Context { credentials: Credentials::read(&app.tokens, token, now), ..cx.clone() };
    let found = match &shown.credentials {
        Credentials::AccessToken(token) => {
            let expires_at = Some(token.expires_at());
            access::signed_in(app, &shown).await.map(|caller| Active {
                subject: caller.actor(),
                session: Some(caller.session),
                roles: caller.user.roles,
                permissions: caller.user.permissions,
                expires_at,
            })
        }
        _ => access::caller(app, &shown).await.map(|caller| Active {
            subject: caller.actor(),
            session: caller.session(),
            roles: Vec::new(),
            permissions: caller.permissions().clone(),
            expires_at: match &caller {
                Caller::ApiKey(key) => key.expires_at,
                Caller::User(_) => None,
            },
        }),
    };
    match found {
        Ok(active) => Ok(Some(active)),
        Err(Error::Unauthenticated) => Ok(None),
        Err(error) => Err(error),
    }
}
