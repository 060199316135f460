//! Requests that guests send: `wasi:http/client@0.3.0`.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Sleep, sleep, timeout};
use tower_service::Service;
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

use crate::allowed_hosts::AllowedHosts;
use crate::tls;

/// How long each phase of a request may take that does not say otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

type Client = legacy::Client<HttpsConnector<Connector>, WasiBody>;

/// The client of all components. Its connections are kept and shared; HTTP/2
/// is negotiated over TLS.
#[derive(Clone, Default)]
pub(crate) struct SharedClient(Arc<OnceLock<Client>>);

impl SharedClient {
    /// The client, made at the first request: reading the system's certificates
    /// takes a while.
    fn get(&self) -> Result<&Client> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let tls = tls::client(&[]).map_err(|_| Error::ConfigurationError)?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(Connector);
        let client = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(self.0.get_or_init(|| client))
    }
}

/// What one component may call, and with what.
#[derive(Clone)]
pub(crate) struct Outbound {
    pub(crate) allowed_hosts: Arc<AllowedHosts>,
    pub(crate) client: SharedClient,
}

/// What the guest is told when its request itself fails later: never anything,
/// since such errors come with the body.
type Transmission = Box<dyn Future<Output = Result<()>> + Send>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Transmission,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Transmission)>> + Send> {
        let outbound = self.clone();
        Box::new(async move {
            let response = outbound.send(request, options.unwrap_or_default()).await?;
            Ok((response, Box::new(async { Ok(()) }) as Transmission))
        })
    }
}

impl Outbound {
    async fn send(
        self,
        mut request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>> {
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or("https");
        let host = uri.host().unwrap_or_default();
        if !self.allowed_hosts.check(scheme, host, uri.port_u16()) {
            return Err(Error::HttpRequestDenied);
        }
        // The client sets it from the URI where it is needed. Some servers do
        // not take it beside HTTP/2's own.
        request.headers_mut().remove(HOST);

        let connect_timeout = options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let first_byte_timeout = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let between_bytes_timeout = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let sent = CONNECT_TIMEOUT.scope(connect_timeout, self.client.get()?.request(request));
        let response = timeout(first_byte_timeout, sent)
            .await
            .map_err(|_| Error::ConnectionReadTimeout)?
            .map_err(to_error)?;
        Ok(response.map(|body| {
            TimedBody {
                body: Some(body.map_err(Error::from)),
                timeout: between_bytes_timeout,
                sleep: None,
            }
            .boxed_unsync()
        }))
    }
}

tokio::task_local! {
    /// How long the request that is being sent may take to connect. The client
    /// passes nothing on to its connector but the URI.
    static CONNECT_TIMEOUT: Duration;
}

/// Connects to the host of a URI.
#[derive(Clone)]
struct Connector;

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error("no address")]
    Dns,
    #[error("timed out")]
    Timeout,
    #[error(transparent)]
    Io(io::Error),
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = CONNECT_TIMEOUT.try_with(Duration::clone);
        Box::pin(connect(uri, limit.unwrap_or(DEFAULT_TIMEOUT)))
    }
}

async fn connect(uri: Uri, limit: Duration) -> Result<TokioIo<TcpStream>, ConnectError> {
    let default_port = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    let port = uri.port_u16().unwrap_or(default_port);
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<_> =
        lookup_host((host, port)).await.map_err(|_| ConnectError::Dns)?.collect();
    let stream = timeout(limit, TcpStream::connect(addresses.as_slice()))
        .await
        .map_err(|_| ConnectError::Timeout)?
        .map_err(ConnectError::Io)?;
    Ok(TokioIo::new(stream))
}

/// What a guest is told of a request that got no response.
fn to_error(error: legacy::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref() {
            return match error {
                ConnectError::Dns => Error::DnsError {
                    rcode: Some("address not available".to_owned()),
                    info_code: Some(0),
                },
                ConnectError::Timeout => Error::ConnectionTimeout,
                ConnectError::Io(_) => Error::ConnectionRefused,
            };
        }
        cause = error.source();
    }
    if error.is_connect() {
        // What is left of connecting is TLS.
        Error::TlsProtocolError
    } else {
        Error::HttpProtocolError
    }
}

/// A body whose frames come in time, or it ends with an error.
struct TimedBody<B> {
    /// `None` after it was late: its connection is not waited for.
    body: Option<B>,
    timeout: Duration,
    /// Runs while a frame is waited for.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<B: Body<Data = Bytes, Error = Error> + Unpin> Body for TimedBody<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            self.sleep = None;
            return Poll::Ready(frame);
        }
        let limit = self.timeout;
        let waiting = self.sleep.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(waiting.as_mut().poll(context));
        self.body = None;
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
