//! Rate limits: asked before what is costly or could be guessed.
//!
//! There are two ways to ask. [`spend`] counts every use: one statement. An
//! [`Attempt`] counts only what fails, which is for secrets: it reads how full
//! the buckets are together with what the secret is compared with, and what
//! succeeds writes nothing. Guessing many at once gains nothing: a success, too,
//! is told only if there is something left by then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::encoding::HEX;

use super::Context;
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::event::Actor;
use crate::domain::rate_limit::{Bucket, By, Level, Limit, Policy, Standing};
use crate::domain::secret::Purpose;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::store::database::{Row, Statement};
use crate::store::rate_limits;

/// Whose account something is about.
#[derive(Debug, Clone, Copy)]
pub enum Account<'a> {
    /// Whoever acts, who is known already: a user or an API key.
    Actor(Actor),
    /// An address that somebody gave, whether or not anybody has it. All its
    /// forms are one account.
    Email(&'a Email),
}

/// How the caller stands with the limits that the request met last, or with those
/// that refused it. The transport tells it in every answer.
#[derive(Debug, Clone, Default)]
pub struct Standings(Arc<Mutex<Vec<Standing>>>);

impl Standings {
    /// What there is to tell; nothing where no limit was met.
    pub fn get(&self) -> Vec<Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells of these, and of no others that were met before.
    pub(super) fn set(&self, standings: Vec<Standing>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = standings;
    }
}

/// Counts one use by every limit of a policy, or fails if one has nothing left.
pub async fn spend(
    app: &App,
    cx: &Context,
    policy: Policy,
    account: Option<Account<'_>>,
) -> Result<()> {
    Attempt::new(app, cx, policy, account).spend(app).await.map(|_| ())
}

/// Something that may fail, and is counted if it does.
pub struct Attempt<'a> {
    cx: &'a Context,
    buckets: Vec<Bucket>,
    levels: HashMap<String, Level>,
}

/// What a failed attempt left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// The next one may follow.
    SomeLeft,
    /// The account has none left: somebody guesses.
    AccountExhausted,
}

impl<'a> Attempt<'a> {
    /// An attempt at an account. Limits by account need one; without, they do
    /// not apply.
    pub fn new(app: &App, cx: &'a Context, policy: Policy, account: Option<Account<'_>>) -> Self {
        let bucket = |limit| {
            let key = key(app, cx, limit, account)?;
            Some(Bucket::new(key, policy.window, limit, app.config.rate_limit_scale))
        };
        Self {
            cx,
            buckets: policy.limits.iter().filter_map(bucket).collect(),
            levels: HashMap::new(),
        }
    }

    /// Reads a row of `target` and, in the same statement, how full the buckets
    /// are. [`Attempt::require_left`] must come before the row is believed.
    pub async fn look(&mut self, app: &App, target: Statement) -> Result<Option<Row>> {
        let statement = rate_limits::levels_with(&self.buckets, target);
        let row = app.store.query(statement).await?.into_iter().next();
        let row = row.ok_or_else(|| Error::internal("a look at limits gave no row"))?;
        let mut columns = row.read();
        let levels = rate_limits::levels_from_columns(&mut columns, self.buckets.len())?;
        let found = self.buckets.iter().zip(levels);
        self.levels = found.filter_map(|(b, level)| Some((b.key.clone(), level?))).collect();
        Ok((!columns.rest_is_null()).then(|| columns.rest()))
    }

    /// The owner was here before: what strangers use up does not matter.
    pub fn at_known_place(&mut self) {
        self.buckets.retain(|bucket| bucket.limit.by != By::AccountElsewhere);
    }

    /// Fails if nothing was left when [`Attempt::look`] looked.
    pub fn require_left(&self, now: Timestamp) -> Result<()> {
        let standings: Vec<_> = self.standings(now).collect();
        let exhausted: Vec<_> = standings.iter().copied().filter(|s| s.remaining == 0).collect();
        match exhausted.iter().max_by_key(|standing| standing.reset) {
            Some(Standing { reset, limit, .. }) => {
                self.cx.limits.set(exhausted.clone());
                Err(Error::TooManyRequests { retry_after: *reset, limit: limit.name })
            }
            None => {
                self.tell(&standings);
                Ok(())
            }
        }
    }

