//! The load: connections that are kept alive, each with one request after the
//! other. On one thread, so that a core stays with the host.
//!
//! hyper sends the requests: it is what the host answers with too, and tools such
//! as wrk are not on every machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::rows::Row;
use crate::target::{Fixture, Target};

/// What one turn of a row brought.
pub(crate) struct Turn {
    /// Answers a second.
    pub(crate) rate: f64,
    /// How long half of the answers took at most.
    pub(crate) median: Duration,
    /// How long all but one in a hundred took at most.
    pub(crate) p99: Duration,
}

/// Keeps `connections` busy with the requests of a row, for a time.
///
/// # Errors
///
/// When an answer does not come, or has another status than the row says.
pub(crate) async fn turn(
    row: &'static Row,
    target: &Target,
    connections: usize,
    time: Duration,
) -> Result<Turn> {
    let mut senders = Vec::with_capacity(connections);
    for _ in 0..connections {
        senders.push(connect(target.host.port).await?);
    }
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for sender in senders {
        tasks.spawn(keep_busy(sender, row, Arc::clone(&target.fixture), begin + time));
    }
    let mut latencies = Vec::new();
    while let Some(task) = tasks.join_next().await {
        latencies.extend(task?.with_context(|| row.name)?);
    }
    let elapsed = begin.elapsed();
    target.note_memory();
    latencies.sort_unstable();
    let at = |hundredths: usize| latencies.get(latencies.len() * hundredths / 100).copied();
    #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^52")]
    let rate = latencies.len() as f64 / elapsed.as_secs_f64();
    Ok(Turn { rate, median: at(50).unwrap_or_default(), p99: at(99).unwrap_or_default() })
}

async fn keep_busy(
    mut sender: SendRequest<Full<Bytes>>,
    row: &'static Row,
    fixture: Arc<Fixture>,
    end: Instant,
) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    loop {
        let begin = Instant::now();
        if begin >= end {
            return Ok(latencies);
        }
        sender.ready().await?;
        let response = sender.send_request((row.request)(&fixture)).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        latencies.push(begin.elapsed());
        ensure!(status == row.status, "{status}: {}", String::from_utf8_lossy(&body));
        (row.keep)(&fixture, &body);
    }
}

/// Opens a connection to a port of this machine.
///
/// # Errors
///
/// When nobody listens there.
pub(crate) async fn connect(port: u16) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with its sender, and what goes wrong on it the sender tells.
    tokio::spawn(async {
        let _ = connection.await;
    });
    Ok(sender)
}
