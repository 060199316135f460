//! The statements of the store, on a database with its schema.

use std::time::Duration;

use rollcall::domain::access_token::Algorithm;
use rollcall::domain::email::Email;
use rollcall::domain::event::{Actor, Event, EventKind};
use rollcall::domain::id::{EventId, SessionId, UserId};
use rollcall::domain::metadata::Metadata;
use rollcall::domain::name::Name;
use rollcall::domain::page::{Limit, PageRequest};
use rollcall::domain::role::RoleName;
use rollcall::domain::session::{Device, Session};
use rollcall::domain::time::Timestamp;
use rollcall::domain::user::{Profile, User};
use rollcall::store::database::{Database, DatabaseError, Statement};
use rollcall::store::keys::SealedKey;
use rollcall::store::users::NewUser;
use rollcall::store::{callers, events, keys, migrate, roles, sessions, users};

use super::{Broken, Outcome, holds, same};

const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_123_456);

fn id(byte: u8) -> UserId {
    UserId::from_bytes([byte; 16])
}

fn profile(email: &str, name: &str) -> Result<Profile, Broken> {
    let invalid = |reason: rollcall::error::Invalid| Broken(reason.message);
    let metadata = serde_json::json!({"ключ": ["значение", null, 1.5], "deep": {"🦀": true}});
    Ok(Profile {
        email: Email::parse(email).map_err(invalid)?,
        name: Name::parse(name).map_err(invalid)?,
        metadata: Metadata::parse(metadata).map_err(invalid)?,
    })
}

fn insert(id: UserId, profile: &Profile) -> Statement {
    let password_hash = Some("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA");
    users::insert(&NewUser { id, profile, password_hash, email_verified_at: Some(NOW), at: NOW })
}

/// A user with a role, in a database that is up to date.
async fn with_user(database: &dyn Database, role: &RoleName) -> Result<Profile, Broken> {
    migrate::apply(database).await?;
    let ada = profile("Ada.Lovelace@Example.com", "Ada Лавлейс 李")?;
    database.commit(vec![insert(id(1), &ada), roles::grant(id(1), role)]).await?;
    Ok(ada)
}

async fn user(database: &dyn Database, id: UserId) -> Result<Option<User>, DatabaseError> {
    database.query(users::by_id(id)).await?.into_iter().next().map(users::from_row).transpose()
}

fn session(byte: u8) -> Session {
    Session {
        id: SessionId::from_bytes([byte; 16]),
        user: id(1),
        device: Device::from_user_agent("Firefox on Linux"),
        address: None,
        created_at: NOW,
        last_used_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(60)),
        generation: 0,
        rotated_at: NOW,
        seed: [byte; 16],
    }
}

pub(crate) async fn users_come_back_as_they_were_stored(database: &dyn Database) -> Outcome {
    let ada = with_user(database, &RoleName::USER).await?;
    let Some(found) = user(database, id(1)).await? else {
        return holds(false, "the user is there");
    };
    same(found.email.as_str(), "Ada.Lovelace@Example.com")?;
    same(found.name.as_str(), "Ada Лавлейс 李")?;
    same(&found.metadata, &ada.metadata)?;
    same((found.email_verified_at, found.suspended_at), (Some(NOW), None))?;
    same((found.created_at, found.updated_at, found.version), (NOW, NOW, 1))?;
    same(found.roles, vec![RoleName::USER])?;
    let grants = [roles::grant(id(1), &RoleName::ADMIN)];
    database.commit(grants.to_vec()).await?;
    let found = user(database, id(1)).await?;
    same(found.map(|user| user.roles), Some(vec![RoleName::ADMIN, RoleName::USER]))?;
    same(user(database, id(9)).await?.map(|user| user.id), None)?;
    same(database.query(users::any()).await?.len(), 1)
}

