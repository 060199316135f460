//! How long the component takes from the command to its first answer.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::target::Kind;

/// The times of two starts.
pub(crate) struct Start {
    /// With nothing compiled before.
    pub(crate) cold: Duration,
    /// With what the first start left behind.
    pub(crate) second: Duration,
}

/// Starts the component twice. A real Spin keeps nothing compiled: its second
/// start is like its first.
///
/// # Errors
///
/// When there is no temporary folder.
pub(crate) fn measure() -> Result<Start> {
    let folder = tempfile::tempdir()?;
    let builder = Kind::Rollcall
        .builder(None)
        .env("XDG_CACHE_HOME", folder.path().join("cache"))
        .state_dir(folder.path().join("state"));
    let start = || {
        let begin = Instant::now();
        let host = builder.start();
        let time = begin.elapsed();
        host.stop();
        time
    };
    Ok(Start { cold: start(), second: start() })
}
