//! What a store keeps: a row, when it ends and what it hangs on.

use serde_json::{Value as Json, json};

use crate::domain::secret::{Purpose, SecretKey};
use crate::domain::time::{Rng, Timestamp};
use crate::store::database::{Row, Value};

/// A row that is remembered.
pub(super) struct Entry {
    /// From when on it is not used any more.
    pub(super) ends_at: Timestamp,
    /// The epochs when it was read.
    pub(super) epochs: Vec<String>,
    pub(super) row: Row,
}

impl Entry {
    /// Encrypts it, bound to its name.
    pub(super) fn seal(&self, secret: &SecretKey, name: &str, rng: &dyn Rng) -> Vec<u8> {
        let row = self.row.values().iter().map(|value| match value {
            Value::Null => Json::Null,
            Value::Integer(integer) => json!(integer),
            Value::Text(text) => json!(text),
        });
        let row = row.collect::<Vec<_>>();
        let plain = json!({"ends_at": self.ends_at.micros(), "epochs": self.epochs, "row": row});
        secret.seal(Purpose::Cache, name.as_bytes(), plain.to_string().as_bytes(), rng)
    }

    /// Decrypts what was sealed under this name; `None` is anything else.
    pub(super) fn open(secret: &SecretKey, name: &str, sealed: &[u8]) -> Option<Self> {
        let plain = secret.open(Purpose::Cache, name.as_bytes(), sealed)?;
        let mut plain: Json = serde_json::from_slice(&plain).ok()?;
        let ends_at = Timestamp::from_micros(plain.get("ends_at")?.as_i64()?);
        let epochs = plain.get("epochs")?.as_array()?.iter();
        let epochs =
            epochs.map(|epoch| epoch.as_str().map(str::to_owned)).collect::<Option<_>>()?;
        let Json::Array(row) = plain.get_mut("row")?.take() else { return None };
        let value = |value| match value {
            Json::Null => Some(Value::Null),
            Json::Number(number) => number.as_i64().map(Value::Integer),
            Json::String(text) => Some(Value::Text(text)),
            Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
        };
        let row = Row::new(row.into_iter().map(value).collect::<Option<_>>()?);
        Some(Self { ends_at, epochs, row })
    }

    /// Whether it has not ended, and nothing that it hangs on has changed.
    pub(super) fn fits(&self, epochs: &[String], now: Timestamp) -> bool {
        now < self.ends_at && self.epochs == epochs
    }
}