pub(crate) async fn an_address_is_unique_in_its_normal_form(database: &dyn Database) -> Outcome {
    let ada = with_user(database, &RoleName::USER).await?;
    let found = database.query(users::by_email_with_password(&ada.email)).await?;
    let Some(found) = found.into_iter().next() else {
        return holds(false, "the user is found by its address");
    };
    let mut columns = found.read();
    same(columns.optional_text()?.is_some(), true)?;
    same(users::from_columns(&mut columns)?.id, id(1))?;
    let same_address = profile("ADA.lovelace@EXAMPLE.com", "Somebody else")?;
    let taken = database.commit(vec![insert(id(2), &same_address)]).await;
    same(taken, Err(DatabaseError::Unique { constraint: users::EMAIL_KEY.to_owned() }))?;
    same(user(database, id(2)).await?.map(|user| user.id), None)
}

pub(crate) async fn a_change_of_another_version_is_not_made(database: &dyn Database) -> Outcome {
    with_user(database, &RoleName::USER).await?;
    let later = NOW.plus(Duration::from_secs(1));
    let renamed = profile("ada.lovelace@example.com", "Ada King")?;
    database.commit(vec![users::update(id(1), 1, &renamed, later)]).await?;
    let found = user(database, id(1)).await?;
    let told = found.map(|user| (user.name.to_string(), user.version, user.email_verified_at));
    same(told, Some(("Ada King".to_owned(), 2, Some(NOW))))?;
    let missed = Err(DatabaseError::Guard { statement: 0 });
    for stale in [users::update(id(1), 1, &renamed, later), users::delete(id(1), 1)] {
        same(database.commit(vec![stale]).await, missed.clone())?;
    }
    let moved = profile("ada@example.org", "Ada King")?;
    database.commit(vec![users::update(id(1), 2, &moved, later)]).await?;
    same(user(database, id(1)).await?.map(|user| user.email_verified_at), Some(None))?;
    database.commit(vec![users::delete(id(1), 3)]).await?;
    same(user(database, id(1)).await?.map(|user| user.id), None)
}

pub(crate) async fn sessions_rotate_once_and_end_once(database: &dyn Database) -> Outcome {
    with_user(database, &RoleName::USER).await?;
    let began = session(7);
    database.commit(vec![sessions::insert(&began, &[1; 32])]).await?;
    let later = NOW.plus(Duration::from_secs(30));
    let rotate =
        || sessions::rotate(began.id, 0, &[2; 32], later, later.plus(Duration::from_secs(60)));
    database.commit(vec![rotate()]).await?;
    same(database.commit(vec![rotate()]).await, Err(DatabaseError::Guard { statement: 0 }))?;
    let found = database.query(sessions::by_id(began.id, later)).await?.into_iter().next();
    let Some((found, user)) = found.map(sessions::with_user_from_row).transpose()? else {
        return holds(false, "the session goes on");
    };
    same((found.generation, found.rotated_at, found.created_at), (1, later, NOW))?;
    same((found.seed, found.user, user.id), ([7; 16], id(1), id(1)))?;
    same(found.device, began.device.clone())?;
    let expired = later.plus(Duration::from_secs(60));
    same(database.query(sessions::by_id(began.id, expired)).await?.len(), 0)?;
    let end = || sessions::end(began.id, id(1), later);
    database.commit(vec![end()]).await?;
    same(database.commit(vec![end()]).await, Err(DatabaseError::Guard { statement: 0 }))?;
    same(database.query(sessions::by_id(began.id, later)).await?.len(), 0)
}

