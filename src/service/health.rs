//! Whether the service can do its work.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::app::App;
use crate::domain::time::Timestamp;
use crate::service::signing_keys::OTHER_SECRET;
use crate::store::database::DatabaseError;
use crate::store::health;
use crate::store::migrate::State;

/// How long it is believed that changes can be made: everybody may ask, and to
/// find out costs a write.
const WRITES_BELIEVED: Duration = Duration::from_secs(1);

/// One thing that must be so, and what is wrong with it.
#[derive(Debug)]
pub struct Check {
    /// Which thing.
    pub name: &'static str,
    /// A sentence for the operator; `None` if all is well.
    pub problem: Option<String>,
}

/// When this instance last saw that changes can be made.
#[derive(Default)]
pub struct Writes(Mutex<Option<Timestamp>>);

impl Writes {
    /// Fails unless changes can be made, or could be a moment ago.
    async fn check(&self, app: &App) -> Result<(), DatabaseError> {
        let now = app.now();
        let seen = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_some_and(|seen| now.since(seen) < WRITES_BELIEVED) {
            return Ok(());
        }
        health::require_order(app.store.query(health::write_something()).await?)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(())
    }
}

/// Whether the database answers, takes changes, has the schema that this component needs,
/// and was written with this secret.
pub async fn ready(app: &App) -> Vec<Check> {
    let (database, migrations) = match app.store.migrations().await {
        Ok(State::Pending(_)) if app.config.auto_migrate => match app.store.migrate().await {
            Ok(_) => (writes(app).await, None),
            Err(error) => (None, Some(error.to_string())),
        },
        Ok(State::Current) => (writes(app).await, None),
        Ok(other) => (None, Some(other.to_string())),
        Err(error) => (Some(error.to_string()), Some("not known".to_owned())),
    };
    let settings = match (&database, &migrations) {
        (None, None) => secret_key(app).await,
        _ => None,
    };
    vec![
        Check { name: "settings", problem: settings },
        Check { name: "database", problem: database },
        Check { name: "migrations", problem: migrations },
    ]
}

/// What is wrong with the secret by which the database was written, if anything was.
async fn secret_key(app: &App) -> Option<String> {
    let error = app.keys.check(app).await.err()?;
    error.cause().filter(|cause| *cause == OTHER_SECRET).map(str::to_owned)
}

async fn writes(app: &App) -> Option<String> {
    app.writes.check(app).await.err().map(|error| error.to_string())
}
