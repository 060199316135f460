//! The runtime configuration: where databases and stores are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::manifest::parse_toml;

/// The file that `--runtime-config-file` names, or nothing.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RuntimeConfig {
    /// The folder for the state of what is not configured here.
    pub(crate) state_dir: Option<PathBuf>,
    #[serde(default)]
    pub(crate) sqlite_database: BTreeMap<String, SqliteDatabase>,
    #[serde(default)]
    pub(crate) key_value_store: BTreeMap<String, KeyValueStore>,
}

/// `[sqlite_database.LABEL]`: a file, or a database in memory when there is no
/// path.
#[derive(Debug, Deserialize)]
pub(crate) struct SqliteDatabase {
    #[serde(rename = "type")]
    _kind: Kind,
    pub(crate) path: Option<PathBuf>,
    #[serde(default)]
    pub(crate) allow_attach_file: bool,
}

/// `[key_value_store.LABEL]`: a file, or a store in memory when there is no
/// path.
#[derive(Debug, Deserialize)]
pub(crate) struct KeyValueStore {
    #[serde(rename = "type")]
    _kind: Kind,
    pub(crate) path: Option<PathBuf>,
}

/// The one kind of database and store that this host has: a local file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Spin,
}

impl RuntimeConfig {
    /// Reads the file. Relative paths of key-value stores are relative to its
    /// folder, all others to the current one: so it is on Spin.
    ///
    /// # Errors
    ///
    /// When it cannot be read or has fields that this host does not know.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the runtime configuration {}", path.display()))?;
        let mut config: Self = parse_toml(&text)
            .with_context(|| format!("in the runtime configuration {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for path in config.key_value_store.values_mut().flat_map(|store| &mut store.path) {
            *path = folder.join(&path);
        }
        Ok(config)
    }
}