pub(crate) async fn a_caller_is_read_with_what_it_asks_for(database: &dyn Database) -> Outcome {
    with_user(database, &RoleName::ADMIN).await?;
    database.commit(vec![sessions::insert(&session(7), &[1; 32])]).await?;
    let bob = profile("bob@example.com", "Bob")?;
    database.commit(vec![insert(id(2), &bob)]).await?;
    let sid = session(7).id;
    let alone = database.query(callers::by_session(sid, NOW)).await?.into_iter().next();
    let alone = alone.map(callers::from_row).transpose()?;
    let told = alone.map(|(caller, target)| (caller.user.id, caller.access_token_hash, target));
    same(told, Some((id(1), vec![1; 32], None)))?;

    let page = PageRequest { limit: Limit::default(), after: None };
    let after = PageRequest { limit: Limit::default(), after: Some(id(1).to_string()) };
    for (target, order, expected) in [
        (users::by_id(id(2)), "", &[2][..]),
        (users::by_id(id(9)), "", &[]),
        (users::list(&page), " ORDER BY target.id", &[1, 2]),
        (users::list(&after), " ORDER BY target.id", &[2]),
    ] {
        let rows = database.query(callers::by_session_with(sid, NOW, target, order)).await?;
        let mut found = Vec::new();
        for row in rows {
            let (caller, target) = callers::from_row(row)?;
            same(caller.user.id, id(1))?;
            found.extend(target.map(users::from_row).transpose()?.map(|user| user.id));
        }
        same(found, expected.iter().map(|byte| id(*byte)).collect())?;
    }
    // Without the caller there is nothing to see.
    let stranger = SessionId::from_bytes([9; 16]);
    let target = callers::by_session_with(stranger, NOW, users::by_id(id(2)), "");
    same(database.query(target).await?.len(), 0)
}

pub(crate) async fn there_is_one_first_signing_key(database: &dyn Database) -> Outcome {
    migrate::apply(database).await?;
    let key = |kid: &str| SealedKey {
        kid: kid.to_owned(),
        algorithm: Algorithm::EdDsa,
        sealed: vec![0, 1, 254, 255],
        created_at: NOW,
    };
    for kid in ["first", "second"] {
        database.query(keys::insert_first(&key(kid))).await?;
    }
    let stored = database.query(keys::all()).await?;
    let stored = stored.into_iter().map(keys::from_row).collect::<Result<Vec<_>, _>>()?;
    let told: Vec<_> = stored.iter().map(|key| (key.kid.as_str(), key.sealed.as_slice())).collect();
    same(told, vec![("first", &[0, 1, 254, 255][..])])
}

pub(crate) async fn the_last_admin_is_guarded(database: &dyn Database) -> Outcome {
    with_user(database, &RoleName::ADMIN).await?;
    let guarded = |id| vec![roles::lock_admins(), users::delete(id, 1), roles::require_admin()];
    let refused = database.commit(guarded(id(1))).await;
    same(refused, Err(DatabaseError::Guard { statement: 2 }))?;
    let second = database.commit(vec![roles::lock_admins(), roles::require_no_admin()]).await;
    same(second, Err(DatabaseError::Guard { statement: 1 }))?;
    let bob = profile("bob@example.com", "Bob")?;
    let promote = vec![insert(id(2), &bob), roles::grant(id(2), &RoleName::ADMIN)];
    database.commit(promote).await?;
    // Both at once: one goes, one stays.
    let (one, other) = futures_util::future::join(
        database.commit(guarded(id(1))),
        database.commit(guarded(id(2))),
    )
    .await;
    same(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1)?;
    same(database.query(roles::require_admin()).await?.len(), 1)
}

pub(crate) async fn events_are_kept(database: &dyn Database) -> Outcome {
    with_user(database, &RoleName::USER).await?;
    let event = |byte: u8, subject| Event {
        id: EventId::from_bytes([byte; 16]),
        kind: EventKind::UserCreated,
        actor: Actor::User(id(1)),
        subject,
        at: NOW,
        request_id: "request".to_owned(),
    };
    database
        .commit(vec![events::append(&event(1, Some(id(1)))), events::append(&event(2, None))])
        .await?;
    // They outlive whom they tell of.
    database.commit(vec![users::delete(id(1), 1)]).await?;
    let kept = super::query(database, "SELECT id, subject FROM events ORDER BY id", []).await?;
    same(kept.len(), 2)
}
