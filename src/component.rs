//! The component: the only place that wires the host, the store, the services
//! and the transports together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use futures_util::future::select;
use spin_sdk::http::{IntoResponse, Request};
use spin_sdk::http_service;

use crate::app::{App, Background, Ports, SystemClock, SystemRng, Timer};
use crate::cache::spin::SpinKeyValue;
use crate::config::{Config, ConfigErrors, DatabaseConfig};
use crate::domain::time::Clock;
use crate::error::Result;
use crate::http_client::SpinHttpClient;
use crate::log::{self, Gathering};
use crate::password_hasher::Argon2id;
use crate::store::database::{BoxFuture, Database};
use crate::store::postgres::SpinPostgres;
use crate::store::sqlite::SpinSqlite;
use crate::timer::SpinTimer;
use crate::transport::{Server, misconfigured};

/// What an instance makes once and keeps until the host drops it.
static SERVER: Mutex<Slot> = Mutex::new(Slot::Empty);

enum Slot {
    Empty,
    Making,
    Made(Server),
}

/// The database in `spin.toml`, by its label.
const SQLITE: &str = "default";

/// How often and how long a request looks whether another one has made the
/// server. Waking across requests traps, so it cannot be told.
const LOOK_EVERY: Duration = Duration::from_micros(200);
const LOOKS: u32 = 5_000;

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    let request = request.map(Body::new);
    match server().await {
        Ok(server) => server.serve(request).await,
        Err(errors) => misconfigured(&request, &errors, SystemClock.now(), &SystemRng, log::stdout),
    }
}

/// The server of this instance. Under load an instance gets sixteen requests at
/// once: one makes the server, the others look until it is there.
async fn server() -> Result<Server, ConfigErrors> {
    for _ in 0..LOOKS {
        {
            let mut slot = slot();
            match &*slot {
                Slot::Made(server) => return Ok(server.clone()),
                Slot::Empty => {
                    *slot = Slot::Making;
                    break;
                }
                Slot::Making => {}
            }
        }
        spin_sdk::time::sleep(LOOK_EVERY).await;
    }
    // Whoever leaves without having made it lets the next one try.
    let making = Making;
    let config = Config::from_spin().await?;
    let ports = ports(&config).map_err(|error| ConfigErrors(vec![format!("{error:?}")]))?;
    let app = Arc::new(App::new(config, ports));
    // With a database that does not answer, this must not take the time that the
    // request has for its own answer.
    let moment = spin_sdk::time::sleep(app.config.request_timeout.mul_f32(0.1));
    select(Box::pin(app.store.warm_up()), Box::pin(moment)).await;
    let server = Server::new(app);
    *slot() = Slot::Made(server.clone());
    drop(making);
    Ok(server)
}

fn slot() -> MutexGuard<'static, Slot> {
    SERVER.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Making;

impl Drop for Making {
    fn drop(&mut self) {
        let mut slot = slot();
        if matches!(*slot, Slot::Making) {
            *slot = Slot::Empty;
        }
    }
}

fn ports(config: &Config) -> Result<Ports> {
    // A database that does not answer is given up on before the request is.
    let patience = config.request_timeout.mul_f32(0.8);
    let clock = Arc::new(SystemClock);
    let sqlite = matches!(config.database, DatabaseConfig::Sqlite).then_some(SQLITE);
    let timer: Arc<dyn Timer> = Arc::new(SpinTimer::new(clock.clone(), sqlite));
    let database: Arc<dyn Database> = match &config.database {
        DatabaseConfig::Sqlite => Arc::new(SpinSqlite::new(SQLITE, config.durable, patience)),
        DatabaseConfig::Postgres(url) => {
            Arc::new(SpinPostgres::new(url, patience, Arc::clone(&timer)))
        }
    };
    // Who waited for a hash that long still has the time for it and for the rest.
    let turn = config.request_timeout.mul_f32(0.4);
    // OWASP's minimum, and what fits beside fifteen neighbours.
    let passwords = Argon2id::new(19_456, 2, clock.clone(), Arc::clone(&timer), turn)?;
    let background: Arc<dyn Background> = Arc::new(AfterResponse);
    let log =
        Gathering::new(log::stdout, clock.clone(), Arc::clone(&timer), Arc::clone(&background));
    Ok(Ports {
        database,
        key_value: Arc::new(SpinKeyValue),
        clock,
        rng: Arc::new(SystemRng),
        timer,
        passwords: Arc::new(passwords),
        log: Arc::new(log),
        http: Arc::new(SpinHttpClient),
        background,
    })
}

/// The host keeps an instance as long as such work goes on.
struct AfterResponse;

impl Background for AfterResponse {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        spin_sdk::wasip3::spawn(work);
    }
}
