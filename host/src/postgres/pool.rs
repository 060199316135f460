//! Pools of connections, one for each address.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use rustls::pki_types::CertificateDer;
use tokio_postgres::config::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::tls;

/// The most connections to one address.
const POOL_SIZE: usize = 64;

/// The most addresses whose pools are kept.
const MAX_POOLS: usize = 16;

/// The pools of one component, the newest last.
#[derive(Default)]
pub(crate) struct Pools(Mutex<VecDeque<(Key, Pool)>>);

/// An address, and the certificate that is trusted besides the system's.
type Key = (String, Option<CertificateDer<'static>>);

impl Pools {
    /// Leases a connection to `address`, whose parsed form is `config`.
    ///
    /// # Errors
    ///
    /// When none can be made.
    pub(crate) async fn lease(
        &self,
        address: &str,
        config: Config,
        ca_root: Option<CertificateDer<'static>>,
    ) -> Result<Object> {
        let pool = self
            .pool((address.to_owned(), ca_root), config)
            .context("establishing PostgreSQL connection pool")?;
        Ok(pool.get().await?)
    }

    fn pool(&self, key: Key, config: Config) -> Result<Pool> {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = pools.iter().find(|(known, _)| *known == key) {
            return Ok(pool.clone());
        }
        let pool = pool(config, key.1.as_slice())?;
        if pools.len() == MAX_POOLS {
            pools.pop_front();
        }
        pools.push_back((key, pool.clone()));
        Ok(pool)
    }
}

fn pool(config: Config, ca_roots: &[CertificateDer<'static>]) -> Result<Pool> {
    let manager_config = ManagerConfig {
        // It resets much of the session, but does not roll back.
        recycling_method: RecyclingMethod::Clean,
    };
    // Whether it is used is in the configuration: never with `sslmode=disable`.
    let tls = MakeRustlsConnect::new(tls::client(ca_roots)?);
    let manager = Manager::from_config(config, tls, manager_config);
    Ok(Pool::builder(manager).max_size(POOL_SIZE).build()?)
}
