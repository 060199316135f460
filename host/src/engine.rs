//! The Wasmtime engine: what it compiles, and where it keeps it.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Result;
use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
};

/// The most instances that live at once. Beyond it requests fail, as on Spin.
pub(crate) const MAX_INSTANCES: u32 = 1000;

/// Makes the engine. Compiled components are kept between runs in the user's
/// cache folder, where all checkouts share them and nothing has to be cleaned
/// up; where there is none, in `state_dir`.
///
/// # Errors
///
/// When the machine cannot run it.
pub(crate) fn engine(state_dir: Option<&Path>, disable_pooling: bool) -> Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    // Spin compiles its checks into every loop of the guest: without them
    // guests would run faster here than there.
    config.epoch_interruption(true);
    config.cache(cache(state_dir));

    if !disable_pooling {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
        // It reserves terabytes of addresses, which not every machine gives.
        if let Ok(engine) = Engine::new(&config) {
            return Ok(engine);
        }
    }
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Ok(Engine::new(&config)?)
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(MAX_INSTANCES)
        .total_core_instances(4 * MAX_INSTANCES)
        .total_memories(MAX_INSTANCES)
        .total_tables(2 * MAX_INSTANCES)
        .total_stacks(MAX_INSTANCES)
        .table_elements(100_000)
        .max_component_instance_size(10 << 20)
        .max_core_instance_size(10 << 20)
        .max_core_instances_per_component(200)
        .max_memories_per_component(32)
        .max_tables_per_component(64)
        .max_memories_per_module(2)
        .max_tables_per_module(2)
        .max_memory_size(4 << 30)
        // What an instance leaves behind is zeroed instead of unmapped, up to
        // here: faster, at the price of resident memory.
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(512 << 10);
    pool
}

/// A cache that cannot be used only costs time.
fn cache(state_dir: Option<&Path>) -> Option<Cache> {
    let folder = user_cache_dir()
        .or_else(|| state_dir.map(|folder| folder.join("cache")))
        .and_then(|folder| std::path::absolute(folder).ok())?
        .join("rollcall-host");
    let mut config = CacheConfig::new();
    config.with_directory(folder);
    Cache::new(config).ok()
}

/// The folder that the XDG base directory specification names.
fn user_cache_dir() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))
}
