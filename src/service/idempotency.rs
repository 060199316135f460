//! Requests that may be sent again: done once, answered every time.
//!
//! The answer is kept in the commit of what it tells: so there is no moment in which
//! something was done and its answer is not known, and of several that do the same
//! at the same time, all but one are undone. Whoever fails looks whether another one
//! was faster. What failed changed nothing, is not kept, and may be tried again.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::{Context, access};
use crate::app::App;
use crate::domain::encoding::HEX;
use crate::domain::idempotency::{IdempotencyKey, KEPT, MIN_ANONYMOUS_LENGTH, Repeatable};
use crate::domain::secret::{Purpose, equal};
use crate::error::{Error, Result};
use crate::store::answers::{self, StoredAnswer};
use crate::store::database::{DatabaseError, Row, Statement};

/// When to ask again for what is being done.
pub const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The repeatable requests that this instance is at.
#[derive(Debug, Clone, Default)]
pub struct Running(Arc<Mutex<HashSet<[u8; 32]>>>);

impl Running {
    /// Takes a turn, which ends when it is dropped; `None` while somebody has it.
    fn enter(&self, request: Repeatable) -> Option<Turn> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(request.id).then(|| Turn { running: self.clone(), request })
    }
}

struct Turn {
    running: Running,
    request: Repeatable,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut running = self.running.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.request.id);
    }
}

/// Writes what a request came to as the answer to it; `None` if it is of another
/// type than was announced.
pub(super) type Render = Box<dyn Fn(&dyn Any) -> Option<Vec<u8>> + Send + Sync>;

/// A request that is done once, however often it is sent.
pub struct Once {
    turn: Turn,
    render: OnceLock<Render>,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("request", &self.turn.request).finish_non_exhaustive()
    }
}

/// What becomes of a request with a key.
pub enum Begun {
    /// It was answered before, in this way.
    Answered(Vec<u8>),
    /// It is to be done now.
    Now(Arc<Once>),
    /// It is not to be done: its sender shows no good credential, and others could guess
    /// its key. A sentence.
    Guessable(String),
}

/// Finds out whether a request was answered before: by the same caller, on the same
/// route, with the same key. One statement. `request` is all else that it asks by.
pub async fn begin(
    app: &App,
    cx: &Context,
    key: &IdempotencyKey,
    route: &str,
    request: &[&[u8]],
) -> Result<Begun> {
    let of = |caller: &str| Repeatable::new(&app.config.secret_key, caller, route, key, request);
    let Some((request, row)) = find(app, cx, of, key).await? else {
        let why = format!(
            "Without a credential, the Idempotency-Key must have at least \
             {MIN_ANONYMOUS_LENGTH} characters, so that nobody guesses it."
        );
        return Ok(Begun::Guessable(why));
    };
    if let Some(answer) = open(app, &request, row)? {
        return Ok(Begun::Answered(answer));
    }
    let turn = app.running.enter(request).ok_or(Error::InProgress { retry_after: ASK_AGAIN })?;
    Ok(Begun::Now(Arc::new(Once { turn, render: OnceLock::new() })))
}

/// The answer that somebody else gave meanwhile to a request that failed here.
pub async fn answered_meanwhile(app: &App, once: &Once) -> Result<Option<Vec<u8>>> {
    let request = once.turn.request;
    let row = app.store.query(answers::by_id(&request.id, app.now())).await?.into_iter().next();
    open(app, &request, row)
}

/// The request as its caller's, and what was answered to it; `None` if the key is too
/// short for its caller. Who only claims to be somebody is nobody here: they see no
/// answer of others.
async fn find(
    app: &App,
    cx: &Context,
    of: impl Fn(&str) -> Repeatable,
    key: &IdempotencyKey,
) -> Result<Option<(Repeatable, Option<Row>)>> {
    let now = app.now();
    if let Some(caller) = cx.credentials.claimed() {
        let request = of(&caller);
        let target = answers::by_id(&request.id, now);
        match access::caller_with(app, cx, target, "").await {
            Ok((_, rows)) => return Ok(Some((request, rows.into_iter().next()))),
            Err(Error::Unauthenticated) => {}
            Err(error) => return Err(error),
        }
    }
    if key.length() < MIN_ANONYMOUS_LENGTH {
        return Ok(None);
    }
    // Of nobody, another body is another request: that the key was used with another one
    // would tell who guesses a password that it was not this.
    let shown = cx.credentials.shown();
    let body = HEX.encode(&of(&shown).fingerprint);
    let request = of(&format!("{shown} {body}"));
    let row = app.store.query(answers::by_id(&request.id, now)).await?.into_iter().next();
    Ok(Some((request, row)))
}

