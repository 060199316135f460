//! What is loaded: applications on hosts of their own, each with what the
//! requests ask for.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use rollcall_testkit::host::Builder;
use rollcall_testkit::{Host, build};
use serde_json::{Value, json};

use crate::load::connect;

/// How many users there are, besides the admin.
const USERS: usize = 1_000;
/// How many sessions are refreshed by turns: more than there are connections.
const SESSIONS: usize = 64;
const BOOTSTRAP_TOKEN: &str = "the-bootstrap-token";
/// The address and the password of the admin.
pub(crate) const ADMIN: [&str; 2] = ["admin@example.com", "a long walk by the river"];

/// An application in one of its settings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The component that only says hello.
    Hello,
    /// Rollcall on SQLite, with the default settings.
    Rollcall,
}

impl Kind {
    /// How it is called in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello world",
            Self::Rollcall => "rollcall",
        }
    }

    /// How it is started. What components print goes to a file and not to the
    /// terminal, as where nobody watches.
    pub(crate) fn builder(self) -> Builder {
        let root = build::workspace();
        let builder = match self {
            Self::Hello => Host::builder(root.join("bench/hello/spin.toml")).ready_path("/hello"),
            Self::Rollcall => Host::builder(root.join("spin.toml"))
                .variable("secret_key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
                .variable("bootstrap_token", BOOTSTRAP_TOKEN)
                // What is measured is the work, not how it is held back.
                .variable("rate_limit_scale", "1000000")
                .ready_path("/livez"),
        };
        builder.arg("--quiet")
    }
}

/// A running application.
pub(crate) struct Target {
    pub(crate) host: Host,
    pub(crate) fixture: Arc<Fixture>,
    /// The resident memory after the start, in KiB.
    pub(crate) idle_kib: u64,
    peak_kib: Cell<u64>,
}

impl Target {
    /// Starts it and makes what the requests ask for.
    ///
    /// # Errors
    ///
    /// When an answer is not as expected.
    pub(crate) async fn start(kind: Kind) -> Result<Self> {
        let host = kind.builder().start();
        let idle_kib = host.resident_kib();
        let fixture = match kind {
            Kind::Hello => Fixture::default(),
            Kind::Rollcall => Fixture::make(connect(host.port).await?).await?,
        };
        Ok(Self { host, fixture: Arc::new(fixture), idle_kib, peak_kib: Cell::new(idle_kib) })
    }

    /// Looks how much memory it has now.
    pub(crate) fn note_memory(&self) {
        self.peak_kib.set(self.peak_kib.get().max(self.host.resident_kib()));
    }

    /// The most memory that was seen, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        self.peak_kib.get()
    }
}

/// What the requests ask for.
#[derive(Default)]
pub(crate) struct Fixture {
    access_token: Option<String>,
    users: Vec<String>,
    refresh_tokens: Mutex<Vec<String>>,
    count: AtomicUsize,
}

impl Fixture {
    /// An admin who is signed in, and users.
    async fn make(mut sender: SendRequest<Full<Bytes>>) -> Result<Self> {
        let mut fixture = Self { access_token: Some(BOOTSTRAP_TOKEN.into()), ..Self::default() };
        let [email, password] = ADMIN;
        let admin = json!({"email": email, "name": "Admin", "password": password});
        create(&mut sender, fixture.post("/api/v1/bootstrap", &admin)).await?;
        let signed_in = create(&mut sender, fixture.sign_in()).await?;
        fixture.access_token = signed_in["access_token"].as_str().map(str::to_owned);
        for _ in 0..SESSIONS {
            let signed_in = create(&mut sender, fixture.sign_in()).await?;
            fixture.keep_refresh_token(&signed_in.to_string().into());
        }
        for n in 0..USERS {
            let user = json!({
                "email": format!("user-{n}@example.com"),
                "name": format!("User {n}"),
                "metadata": {"locale": "en", "department": "Operations", "tags": ["remote"]},
            });
            let created = create(&mut sender, fixture.post("/api/v1/users", &user)).await?;
            fixture.users.push(created["id"].as_str().context("a user without an id")?.to_owned());
        }
        Ok(fixture)
    }

    /// A number that no other request of the run gets.
    pub(crate) fn next(&self) -> usize {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// The id of a user, another one for each request.
    pub(crate) fn user(&self) -> &str {
        // A prime step, so that neighbours in the list are not asked for in turn.
        &self.users[self.next() * 619 % self.users.len()]
    }

    /// A sign-in that succeeds.
    pub(crate) fn sign_in(&self) -> Request<Full<Bytes>> {
        let [email, password] = ADMIN;
        self.attempt(email, password)
    }

    /// A sign-in with any address and password.
    pub(crate) fn attempt(&self, email: &str, password: &str) -> Request<Full<Bytes>> {
        self.post("/api/v1/sessions", &json!({"email": email, "password": password}))
    }

    /// A refresh of a session that no other request refreshes now.
    pub(crate) fn refresh(&self) -> Request<Full<Bytes>> {
        let token = self.refresh_tokens.lock().expect("nobody panicked").pop();
        self.post("/api/v1/sessions/refresh", &json!({"refresh_token": token}))
    }

    /// Keeps the refresh token of an answer for one of the next refreshes.
    pub(crate) fn keep_refresh_token(&self, answer: &Bytes) {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let token = answer["refresh_token"].as_str().map(str::to_owned);
        self.refresh_tokens.lock().expect("nobody panicked").extend(token);
    }

    /// A request with the access token, if there is one.
    pub(crate) fn get(&self, path: &str) -> Request<Full<Bytes>> {
        self.request("GET", path, Full::default())
    }

    /// A call of `GetUser` by gRPC.
    pub(crate) fn get_user(&self) -> Request<Full<Bytes>> {
        let id = self.user().as_bytes();
        // A frame of one message of one text, field 1: all are shorter than 128 bytes.
        let length = u8::try_from(id.len()).expect("an id is short");
        let message = [&[0, 0, 0, 0, length + 2, 0x0a, length], id].concat();
        let mut request = self.request("POST", "/rollcall.v1.UserService/GetUser", message.into());
        let headers = request.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        headers.insert("te", HeaderValue::from_static("trailers"));
        request
    }

    /// A request with a JSON body.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Request<Full<Bytes>> {
        self.request("POST", path, body.to_string().into())
    }

    fn request(&self, method: &str, path: &str, body: Full<Bytes>) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        if let Some(token) = &self.access_token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.header("content-type", "application/json").body(body).expect("the parts are valid")
    }
}

/// Sends a request that creates something, and returns what it created.
async fn create(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Value> {
    let path = request.uri().clone();
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    ensure!(status == StatusCode::CREATED, "{path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}
