//! What is about the database, on both: SQLite in a folder, and a Postgres.

mod backups;
mod conformance;
mod faults;
mod imports;
mod isolation;
mod kills;
mod migrations;
mod retries;
mod versions;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use rollcall_testkit::host::Builder;
use rollcall_testkit::{Postgres, build, postgres};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::service::{on_postgres, on_sqlite};

/// A database that outlives the services on it.
pub(crate) enum Database {
    Sqlite(TempDir),
    Postgres { server: Postgres, url: String },
}

impl Database {
    /// An empty one in a folder.
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// An empty one on a server of its own.
    pub(crate) fn postgres() -> Self {
        let server = Postgres::start_with(&["max_connections=300"]);
        let url = server.database();
        Self::Postgres { server, url }
    }

    /// One of each.
    pub(crate) fn both() -> [Self; 2] {
        [Self::sqlite(), Self::postgres()]
    }

    /// How to start a service on it.
    pub(crate) fn builder(&self) -> Builder {
        match self {
            Self::Sqlite(folder) => on_sqlite().state_dir(folder.path()),
            Self::Postgres { url, .. } => on_postgres(url),
        }
    }

    /// The file of SQLite.
    pub(crate) fn file(&self) -> PathBuf {
        match self {
            Self::Sqlite(folder) => folder.path().join("sqlite_db.db"),
            Self::Postgres { .. } => panic!("Postgres has more than a file"),
        }
    }

    /// Asks the database itself, behind the service: the first column of each row,
    /// as text, one a line.
    pub(crate) fn query(&self, sql: &str) -> String {
        match self {
            Self::Postgres { url, .. } => postgres::query(url, sql),
            Self::Sqlite(_) => {
                let connection = Connection::open(self.file()).unwrap();
                let mut statement = connection.prepare(sql).unwrap();
                let text = |row: &rusqlite::Row<'_>| {
                    row.get::<_, rusqlite::types::Value>(0).map(|value| match value {
                        rusqlite::types::Value::Integer(integer) => integer.to_string(),
                        rusqlite::types::Value::Text(text) => text,
                        other => format!("{other:?}"),
                    })
                };
                let rows = statement.query_map([], text).unwrap();
                rows.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
            }
        }
    }

    /// Runs a script of the repository as the Makefile does, and returns what it
    /// prints and whether it succeeded.
    pub(crate) fn script(&self, name: &str, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(build::workspace().join("scripts").join(name));
        match self {
            Self::Sqlite(folder) => command.env("STATE", folder.path()),
            Self::Postgres { server, url } => {
                command.env("DATABASE", url).env("STATE", server_state(server))
            }
        };
        let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&printed).into_owned())
    }
}

/// Where the host keeps the rest, apart from what other tests do.
fn server_state(server: &Postgres) -> PathBuf {
    std::env::temp_dir().join(format!("rollcall-e2e-{}", server.port))
}
