//! What open connections cost in memory.

use std::time::Duration;

use anyhow::Result;
use http_body_util::BodyExt;

use crate::load::connect;
use crate::rows::READ_USER;
use crate::target::Target;

/// The resident memory with so many open connections, in KiB.
pub(crate) struct Open {
    pub(crate) connections: usize,
    pub(crate) resident_kib: u64,
}

/// Opens connections, each for one request, and keeps them open.
///
/// # Errors
///
/// When there are not as many file descriptors.
pub(crate) async fn measure(target: &Target, counts: &[usize]) -> Result<Vec<Open>> {
    let mut open = Vec::new();
    let mut measured = Vec::new();
    for count in counts {
        eprintln!("{count} open connections");
        while open.len() < *count {
            let mut sender = connect(target.port()).await?;
            sender.ready().await?;
            let response = sender.send_request((READ_USER.request)(&target.fixture)).await?;
            response.into_body().collect().await?;
            open.push(sender);
        }
        // What a request took is given back a moment later.
        tokio::time::sleep(Duration::from_secs(1)).await;
        measured.push(Open { connections: open.len(), resident_kib: target.resident_kib() });
    }
    Ok(measured)
}
