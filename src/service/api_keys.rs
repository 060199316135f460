//! API keys: accounts of programs.
//!
//! Nobody makes a key that may do more, or for longer, than they may themselves.

use super::access::{self, Caller};
use super::{Context, Precondition};
use crate::app::App;
use crate::domain::api_key::ApiKey;
use crate::domain::event::{EventKind, Subject};
use crate::domain::id::ApiKeyId;
use crate::domain::name::Name;
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::{Permission, Permissions};
use crate::domain::time::Timestamp;
use crate::domain::token::ApiKeyToken;
use crate::error::{Error, Invalid, Result};
use crate::store::{api_keys, events};

/// What a key shall be.
#[derive(Debug)]
pub struct NewApiKey {
    /// What it is for.
    pub name: Name,
    /// What it may do.
    pub permissions: Permissions,
    /// When it ends, if by itself.
    pub expires_at: Option<Timestamp>,
}

/// Makes a key, and gives it out this once.
pub async fn create(app: &App, cx: &Context, new: NewApiKey) -> Result<(ApiKey, ApiKeyToken)> {
    let caller = access::caller(app, cx).await?;
    caller.require(&Permission::API_KEYS_WRITE)?;
    caller.require_all(&new.permissions, "You do not hold all of these permissions.")?;
    let now = app.now();
    let key = ApiKey {
        id: ApiKeyId::new(now, &*app.rng),
        name: new.name,
        permissions: new.permissions,
        created_by: caller.actor(),
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
    };
    check_expiry(&caller, &key)?;
    let token = ApiKeyToken::new(&*app.rng);
    let subject = Some(Subject::ApiKey(key.id));
    let event = cx.event(app, now, caller.actor(), EventKind::ApiKeyCreated, subject);
    let insert = api_keys::insert(&key, &token.hash());
    let made = (key, token);
    let commit = cx.commit(app, [caller.still(), insert, events::append(&event)], &made);
    commit.await.map_err(|error| error.on_guard(super::busy()))?;
    Ok(made)
}

/// One key.
pub async fn get(app: &App, cx: &Context, id: ApiKeyId) -> Result<ApiKey> {
    let (caller, key) = find(app, cx, id).await?;
    caller.require(&Permission::API_KEYS_READ)?;
    key.ok_or(Error::NotFound("API key"))
}

/// A page of keys, in the order in which they were made.
pub async fn list(app: &App, cx: &Context, page: &PageRequest) -> Result<Page<ApiKey>> {
    let order = " ORDER BY target.id";
    let (caller, rows) = access::caller_with(app, cx, api_keys::list(page), order).await?;
    caller.require(&Permission::API_KEYS_READ)?;
    let keys = rows.into_iter().map(api_keys::from_row).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::of(keys, page.limit, |key| key.id.to_string()))
}

/// Revokes a key: its next use fails.
pub async fn revoke(
    app: &App,
    cx: &Context,
    id: ApiKeyId,
    precondition: &Precondition,
) -> Result<()> {
    let (caller, key) = find(app, cx, id).await?;
    caller.require(&Permission::API_KEYS_WRITE)?;
    let key = key.ok_or(Error::NotFound("API key"))?;
    caller.require_all(&key.permissions, "This key holds permissions that you do not hold.")?;
    precondition.check(key.version())?;
    let subject = Some(Subject::ApiKey(id));
    let event = cx.event(app, app.now(), caller.actor(), EventKind::ApiKeyRevoked, subject);
    let commit = app.store.commit([api_keys::delete(id), events::append(&event)]);
    commit.await.map_err(|error| error.on_guard(Error::NotFound("API key")))
}

async fn find(app: &App, cx: &Context, id: ApiKeyId) -> Result<(Caller, Option<ApiKey>)> {
    let (caller, rows) = access::caller_with(app, cx, api_keys::by_id(id), "").await?;
    let key = rows.into_iter().next().map(api_keys::from_row).transpose()?;
    Ok((caller, key))
}

fn check_expiry(caller: &Caller, key: &ApiKey) -> Result<()> {
    let refused = |code, message| Err(Error::invalid("expires_at", Invalid::new(code, message)));
    if key.expires_at.is_some_and(|at| at <= key.created_at) {
        return refused("in_the_past", "must be in the future");
    }
    match caller {
        Caller::ApiKey(own) if key.outlives(own) => {
            refused("too_late", "must not be later than the end of the key that asks")
        }
        Caller::ApiKey(_) | Caller::User(_) => Ok(()),
    }
}
