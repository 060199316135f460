//! The second of two factors.

use std::time::Duration;

use super::Context;
use super::sessions::FirstFactor;
use crate::app::App;
use crate::domain::event::{Actor, EventKind};
use crate::domain::time::Timestamp;
use crate::domain::token::ChallengeToken;
use crate::error::{Error, Result};
use crate::store::{challenges, events};

/// How long a user has to answer.
const CHALLENGE_TTL: Duration = Duration::from_secs(5 * 60);

/// The question for the second factor.
#[derive(Debug)]
pub struct Challenge {
    /// What is answered with: opaque, good once.
    pub token: String,
    /// How long it is good.
    pub expires_in: Duration,
}

/// Asks somebody who has shown a first factor for the second.
pub(super) async fn challenge(
    app: &App,
    cx: &Context,
    shown: FirstFactor,
    now: Timestamp,
) -> Result<Challenge> {
    let (user, token) = (shown.user.id, ChallengeToken::new(&*app.rng));
    let expires_at = now.plus(CHALLENGE_TTL);
    let device = shown.device.as_ref();
    let kind = EventKind::SecondFactorRequired;
    let event = cx.event(app, now, Actor::Anonymous, kind, Some(user));
    let mut statements = shown.uses;
    statements.push(challenges::delete_expired(user, now));
    statements.push(challenges::insert(&token.hash(), user, &shown.methods, device, expires_at));
    statements.push(events::append(&event));
    let commit = app.store.commit(statements).await;
    commit.map_err(|error| error.on_guard(Error::Unauthenticated))?;
    Ok(Challenge { token: token.reveal(), expires_in: CHALLENGE_TTL })
}
