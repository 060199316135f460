//! The load: connections that are kept alive, each with one request after the
//! other. On one thread, so that a core stays with the host.
//!
//! hyper sends the requests: it is what the host answers with too, and tools such
//! as wrk are not on every machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::uri::{Authority, Parts, Scheme};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::fixture::Fixture;
use crate::rows::Row;
use crate::target::Target;

/// What requests go over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Connections of HTTP/1.1.
    Http1,
    /// As many connections of HTTP/2.
    Http2,
    /// One connection of HTTP/2, with as many requests at a time.
    OneHttp2,
}

/// Sends one request after the other.
enum Sender {
    Http1(SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

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
        let port = target.port();
        senders.push(match (row.over, senders.first()) {
            (Over::Http1, _) => Sender::Http1(connect(port).await?),
            (Over::OneHttp2, Some(Sender::Http2(sender))) => Sender::Http2(sender.clone()),
            (Over::Http2 | Over::OneHttp2, _) => Sender::Http2(connect_http2(port).await?),
        });
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
    mut sender: Sender,
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
        let response = sender.send((row.request)(&fixture)).await?;
        let status = response.status();
        let body = response.into_body().collect().await?;
        latencies.push(begin.elapsed());
        // Only calls of gRPC have trailers.
        let failed = body.trailers().is_some_and(|trailers| trailers["grpc-status"] != "0");
        ensure!(!failed, "{:?}", body.trailers());
        let body = body.to_bytes();
        ensure!(status == row.status, "{status}: {}", String::from_utf8_lossy(&body));
        (row.keep)(&fixture, &body);
    }
}

impl Sender {
    async fn send(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                // There is no request line: the URI must be whole.
                let path = request.uri().path_and_query().cloned();
                let mut parts = Parts::default();
                parts.scheme = Some(Scheme::HTTP);
                parts.authority = Some(Authority::from_static("localhost"));
                parts.path_and_query = path;
                *request.uri_mut() = Uri::from_parts(parts).expect("the parts are valid");
                sender.send_request(request).await
            }
        }
    }
}

async fn connect_http2(port: u16) -> Result<http2::SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(async {
        let _ = connection.await;
    });
    Ok(sender)
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