    /// Counts the attempt. Fails if by now nothing is left: then nobody may learn
    /// how it would have ended.
    pub async fn spend(mut self, app: &App) -> Result<Failed> {
        if self.buckets.is_empty() {
            return Ok(Failed::SomeLeft);
        }
        let now = app.now();
        let spent = app.store.query(rate_limits::spend(&self.buckets, now)).await?;
        if spent.len() < self.buckets.len() {
            self.look_again(app).await?;
            // It was empty a moment ago, when it mattered.
            return Err(Error::TooManyRequests {
                retry_after: std::time::Duration::from_secs(1),
                limit: self.buckets.first().map_or("", |bucket| bucket.limit.name),
            });
        }
        self.levels = spent.into_iter().map(rate_limits::from_row).collect::<Result<_, _>>()?;
        let standings: Vec<_> = self.standings(now).collect();
        self.tell(&standings);
        let exhausted = |s: &Standing| s.limit.by != By::Address && s.remaining == 0;
        Ok(if standings.iter().any(exhausted) {
            Failed::AccountExhausted
        } else {
            Failed::SomeLeft
        })
    }

    /// Undoes the commit of a success if by then nothing is left.
    pub fn still_left(&self, now: Timestamp) -> Statement {
        rate_limits::require_left(&self.buckets, now)
    }

    /// Fails if by now nothing is left: why [`Attempt::still_left`] may have missed,
    /// and the look of what reads no row besides.
    pub async fn look_again(&mut self, app: &App) -> Result<()> {
        let rows = app.store.query(rate_limits::levels(&self.buckets)).await?;
        self.levels = rows.into_iter().map(rate_limits::from_row).collect::<Result<_, _>>()?;
        self.require_left(app.now())
    }

    /// Forgets, after a success, what failed here before: for the same commit.
    /// Nothing where nothing failed.
    pub fn forget(&self) -> Option<Statement> {
        let here = self.buckets.iter().find(|bucket| bucket.limit.by == By::AccountHere)?;
        self.levels.contains_key(&here.key).then(|| rate_limits::fill(here))
    }

    /// Tells of what is left after a success, of which nothing was counted.
    pub fn succeeded(mut self, now: Timestamp) {
        let here = self.buckets.iter().find(|bucket| bucket.limit.by == By::AccountHere);
        if let Some(here) = here {
            self.levels.remove(&here.key);
        }
        self.tell_left(now);
    }

    /// Tells of what is left, if anything: to those whom no limit stops.
    pub fn tell_left(&self, now: Timestamp) {
        let standings: Vec<_> = self.standings(now).collect();
        self.tell(&standings);
    }

    fn standings(&self, now: Timestamp) -> impl Iterator<Item = Standing> {
        let level = |bucket: &Bucket| self.levels.get(&bucket.key).copied();
        self.buckets.iter().map(move |bucket| bucket.standing(level(bucket), now))
    }

    /// Tells the transport. Whether the account was signed in to from here before
    /// is nobody's business: the limit that depends on it is told of only when it
    /// is the reason of a refusal.
    fn tell(&self, standings: &[Standing]) {
        let open = standings.iter().filter(|s| s.limit.by != By::AccountElsewhere);
        self.cx.limits.set(open.copied().collect());
    }
}

/// The name of a bucket in the database: an HMAC, so that the table tells nobody
/// who tried to sign in from where. `None` if the limit does not apply: those by
/// address do not where the host names none, for then all clients would be one.
fn key(app: &App, cx: &Context, limit: &Limit, account: Option<Account<'_>>) -> Option<String> {
    let account = account.map(|account| match account {
        Account::Actor(actor) => actor.to_string(),
        Account::Email(email) => format!("email {}", email.normalized()),
    });
    let subject = match limit.by {
        By::Address => cx.place()?.to_string(),
        By::Account | By::AccountElsewhere => account?,
        By::AccountHere => format!("{} {}", cx.place()?, account?),
    };
    let parts: [&[u8]; 3] = [limit.name.as_bytes(), b" ", subject.as_bytes()];
    Some(HEX.encode(&app.config.secret_key.authenticate(Purpose::RateLimits, &parts)))
}
