//! `spin:postgres@4.2.0`.
//!
//! A connection is a lease from a pool. It goes back as it is: a transaction
//! that is open then stays open for whoever leases it next, as on Spin.

mod pool;
mod query;
mod range;
mod value;

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::config::{Config, Host as Address};
use wasmtime::component::{Accessor, FutureReader, HasData, Resource, ResourceTable, StreamReader};

pub(crate) use self::pool::Pools;
use crate::allowed_hosts::AllowedHosts;
use crate::bindings::postgres::{
    Column, Error, Host, HostConnection, HostConnectionBuilder, HostConnectionBuilderWithStore,
    HostConnectionWithStore, ParameterValue, Row, RowSet,
};
use crate::stream::ChannelProducer;

/// The most connections that an instance holds at once.
const MAX_CONNECTIONS: usize = 1024;

/// What a component may connect to, and its pools.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) allowed_hosts: Arc<AllowedHosts>,
    pub(crate) pools: Arc<Pools>,
}

/// The Postgres connections of one instance.
pub(crate) struct Postgres {
    server: Server,
    table: ResourceTable,
}

/// A connection that is leased from its pool until it is dropped.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
pub struct Connection(Arc<deadpool_postgres::Object>);

/// What to connect to, and whom to trust.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
pub struct ConnectionBuilder {
    address: String,
    ca_root: Option<CertificateDer<'static>>,
}

impl Postgres {
    pub(crate) fn new(server: Server) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_CONNECTIONS);
        Self { server, table }
    }

    fn connection(&self, handle: &Resource<Connection>) -> Result<Connection, Error> {
        self.table
            .get(handle)
            .cloned()
            .map_err(|_| Error::ConnectionFailed("no connection found".to_owned()))
    }

    fn builder(&self, handle: &Resource<ConnectionBuilder>) -> Result<ConnectionBuilder, Error> {
        self.table
            .get(handle)
            .cloned()
            .map_err(|_| Error::ConnectionFailed("no builder found".to_owned()))
    }

    fn keep(&mut self, connection: Connection) -> Result<Resource<Connection>, Error> {
        self.table
            .push(connection)
            .map_err(|_| Error::ConnectionFailed("too many connections".to_owned()))
    }
}

impl ConnectionBuilder {
    fn new(address: String) -> Self {
        Self { address, ca_root: None }
    }

    /// Leases a connection. It waits for one as long as it takes.
    async fn build(self, server: &Server) -> Result<Connection, Error> {
        let config: Config = self
            .address
            .parse()
            .map_err(|error: tokio_postgres::Error| Error::ConnectionFailed(error.to_string()))?;
        check_hosts(&server.allowed_hosts, &config)?;
        server
            .pools
            .lease(&self.address, config, self.ca_root)
            .await
            .map(|connection| Connection(Arc::new(connection)))
            .map_err(|error| Error::ConnectionFailed(format!("{error:?}")))
    }
}

fn check_hosts(allowed_hosts: &AllowedHosts, config: &Config) -> Result<(), Error> {
    let ports = config.get_ports();
    for (index, host) in config.get_hosts().iter().enumerate() {
        let Address::Tcp(host) = host else {
            let reason = "Unix sockets are not supported on WebAssembly";
            return Err(Error::ConnectionFailed(reason.to_owned()));
        };
        // One port is for all hosts, several are one for each.
        let port = match ports {
            [port] => Some(*port),
            ports => ports.get(index).copied(),
        };
        if !allowed_hosts.check("postgres", host, port) {
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            return Err(Error::ConnectionFailed(format!(
                "address postgres://{host}{port} is not permitted"
            )));
        }
    }
    Ok(())
}

impl HasData for Postgres {
    type Data<'a> = &'a mut Postgres;
}

impl Host for Postgres {}

impl HostConnectionBuilder for Postgres {
    async fn new(&mut self, address: String) -> wasmtime::Result<Resource<ConnectionBuilder>> {
        Ok(self.table.push(ConnectionBuilder::new(address))?)
    }

    async fn set_ca_root(
        &mut self,
        handle: Resource<ConnectionBuilder>,
        certificate: String,
    ) -> Result<(), Error> {
        let ca_root = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|error| Error::Other(format!("invalid root certificate: {error}")))?;
        let builder = self
            .table
            .get_mut(&handle)
            .map_err(|_| Error::ConnectionFailed("no builder found".to_owned()))?;
        builder.ca_root = Some(ca_root);
        Ok(())
    }

    async fn build(
        &mut self,
        handle: Resource<ConnectionBuilder>,
    ) -> Result<Resource<Connection>, Error> {
        let connection = self.builder(&handle)?.build(&self.server).await?;
        self.keep(connection)
    }

    async fn drop(&mut self, handle: Resource<ConnectionBuilder>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl<T: Send> HostConnectionBuilderWithStore<T> for Postgres {
    async fn build_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<ConnectionBuilder>,
    ) -> Result<Resource<Connection>, Error> {
        let builder = accessor.with(|mut access| access.get().builder(&handle))?;
        open(accessor, builder).await
    }
}

async fn open<T: Send>(
    accessor: &Accessor<T, Postgres>,
    builder: ConnectionBuilder,
) -> Result<Resource<Connection>, Error> {
    let server = accessor.with(|mut access| access.get().server.clone());
    let connection = builder.build(&server).await?;
    accessor.with(|mut access| access.get().keep(connection))
}

impl HostConnection for Postgres {
    async fn open(&mut self, address: String) -> Result<Resource<Connection>, Error> {
        let builder = ConnectionBuilder::new(address);
        let connection = builder.build(&self.server).await?;
        self.keep(connection)
    }

    async fn query(
        &mut self,
        handle: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<RowSet, Error> {
        self.connection(&handle)?.query(&statement, &parameters).await
    }

    async fn execute(
        &mut self,
        handle: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<u64, Error> {
        self.connection(&handle)?.execute(&statement, &parameters).await
    }

    async fn drop(&mut self, handle: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl<T: Send> HostConnectionWithStore<T> for Postgres {
    async fn open_async(
        accessor: &Accessor<T, Self>,
        address: String,
    ) -> Result<Resource<Connection>, Error> {
        open(accessor, ConnectionBuilder::new(address)).await
    }

    async fn query_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<(Vec<Column>, StreamReader<Row>, FutureReader<Result<(), Error>>), Error> {
        let connection = accessor.with(|mut access| access.get().connection(&handle))?;
        let running = connection.stream(&statement, &parameters).await?;
        accessor
            .with(|mut access| {
                let rows = StreamReader::new(&mut access, ChannelProducer(running.rows))?;
                let end = FutureReader::new(&mut access, running.end)?;
                Ok((running.columns, rows, end))
            })
            .map_err(|error: wasmtime::Error| Error::Other(error.to_string()))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<u64, Error> {
        let connection = accessor.with(|mut access| access.get().connection(&handle))?;
        connection.execute(&statement, &parameters).await
    }
}
