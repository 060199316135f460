//! Key-value stores in an SQLite file: one connection for the whole process.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{block_in_place, spawn_blocking};

use crate::bindings::key_value::Error;
use crate::stream::{CHANNEL_CAPACITY, MAX_ITEM_BYTES};

/// An SQLite file of key-value stores, in the format of Spin's. Its one
/// connection serves every instance, one call at a time, and syncs every `set`
/// to disk: SQLite's defaults, which Spin leaves as they are.
pub(crate) struct File {
    /// Without a path the stores are in memory and end with the process.
    path: Option<PathBuf>,
    connection: OnceLock<Mutex<Connection>>,
}

impl File {
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        Self { path, connection: OnceLock::new() }
    }

    fn lock(&self) -> Result<MutexGuard<'_, Connection>, Error> {
        let connection = match self.connection.get() {
            Some(connection) => connection,
            None => {
                let connection = self.open()?;
                self.connection.get_or_init(|| Mutex::new(connection))
            }
        };
        Ok(connection.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn open(&self) -> Result<Connection, Error> {
        let connection = match &self.path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        connection.execute(
            "CREATE TABLE IF NOT EXISTS spin_key_value (
                store TEXT NOT NULL,
                key   TEXT NOT NULL,
                value BLOB NOT NULL,
                PRIMARY KEY (store, key)
            )",
            [],
        )?;
        Ok(connection)
    }
}

/// One store of a file, as the guest holds it.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
pub struct Store {
    file: Arc<File>,
    label: String,
}

impl Store {
    /// The store `label` of `file`, which is created where there is none.
    pub(crate) fn open(file: Arc<File>, label: String) -> Result<Self, Error> {
        block_in_place(|| file.lock().map(drop))?;
        Ok(Self { file, label })
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let value = block_in_place(|| {
            self.file
                .lock()?
                .prepare_cached("SELECT value FROM spin_key_value WHERE store = $1 AND key = $2")?
                .query_row(params![self.label, key], |row| row.get::<_, Vec<u8>>(0))
                .optional()
                .map_err(Error::from)
        })?;
        check_size(value.as_ref().map_or(0, Vec::len))?;
        Ok(value)
    }

    pub(crate) fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        block_in_place(|| {
            self.file
                .lock()?
                .prepare_cached(
                    "INSERT INTO spin_key_value (store, key, value) VALUES ($1, $2, $3)
                     ON CONFLICT (store, key) DO UPDATE SET value = $3",
                )?
                .execute(params![self.label, key, value])?;
            Ok(())
        })
    }

    pub(crate) fn delete(&self, key: &str) -> Result<(), Error> {
        block_in_place(|| {
            self.file
                .lock()?
                .prepare_cached("DELETE FROM spin_key_value WHERE store = $1 AND key = $2")?
                .execute(params![self.label, key])?;
            Ok(())
        })
    }

    /// Streams the keys, and how that ended. The file's connection is held
    /// until the last key is read: every other call of the process waits.
    pub(crate) fn keys(self) -> (mpsc::Receiver<String>, oneshot::Receiver<Result<(), Error>>) {
        let (key_sender, keys) = mpsc::channel(CHANNEL_CAPACITY);
        let (end_sender, end) = oneshot::channel();
        spawn_blocking(move || {
            let result = self.send_keys(&key_sender);
            drop(key_sender);
            // The guest may not care.
            let _ = end_sender.send(result);
        });
        (keys, end)
    }

    fn send_keys(&self, sender: &mpsc::Sender<String>) -> Result<(), Error> {
        let connection = self.file.lock()?;
        let mut statement =
            connection.prepare_cached("SELECT key FROM spin_key_value WHERE store = $1")?;
        let mut rows = statement.query([&self.label])?;
        while let Some(row) = rows.next()? {
            let key: String = row.get(0)?;
            check_size(key.len())?;
            sender.blocking_send(key).map_err(|error| Error::Other(error.to_string()))?;
        }
        Ok(())
    }
}

fn check_size(bytes: usize) -> Result<(), Error> {
    if bytes > MAX_ITEM_BYTES {
        return Err(Error::Other(format!("query result exceeds limit of {MAX_ITEM_BYTES} bytes")));
    }
    Ok(())
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Error::Other(error.to_string())
    }
}
