//! `spin:key-value@3.0.0`.

mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::{Accessor, FutureReader, HasData, Resource, ResourceTable, StreamReader};

pub(crate) use self::store::File;
#[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
pub use self::store::Store;
use crate::bindings::key_value::{Error, Host, HostStore, HostStoreWithStore};
use crate::stream::ChannelProducer;

/// The most stores that an instance holds open at once.
const MAX_STORES: usize = 256;

/// The key-value stores that one instance has open.
pub(crate) struct KeyValue {
    files: Arc<BTreeMap<String, Arc<File>>>,
    stores: ResourceTable,
}

impl KeyValue {
    /// `files` hold the stores that the component lists in its manifest, by
    /// label.
    pub(crate) fn new(files: Arc<BTreeMap<String, Arc<File>>>) -> Self {
        let mut stores = ResourceTable::new();
        stores.set_max_capacity(MAX_STORES);
        Self { files, stores }
    }
}

/// The store behind a handle that the guest holds.
fn store<T>(accessor: &Accessor<T, KeyValue>, handle: &Resource<Store>) -> Result<Store, Error> {
    accessor.with(|mut access| {
        access.get().stores.get(handle).cloned().map_err(|error| Error::Other(error.to_string()))
    })
}

impl HasData for KeyValue {
    type Data<'a> = &'a mut KeyValue;
}

impl Host for KeyValue {}

impl HostStore for KeyValue {
    async fn drop(&mut self, handle: Resource<Store>) -> wasmtime::Result<()> {
        self.stores.delete(handle)?;
        Ok(())
    }
}

impl<T: Send> HostStoreWithStore<T> for KeyValue {
    async fn open(accessor: &Accessor<T, Self>, label: String) -> Result<Resource<Store>, Error> {
        let file = accessor
            .with(|mut access| access.get().files.get(&label).cloned())
            .ok_or(Error::AccessDenied)?;
        let store = Store::open(file, label)?;
        accessor
            .with(|mut access| access.get().stores.push(store).map_err(|_| Error::StoreTableFull))
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        handle: Resource<Store>,
        key: String,
    ) -> Result<Option<Vec<u8>>, Error> {
        store(accessor, &handle)?.get(&key)
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        handle: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        store(accessor, &handle)?.set(&key, &value)
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        handle: Resource<Store>,
        key: String,
    ) -> Result<(), Error> {
        store(accessor, &handle)?.delete(&key)
    }

    async fn exists(
        accessor: &Accessor<T, Self>,
        handle: Resource<Store>,
        key: String,
    ) -> Result<bool, Error> {
        Ok(store(accessor, &handle)?.get(&key)?.is_some())
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        handle: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let (keys, end) = store(accessor, &handle)?.keys();
        accessor.with(|mut access| {
            Ok((
                StreamReader::new(&mut access, ChannelProducer(keys))?,
                FutureReader::new(&mut access, end)?,
            ))
        })
    }
}
