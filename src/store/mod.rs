//! SQL, written once for both databases. One file for each resource.
//!
//! Reads return `Option` for "not there"; an error means "could not ask".
//! Writes are values: a write function returns a [`Statement`], and
//! [`Store::commit`] runs a list of them as one change.

pub mod addressees;
pub mod answers;
pub mod api_keys;
pub mod audit;
pub mod callers;
pub mod challenges;
pub mod changes;
pub mod database;
pub mod deferred;
pub mod events;
pub mod factors;
pub mod finding;
pub mod health;
pub mod imports;
pub mod invitations;
pub mod keys;
pub mod mails;
pub mod migrate;
pub mod one_time_tokens;
pub mod own_data;
#[cfg(target_family = "wasm")]
pub mod postgres;
pub mod postgres_commit;
pub mod rate_limits;
pub mod registrations;
pub mod roles;
pub mod sessions;
#[cfg(target_family = "wasm")]
pub mod sqlite;
pub mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use crate::cache::Cache;
use crate::domain::time::Timestamp;
use database::{Database, DatabaseError, Row, Statement, Touch};
use deferred::Deferred;

/// How often a commit that collided with others is tried again: of those in a
/// deadlock, one is undone.
const COLLISIONS: u32 = 3;

/// How long an instance believes that the schema is current: a newer component may
/// migrate the database meanwhile.
const SCHEMA_BELIEVED: Duration = Duration::from_secs(60);

/// The database, as services use it.
#[derive(Clone)]
pub struct Store {
    database: Arc<dyn Database>,
    cache: Arc<Cache>,
    schema: Arc<Schema>,
    auto_migrate: bool,
}

/// What was seen of the migrations.
struct Schema {
    is_current: AtomicBool,
    /// In microseconds.
    look_again_at: AtomicI64,
}

impl Store {
    /// A store over a database. With `auto_migrate`, what is pending is applied
    /// before the first use; without, its use fails until somebody applied it.
    pub fn new(
        database: Arc<dyn Database>,
        cache: Arc<Cache>,
        auto_migrate: bool,
        now: Timestamp,
    ) -> Self {
        let look_again_at = AtomicI64::new(now.plus(SCHEMA_BELIEVED).micros());
        let schema = Arc::new(Schema { is_current: AtomicBool::new(false), look_again_at });
        Self { database, cache, schema, auto_migrate }
    }

    /// Runs one statement, which is atomic by itself.
    pub async fn query(&self, statement: Statement) -> Result<Vec<Row>, DatabaseError> {
        self.require_migrated().await?;
        let (expected, touches) = (statement.rows, statement.touches.clone());
        let _changing = self.cache.changing(&touches);
        let result = self.database.query(statement).await;
        self.forget(&touches, &result).await;
        let rows = result?;
        match expected {
            Some(expected) if rows.len() != expected => Err(DatabaseError::Guard { statement: 0 }),
            _ => Ok(rows),
        }
    }

    /// Runs statements as one change: all of them, or none.
    pub fn commit(
        &self,
        statements: impl IntoIterator<Item = Statement>,
    ) -> impl Future<Output = Result<(), DatabaseError>> + Send {
        // What follows is compiled once, not for every kind of list.
        self.commit_all(statements.into_iter().collect())
    }

    async fn commit_all(&self, statements: Vec<Statement>) -> Result<(), DatabaseError> {
        self.require_migrated().await?;
        if statements.is_empty() {
            return Ok(());
        }
        let touches: Vec<_> = statements.iter().flat_map(|s| s.touches.iter().copied()).collect();
        let _changing = self.cache.changing(&touches);
        let result = self.commit_again(statements).await;
        self.forget(&touches, &result).await;
        result
    }

    async fn commit_again(&self, statements: Vec<Statement>) -> Result<(), DatabaseError> {
        for _ in 0..COLLISIONS {
            match self.database.commit(statements.clone()).await {
                Err(DatabaseError::Collision(_)) => {}
                result => return result,
            }
        }
        self.database.commit(statements).await
    }

    /// What has changed, or may have, the shared store does not remember any longer.
    async fn forget<T>(&self, touches: &[Touch], result: &Result<T, DatabaseError>) {
        let may_have_changed = matches!(result, Ok(_) | Err(DatabaseError::InDoubt(_)));
        if may_have_changed && !touches.is_empty() {
            self.cache.forget(touches).await;
        }
    }

    /// The same store, whose commits wait in the second one to become one.
    pub fn deferred(&self) -> (Self, Arc<Deferred>) {
        let deferred = Arc::new(Deferred::new(Arc::clone(&self.database)));
        (Self { database: deferred.clone(), ..self.clone() }, deferred)
    }

    /// Looks at the migrations before the first request needs them, so that not
    /// every one of the requests that come together looks. A failure shows where
    /// the database is used.
    pub async fn warm_up(&self) {
        let _ = self.require_migrated().await;
    }

    /// Looks at the migrations again before the next use, if that was a while ago.
    /// Each request says when it came, so that the store need not ask for the time.
    pub fn look_again(&self, now: Timestamp) {
        if now.micros() >= self.schema.look_again_at.load(Ordering::Relaxed) {
            let next = now.plus(SCHEMA_BELIEVED).micros();
            self.schema.look_again_at.store(next, Ordering::Relaxed);
            self.schema.is_current.store(false, Ordering::Relaxed);
        }
    }

    /// Which migrations the database has had. Unless they are those of this
    /// component, it is not used until they are.
    pub async fn migrations(&self) -> Result<migrate::State, DatabaseError> {
        let state = migrate::state(&*self.database).await?;
        let is_current = state == migrate::State::Current;
        self.schema.is_current.store(is_current, Ordering::Relaxed);
        Ok(state)
    }

    /// Applies what is pending and says what that was.
    pub async fn migrate(&self) -> Result<Vec<i64>, DatabaseError> {
        migrate::apply(&*self.database).await
    }

    async fn require_migrated(&self) -> Result<(), DatabaseError> {
        if self.schema.is_current.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut state = self.migrations().await?;
        if self.auto_migrate && matches!(state, migrate::State::Pending(_)) {
            // Whatever stands in the way: what was asked for is not begun.
            let unavailable = |error: DatabaseError| DatabaseError::Unavailable(error.to_string());
            self.migrate().await.map_err(unavailable)?;
            state = self.migrations().await?;
        }
        match state {
            migrate::State::Current => Ok(()),
            other => Err(DatabaseError::Unavailable(other.to_string())),
        }
    }
}
