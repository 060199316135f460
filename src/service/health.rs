//! Whether the service can do its work.

use crate::app::App;
use crate::store::migrate::State;

/// One thing that must be so, and what is wrong with it.
#[derive(Debug)]
pub struct Check {
    /// Which thing.
    pub name: &'static str,
    /// A sentence for the operator; `None` if all is well.
    pub problem: Option<String>,
}

/// Whether the database answers and has the schema that this component needs.
pub async fn ready(app: &App) -> Vec<Check> {
    let (database, migrations) = match app.store.migrations().await {
        Ok(State::Pending(_)) if app.config.auto_migrate => match app.store.migrate().await {
            Ok(_) => (None, None),
            Err(error) => (None, Some(error.to_string())),
        },
        Ok(State::Current) => (None, None),
        Ok(other) => (None, Some(other.to_string())),
        Err(error) => (Some(error.to_string()), Some("not known".to_owned())),
    };
    vec![
        Check { name: "settings", problem: None },
        Check { name: "database", problem: database },
        Check { name: "migrations", problem: migrations },
    ]
}