fn open(app: &App, request: &Repeatable, row: Option<Row>) -> Result<Option<Vec<u8>>> {
    let stored = row.map(answers::from_row).transpose()?;
    stored.map(|stored| unseal(app, request, &stored)).transpose()
}

fn unseal(app: &App, request: &Repeatable, stored: &StoredAnswer) -> Result<Vec<u8>> {
    if !equal(&stored.fingerprint, &request.fingerprint) {
        return Err(Error::KeyReused);
    }
    let answer = app.config.secret_key.open(Purpose::Answers, &request.id, &stored.sealed);
    let answer = answer.ok_or_else(|| {
        Error::internal(
            "an answer cannot be decrypted: secret_key is not the one that it was stored with",
        )
    })?;
    Ok(answer.to_vec())
}

impl Once {
    /// A part of the request, by its number. It is done once as well, even when the
    /// request breaks off before its own answer is kept; `render` writes what it comes to.
    pub(super) fn part(&self, app: &App, number: usize, render: Render) -> Self {
        let request = self.turn.request.part(&app.config.secret_key, number);
        let turn = Turn { running: self.turn.running.clone(), request };
        Self { turn, render: OnceLock::from(render) }
    }

    /// What its first parts came to, of those that were done before. One statement.
    pub(super) async fn parts(&self, app: &App, count: usize) -> Result<Vec<Option<Vec<u8>>>> {
        let part = |number| self.turn.request.part(&app.config.secret_key, number);
        let parts: Vec<_> = (0..count).map(part).collect();
        let ids = parts.iter().map(|part| part.id);
        let rows = app.store.query(answers::by_ids(ids, app.now())).await?;
        let kept = rows.into_iter().map(answers::of_many_from_row);
        let kept: HashMap<_, _> = kept.collect::<Result<_, _>>()?;
        let answer = |part: &Repeatable| {
            kept.get(&part.id).map(|stored| unseal(app, part, stored)).transpose()
        };
        parts.iter().map(answer).collect()
    }

    fn keep(&self, app: &App, outcome: &dyn Any) -> Result<Statement, DatabaseError> {
        let answer = self.render.get().and_then(|render| render(outcome));
        let answer = answer.ok_or_else(|| {
            DatabaseError::Other("the outcome of a repeatable request has no answer".to_owned())
        })?;
        let (request, now) = (&self.turn.request, app.now());
        let key = &app.config.secret_key;
        let sealed = key.seal(Purpose::Answers, &request.id, &answer, &*app.rng);
        Ok(answers::keep(request, &sealed, now, now.plus(KEPT)))
    }
}

impl Context {
    /// Announces what the request comes to, and how that is answered.
    pub fn answer_with<T: 'static>(
        &self,
        render: impl Fn(&T) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) {
        if let Some(once) = &self.once {
            let render = move |outcome: &dyn Any| outcome.downcast_ref().and_then(&render);
            let _ = once.render.set(Box::new(render));
        }
    }

    /// Commits what the request asks for and comes to; with its answer, if it may be
    /// sent again. Every POST ends in this.
    pub(super) fn commit<T: 'static>(
        &self,
        app: &App,
        statements: impl IntoIterator<Item = Statement>,
        outcome: &T,
    ) -> impl Future<Output = Result<(), DatabaseError>> + Send {
        let keep = self.once.as_ref().map(|once| once.keep(app, outcome));
        // What follows is compiled once, not for every outcome.
        commit(app, keep, statements.into_iter().collect())
    }
}

async fn commit(
    app: &App,
    keep: Option<Result<Statement, DatabaseError>>,
    mut statements: Vec<Statement>,
) -> Result<(), DatabaseError> {
    let Some(keep) = keep else { return app.store.commit(statements).await };
    statements.insert(0, keep?);
    match app.store.commit(statements).await {
        Err(DatabaseError::Guard { statement }) => Err(match statement.checked_sub(1) {
            Some(statement) => DatabaseError::Guard { statement },
            None => DatabaseError::Repeated,
        }),
        result => result,
    }
}
