//! The component: the only place that wires the host, the store, the services
//! and the transports together.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use spin_sdk::http::{IntoResponse, Request};
use spin_sdk::http_service;

use crate::app::{App, Ports, Stdout, SystemClock, SystemRng, Timer};
use crate::config::{Config, ConfigErrors, DatabaseConfig};
use crate::error::Result;
use crate::password_hasher::Argon2id;
use crate::store::database::{BoxFuture, Database};
use crate::store::postgres::SpinPostgres;
use crate::store::sqlite::SpinSqlite;
use crate::transport::http::{Server, misconfigured};

/// What an instance makes once and keeps until the host drops it. Requests share
/// it without waiting for each other: two that come first both make one.
static SERVER: Mutex<Option<Server>> = Mutex::new(None);

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    let request = request.map(Body::new);
    match server().await {
        Ok(server) => server.serve(request).await,
        Err(errors) => misconfigured(&request, &errors),
    }
}

async fn server() -> Result<Server, ConfigErrors> {
    if let Some(server) = SERVER.lock().unwrap_or_else(PoisonError::into_inner).clone() {
        return Ok(server);
    }
    let config = Config::from_spin().await?;
    let ports = ports(&config).map_err(|error| ConfigErrors(vec![format!("{error:?}")]))?;
    let server = Server::new(Arc::new(App::new(config, ports)));
    *SERVER.lock().unwrap_or_else(PoisonError::into_inner) = Some(server.clone());
    Ok(server)
}

fn ports(config: &Config) -> Result<Ports> {
    // A database that does not answer is given up on before the request is.
    let patience = config.request_timeout.mul_f32(0.8);
    let timer: Arc<dyn Timer> = Arc::new(HostTimer);
    let database: Arc<dyn Database> = match &config.database {
        DatabaseConfig::Sqlite => Arc::new(SpinSqlite::new("default", config.durable, patience)),
        DatabaseConfig::Postgres(url) => {
            Arc::new(SpinPostgres::new(url, patience, Arc::clone(&timer)))
        }
    };
    Ok(Ports {
        database,
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng),
        timer,
        // OWASP's minimum, and what fits beside fifteen neighbours.
        passwords: Arc::new(Argon2id::new(19_456, 2)?),
        log: Arc::new(Stdout),
    })
}

struct HostTimer;

impl Timer for HostTimer {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(spin_sdk::time::sleep(duration))
    }
}
