//! The HTTP server: HTTP/1.1 and HTTP/2 without TLS on one port.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::app::{App, Target};
use crate::headers;
use crate::routes::RouteMatch;
use crate::stdio::report;

/// The paths that the host answers itself.
const WELL_KNOWN: &str = "/.well-known/spin/";

/// How many ports `--find-free-port` tries.
const PORTS_TO_TRY: u16 = 10;

/// Listens on `address`, or on one of the ports after it.
///
/// # Errors
///
/// When the address cannot be had.
pub(crate) async fn listen(address: SocketAddr, find_free_port: bool) -> Result<TcpListener> {
    let tries = if find_free_port { PORTS_TO_TRY } else { 1 };
    for offset in 0..tries {
        let mut candidate = address;
        let Some(port) = address.port().checked_add(offset) else {
            break;
        };
        candidate.set_port(port);
        match TcpListener::bind(candidate).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot listen on {candidate}"));
            }
        }
    }
    if find_free_port {
        bail!("no free port from {address} on, of {PORTS_TO_TRY} that were tried");
    }
    bail!("{address} is in use; try --find-free-port")
}

/// Serves until the future is dropped.
pub(crate) async fn serve(app: Arc<App>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                tokio::spawn(serve_connection(app.clone(), stream, client));
            }
            Err(error) => {
                // Most likely too many open files: others have to end first.
                report(format_args!("cannot accept a connection: {error}"));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve_connection(app: Arc<App>, stream: TcpStream, client: SocketAddr) {
    // Spin leaves Nagle's algorithm on, and with it 40 ms between the parts of
    // an answer that are written apart. Nothing here depends on it.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { app.answer(request, client).await }
    });
    // How a connection ends is the client's affair.
    let _ =
        Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

impl App {
    /// Answers a request.
    ///
    /// # Errors
    ///
    /// When it does not say which host it is for: the connection is closed.
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        client: SocketAddr,
    ) -> Result<Response<WasiBody>> {
        headers::strip_connection(request.headers_mut());
        let path = request.uri().path().to_owned();
        if let Some(name) = path.strip_prefix(WELL_KNOWN) {
            return Ok(self.well_known(name));
        }
        let Some((target, route)) = self.routes.find(&path) else {
            return Ok(empty(StatusCode::NOT_FOUND));
        };
        set_uri(&mut request)?;
        Ok(match target.answer(request, &route, client).await {
            Ok(response) => response,
            Err(error) => {
                report(format_args!("error processing request: {error:?}"));
                empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        })
    }

    fn well_known(&self, name: &str) -> Response<WasiBody> {
        match name {
            "health" => Response::new(full("OK")),
            "info" => {
                let mut info = json!({ "name": self.name });
                if let Some(version) = &self.version {
                    info["version"] = json!(version);
                }
                let mut response = Response::new(full(format!("{info:#}")));
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(CONTENT_TYPE, json);
                response
            }
            _ => empty(StatusCode::NOT_FOUND),
        }
    }
}

impl Target {
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        route: &RouteMatch<'_>,
        client: SocketAddr,
    ) -> Result<Response<WasiBody>> {
        let uri = request.uri().clone();
        headers::append_spin(request.headers_mut(), &uri, route, client)?;
        let request = request.map(|body| body.map_err(Error::from).boxed_unsync());
        Ok(self.handler.handle((), request).await?)
    }
}

/// Completes the request's URI from its `Host`.
fn set_uri(request: &mut Request<Incoming>) -> Result<()> {
    let from_header = request
        .headers()
        .get(HOST)
        .map(|host| host.to_str()?.parse::<Authority>().context("malformed Host"))
        .transpose()?;
    let mut parts = request.uri().clone().into_parts();
    parts.authority = match (from_header, parts.authority) {
        (None, None) => bail!("a request without Host"),
        (Some(header), Some(authority)) => {
            ensure!(header == authority, "Host differs from the URI");
            Some(header)
        }
        (header, authority) => header.or(authority),
    };
    parts.scheme = Some(Scheme::HTTP);
    *request.uri_mut() = Uri::from_parts(parts)?;
    Ok(())
}

fn empty(status: StatusCode) -> Response<WasiBody> {
    let mut response = Response::new(Empty::new().map_err(Error::from).boxed_unsync());
    *response.status_mut() = status;
    response
}

fn full(body: impl Into<Bytes>) -> WasiBody {
    Full::new(body.into()).map_err(Error::from).boxed_unsync()
}
