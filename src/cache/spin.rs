//! The key-value store of the host.

use spin_sdk::key_value::Store;

use super::{Failed, KeyValue};
use crate::store::database::BoxFuture;

/// The store `default` of the host, opened anew for each use: that is a look-up,
/// and a store that cannot be opened now may be later.
pub struct SpinKeyValue;

impl KeyValue for SpinKeyValue {
    fn get(&self, key: String) -> BoxFuture<'_, Result<Option<Vec<u8>>, Failed>> {
        Box::pin(async move {
            let store = Store::open_default().await.map_err(|_| Failed)?;
            store.get(key).await.map_err(|_| Failed)
        })
    }

    fn set(&self, key: String, value: Vec<u8>) -> BoxFuture<'_, Result<(), Failed>> {
        Box::pin(async move {
            let store = Store::open_default().await.map_err(|_| Failed)?;
            store.set(key, value).await.map_err(|_| Failed)
        })
    }
}
