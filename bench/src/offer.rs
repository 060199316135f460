//! Load at a rate, whatever becomes of it: requests are sent when their time comes,
//! each on a connection that is free or a new one, as by many people who do not know
//! of each other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use tokio::task::JoinSet;

use crate::load::connect;
use crate::rows::Row;
use crate::target::Target;

/// What became of a request.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    /// When it was due, from the begin on.
    pub(crate) at: Duration,
    /// How long its answer took.
    pub(crate) took: Duration,
    pub(crate) status: StatusCode,
}

type Idle = Arc<Mutex<Vec<SendRequest<Full<Bytes>>>>>;

/// Sends `per_second` requests of a row for a time, and waits for all answers.
///
/// # Errors
///
/// When an answer does not come.
pub(crate) async fn offer(
    row: &'static Row,
    target: &Target,
    per_second: f64,
    time: Duration,
) -> Result<Vec<Sent>> {
    let idle: Idle = Arc::default();
    let mut tasks = JoinSet::new();
    let begin = tokio::time::Instant::now();
    let between = Duration::from_secs_f64(1.0 / per_second);
    let mut at = Duration::ZERO;
    while at < time {
        tokio::time::sleep_until(begin + at).await;
        let request = (row.request)(&target.fixture);
        tasks.spawn(send(Arc::clone(&idle), target.port(), request, at));
        at += between;
    }
    let mut sent = Vec::new();
    while let Some(task) = tasks.join_next().await {
        sent.push(task?.with_context(|| row.name)?);
    }
    sent.sort_unstable_by_key(|sent: &Sent| sent.at);
    Ok(sent)
}

async fn send(
    idle: Idle,
    port: u16,
    request: http::Request<Full<Bytes>>,
    at: Duration,
) -> Result<Sent> {
    let begin = Instant::now();
    let free = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut sender = match free {
        Some(sender) => sender,
        None => connect(port).await?,
    };
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    response.into_body().collect().await?;
    let took = begin.elapsed();
    idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
    Ok(Sent { at, took, status })
}

/// The time that all but so many in a hundred took at most.
pub(crate) fn percentile<'a>(sent: impl Iterator<Item = &'a Sent>, hundredths: usize) -> Duration {
    let mut times: Vec<_> = sent.map(|sent| sent.took).collect();
    times.sort_unstable();
    times.get(times.len().saturating_sub(1) * hundredths / 100).copied().unwrap_or_default()
}
