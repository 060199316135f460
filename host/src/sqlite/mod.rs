//! `spin:sqlite@3.1.0`.
//!
//! Every `open` is a new connection, opened at its first statement. Dropping
//! it closes it, and SQLite rolls back what was open on it.

mod connection;

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::{Accessor, FutureReader, HasData, Resource, ResourceTable, StreamReader};

#[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
pub use self::connection::Connection;
pub(crate) use self::connection::Database;
use crate::bindings::sqlite::{
    Error, Host, HostConnection, HostConnectionWithStore, QueryResult, RowResult, Value,
};
use crate::stream::ChannelProducer;

/// The most connections that an instance holds at once.
const MAX_CONNECTIONS: usize = 256;

/// The SQLite connections of one instance.
pub(crate) struct Sqlite {
    databases: Arc<BTreeMap<String, Database>>,
    connections: ResourceTable,
}

impl Sqlite {
    /// `databases` are those that the component lists in its manifest, by label.
    pub(crate) fn new(databases: Arc<BTreeMap<String, Database>>) -> Self {
        let mut connections = ResourceTable::new();
        connections.set_max_capacity(MAX_CONNECTIONS);
        Self { databases, connections }
    }

    fn open(&mut self, label: &str) -> Result<Resource<Connection>, Error> {
        let database = self.databases.get(label).ok_or(Error::AccessDenied)?;
        self.connections
            .push(Connection::new(database.clone()))
            .map_err(|_| Error::Io("too many connections opened".to_owned()))
    }

    fn connection(&self, handle: &Resource<Connection>) -> Result<Connection, Error> {
        self.connections.get(handle).cloned().map_err(|_| Error::InvalidConnection)
    }
}

impl HasData for Sqlite {
    type Data<'a> = &'a mut Sqlite;
}

impl Host for Sqlite {}

impl HostConnection for Sqlite {
    async fn open(&mut self, database: String) -> Result<Resource<Connection>, Error> {
        Sqlite::open(self, &database)
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<QueryResult, Error> {
        self.connection(&connection)?.query(statement, parameters).await
    }

    async fn last_insert_rowid(&mut self, handle: Resource<Connection>) -> wasmtime::Result<i64> {
        Ok(self.connection(&handle)?.last_insert_rowid()?)
    }

    async fn changes(&mut self, handle: Resource<Connection>) -> wasmtime::Result<u64> {
        Ok(self.connection(&handle)?.changes()?)
    }

    async fn drop(&mut self, handle: Resource<Connection>) -> wasmtime::Result<()> {
        self.connections.delete(handle)?;
        Ok(())
    }
}

impl<T: Send> HostConnectionWithStore<T> for Sqlite {
    async fn open_async(
        accessor: &Accessor<T, Self>,
        database: String,
    ) -> Result<Resource<Connection>, Error> {
        accessor.with(|mut access| access.get().open(&database))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<(Vec<String>, StreamReader<RowResult>, FutureReader<Result<(), Error>>), Error>
    {
        let connection = accessor.with(|mut access| access.get().connection(&handle))?;
        let running = connection.stream(statement, parameters).await?;
        accessor
            .with(|mut access| {
                let rows = StreamReader::new(&mut access, ChannelProducer(running.rows))?;
                let end = FutureReader::new(&mut access, running.end)?;
                Ok((running.columns, rows, end))
            })
            .map_err(|error: wasmtime::Error| Error::Io(error.to_string()))
    }

    async fn last_insert_rowid_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        let connection = accessor.with(|mut access| access.get().connection(&handle))?;
        Ok(connection.last_insert_rowid()?)
    }

    async fn changes_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
    ) -> wasmtime::Result<u64> {
        let connection = accessor.with(|mut access| access.get().connection(&handle))?;
        Ok(connection.changes()?)
    }
}
