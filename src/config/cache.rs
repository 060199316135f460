//! What is remembered of the database.

use std::time::Duration;

use super::Reader;

/// What is remembered of the database.
#[derive(Debug, Clone, Copy)]
pub struct CacheConfig {
    /// Whether in the key-value store, which all instances share.
    pub shared: bool,
    /// Whether in the instance, for a second.
    pub instance: bool,
    /// How long the key-value store may remember.
    pub max_age: Duration,
}

impl Reader {
    /// Reads the settings of the cache.
    pub(super) fn cache(&mut self) -> Option<CacheConfig> {
        let rule = "must be off, kv, instance or kv+instance";
        let tiers = self.value("cache", rule, |text| match text {
            "off" => Some((false, false)),
            "kv" => Some((true, false)),
            "instance" => Some((false, true)),
            "kv+instance" => Some((true, true)),
            _ => None,
        });
        let max_age = self.duration("cache_max_age", ["1s", "60s"]);
        let (shared, instance) = tiers?;
        Some(CacheConfig { shared, instance, max_age: max_age? })
    }
}
