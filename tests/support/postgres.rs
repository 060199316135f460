//! The `Database` port over Postgres as a library, with the semantics of the
//! driver for Spin: every connection is in autocommit state, a commit is one call
//! of the function that `migrations/prepare.postgres.sql` installs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rollcall::store::database::{
    BoxFuture, Database, DatabaseError, Dialect, Row, Statement, Value,
};
use rollcall::store::postgres_commit::{commit, in_postgres, meaning};
use tokio::runtime;
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls};

/// A schema of its own on a server that somebody else started.
pub(crate) struct Postgres {
    config: Config,
    /// A connection lives on the runtime that made it.
    idle: Mutex<Vec<(runtime::Id, Client)>>,
}

impl Postgres {
    /// An empty schema on the server at `url`.
    pub(crate) async fn new(url: &str) -> Self {
        static SCHEMAS: AtomicUsize = AtomicUsize::new(0);
        let number = SCHEMAS.fetch_add(1, Ordering::SeqCst);
        let schema = format!("test_{}_{number}", std::process::id());
        let mut config: Config = url.parse().unwrap();
        config.options(format!("-c search_path={schema}"));
        let postgres = Self { config, idle: Mutex::new(Vec::new()) };
        let create = format!("CREATE SCHEMA {schema}");
        postgres.run(Statement::new(create, Vec::new())).await.unwrap();
        postgres
    }

    async fn run(&self, statement: Statement) -> Result<Vec<Row>, DatabaseError> {
        let runtime = runtime::Handle::current().id();
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let place = idle.iter().position(|(home, _)| *home == runtime);
            place.map(|place| idle.swap_remove(place).1)
        };
        let client = match idle {
            Some(client) => client,
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(failed)?;
                tokio::spawn(connection);
                client
            }
        };
        let params: Vec<_> = statement.params.into_iter().map(Param).collect();
        let params: Vec<_> = params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
        let rows = client.query(in_postgres(&statement.sql).as_ref(), &params).await;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((runtime, client));
        rows.map_err(failed)?.iter().map(from_postgres).collect()
    }
}

impl Database for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(&self, statement: Statement) -> BoxFuture<'_, Result<Vec<Row>, DatabaseError>> {
        Box::pin(self.run(statement))
    }

    fn commit(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<(), DatabaseError>> {
        let statement = commit(&statements);
        Box::pin(async move { self.run(statement).await.map(drop) })
    }
}

/// A parameter as Spin hands it over: of one type, and NULL of any.
#[derive(Debug)]
struct Param(Value);

impl ToSql for Param {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match &self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(integer) => integer.to_sql_checked(kind, out),
            Value::Text(text) => text.to_sql_checked(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn from_postgres(row: &tokio_postgres::Row) -> Result<Row, DatabaseError> {
    let value = |(index, column): (usize, &tokio_postgres::Column)| match *column.type_() {
        Type::INT8 => Ok(row.get::<_, Option<i64>>(index).into()),
        Type::INT4 => Ok(row.get::<_, Option<i32>>(index).map(i64::from).into()),
        Type::TEXT => Ok(row.get::<_, Option<String>>(index).into()),
        ref other => Err(DatabaseError::Other(format!("a column of the type {other}"))),
    };
    Ok(Row::new(row.columns().iter().enumerate().map(value).collect::<Result<_, _>>()?))
}

fn failed(error: tokio_postgres::Error) -> DatabaseError {
    match error.as_db_error() {
        Some(error) => meaning(error.code().code(), error.message(), error.constraint()),
        None => DatabaseError::Other(format!("{error:?}")),
    }
}
