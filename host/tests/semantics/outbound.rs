//! `wasi:http/client`: requests that a guest sends.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rollcall_testkit::host::Builder;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::{Client, guest};

/// A server that says over and over what it was told to.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Answers each request with these pieces and the time between them.
    async fn start(answer: &'static [&'static str], between: Duration) -> Self {
        Self::start_with(answer, between, None).await
    }

    async fn start_with(
        answer: &'static [&'static str],
        between: Duration,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, answer, between).await,
                            Err(_) => None,
                        },
                        None => serve(stream, answer, between).await,
                    }
                });
            }
        });
        Self { port, connections }
    }

    fn url(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}", self.port)
    }
}

/// Answers requests until the client goes.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &[&str],
    between: Duration,
) -> Option<()> {
    let mut seen = Vec::new();
    loop {
        while !seen.ends_with(b"\r\n\r\n") {
            seen.push(stream.read_u8().await.ok()?);
        }
        seen.clear();
        for piece in answer {
            stream.write_all(piece.as_bytes()).await.ok()?;
            stream.flush().await.ok()?;
            tokio::time::sleep(between).await;
        }
    }
}

const HELLO: &[&str] = &["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"];

fn guest_that_may_call(url: &str) -> Builder {
    guest().variable("outbound", url)
}

async fn fetch(client: &Client, request: Value) -> Value {
    client.post("/fetch", request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_host_answers_and_its_connection_is_kept() {
    let server = Server::start(HELLO, Duration::ZERO).await;
    let url = server.url("http", "127.0.0.1");
    // Each request comes from another instance.
    let host = guest_that_may_call(&url).arg("--max-instance-reuse-count").arg("1").start();
    let client = Client::new(&host);
    for _ in 0..3 {
        let outcome = fetch(&client, json!({ "url": url })).await;
        assert_eq!(outcome, json!({ "status": 200, "body": "hello" }));
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_listed_is_denied() {
    let server = Server::start(HELLO, Duration::ZERO).await;
    let host = guest_that_may_call(&server.url("http", "127.0.0.1")).start();
    let client = Client::new(&host);
    for url in [
        server.url("http", "localhost"),
        server.url("https", "127.0.0.1"),
        "http://127.0.0.1".to_owned(),
        "http://[::1]:1".to_owned(),
    ] {
        let outcome = fetch(&client, json!({ "url": url })).await;
        assert_eq!(outcome, json!({ "send": "ErrorCode::HttpRequestDenied" }), "{url}");
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 0);
    host.wait_for_stderr(
        "a component tried to reach http://[::1]:1, which its allowed_outbound_hosts do not list",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_the_list_allows_what_it_matches() {
    for (entry, allowed, denied) in [
        ("*://*:*", &["http://127.0.0.1:1", "https://127.0.0.1:1"][..], &[][..]),
        ("http://127.0.0.1:1", &["http://127.0.0.1:1"], &["http://127.0.0.1:2"]),
        ("http://127.0.0.1:1..3", &["http://127.0.0.1:2"], &["http://127.0.0.1:3"]),
        ("http://127.0.0.1:*", &["http://127.0.0.1:1"], &["https://127.0.0.1:1"]),
        ("http://*:1", &["http://127.0.0.1:1"], &["http://127.0.0.1:2"]),
        (
            "http://*.invalid:1",
            &["http://a.invalid:1", "http://a.b.invalid:1"],
            &["http://invalid:1", "http://ainvalid:1", "http://a.invalid.example:1"],
        ),
        ("https://127.0.0.1", &[], &["https://127.0.0.1:1", "http://127.0.0.1:443"]),
        ("http://[::1]:1", &["http://[::1]:1", "http://[0:0::1]:1"], &["http://[::2]:1"]),
        ("http://LOCALHOST:1", &["http://localhost:1"], &["http://127.0.0.1:1"]),
        // A variable that leaves nothing allows nothing.
        ("", &[], &["http://127.0.0.1:1"]),
    ] {
        let host = guest_that_may_call(entry).start();
        let client = Client::new(&host);
        let is_denied = async |url: &str| {
            let outcome = fetch(&client, json!({ "url": url })).await;
            outcome == json!({ "send": "ErrorCode::HttpRequestDenied" })
        };
        for url in allowed {
            assert!(!is_denied(url).await, "{entry} denies {url}");
        }
        for url in denied {
            assert!(is_denied(url).await, "{entry} allows {url}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_makes_no_sense_is_refused() {
    for (entry, reason) in [
        ("example.com", "it has no scheme"),
        ("ftp://example.com", "it has no port, and ftp has none by default"),
        ("http://example.com/path", "it has a path"),
        ("http://example.com:http", "\"http\" is no port"),
        ("http://exa*mple.com", "a wildcard stands for whole subdomains"),
        ("http://*.127.0.0.1:1", "an address has no subdomains"),
        ("http://self", "this host does not send requests to the application itself"),
    ] {
        let refused = guest_that_may_call(entry).try_start().err();
        let stderr = refused.expect("it does not start").stderr;
        assert!(stderr.contains(reason), "{entry}: {stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_begin_in_time_is_an_error() {
    let server = Server::start(&[], Duration::ZERO).await;
    let url = server.url("http", "127.0.0.1");
    let host = guest_that_may_call(&url).start();

    let request = json!({ "url": url, "first_byte_ms": 100 });
    let outcome = fetch(&Client::new(&host), request).await;

    assert_eq!(outcome, json!({ "send": "ErrorCode::ConnectionReadTimeout" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_go_on_in_time_is_an_error() {
    let pieces = &["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe", "llo"];
    let server = Server::start(pieces, Duration::from_secs(60)).await;
    let url = server.url("http", "127.0.0.1");
    let host = guest_that_may_call(&url).start();

    let request = json!({ "url": url, "between_bytes_ms": 100 });
    let outcome = fetch(&Client::new(&host), request).await;

    let error = outcome["body_error"].as_str().expect("an error");
    assert!(error.contains("ConnectionReadTimeout"), "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_refuses() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", server.local_addr().expect("an address"));
    drop(server);
    let host = guest_that_may_call(&url).start();

    let outcome = fetch(&Client::new(&host), json!({ "url": url })).await;

    assert_eq!(outcome, json!({ "send": "ErrorCode::ConnectionRefused" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_an_address_is_an_error_of_the_name_service() {
    let url = "http://nowhere.invalid";
    let host = guest_that_may_call(url).start();

    let outcome = fetch(&Client::new(&host), json!({ "url": url })).await;

    let error = outcome["send"].as_str().expect("an error");
    assert!(error.starts_with("ErrorCode::DnsError"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_verified_with_the_certificates_of_the_system() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("they fit");
    let tls = TlsAcceptor::from(Arc::new(config));
    let server = Server::start_with(HELLO, Duration::ZERO, Some(tls)).await;
    let mut roots = tempfile::NamedTempFile::new().expect("a file");
    roots.write_all(cert.pem().as_bytes()).expect("it is written");

    let trusting = guest_that_may_call("https://*:*").env("SSL_CERT_FILE", roots.path()).start();
    let client = Client::new(&trusting);
    let right = fetch(&client, json!({ "url": server.url("https", "localhost") })).await;
    assert_eq!(right, json!({ "status": 200, "body": "hello" }));
    let wrong_name = fetch(&client, json!({ "url": server.url("https", "127.0.0.1") })).await;
    assert_eq!(wrong_name, json!({ "send": "ErrorCode::TlsProtocolError" }));

    let wary = guest_that_may_call("https://*:*").start();
    let request = json!({ "url": server.url("https", "localhost") });
    let untrusted = fetch(&Client::new(&wary), request).await;
    assert_eq!(untrusted, json!({ "send": "ErrorCode::TlsProtocolError" }));
}
