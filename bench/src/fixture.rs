//! What the requests ask for: an admin who is signed in, sessions and users.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use serde_json::{Value, json};

/// How many users there are, besides the admin.
pub(crate) const USERS: usize = 1_000;
/// How many sessions are refreshed by turns: more than there are connections.
const SESSIONS: usize = 64;
pub(crate) const BOOTSTRAP_TOKEN: &str = "the-bootstrap-token";
/// The address and the password of the admin.
pub(crate) const ADMIN: [&str; 2] = ["admin@example.com", "a long walk by the river"];

/// What the requests ask for.
#[derive(Default)]
pub(crate) struct Fixture {
    access_token: Option<String>,
    users: Vec<String>,
    /// Of other sessions of the admin.
    access_tokens: Vec<String>,
    refresh_tokens: Mutex<Vec<String>>,
    count: AtomicUsize,
}

impl Fixture {
    /// Users by their ids, and nobody who is signed in.
    pub(crate) fn of_users(users: Vec<String>) -> Self {
        Self { users, ..Self::default() }
    }

    /// An admin who is signed in, with `tokens` further sessions, and users.
    ///
    /// # Errors
    ///
    /// When an answer is not as expected.
    pub(crate) async fn make(mut sender: SendRequest<Full<Bytes>>, tokens: usize) -> Result<Self> {
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
        for _ in 0..tokens {
            let token = fixture.sign_in_by_mail(&mut sender).await?;
            fixture.access_tokens.push(token);
        }
        Ok(fixture)
    }

    /// The access token of a new session, by a mailed code: nothing is hashed for it.
    async fn sign_in_by_mail(&self, sender: &mut SendRequest<Full<Bytes>>) -> Result<String> {
        let asked = send(sender, self.post("/api/v1/email-codes", &json!({"email": ADMIN[0]})));
        let request = asked.await?["request"].clone();
        let mails = send(sender, self.get("/dev/mailbox?limit=1")).await?;
        let subject = mails["items"][0]["subject"].as_str().unwrap_or_default();
        let code = subject.rsplit_once(": ").map(|(_, code)| code).context("no code")?;
        let confirm = json!({"request": request, "code": code});
        let signed_in = send(sender, self.post("/api/v1/email-codes/confirm", &confirm)).await?;
        Ok(signed_in["access_token"].as_str().context("no token")?.to_owned())
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

    /// A read of oneself with another token each time.
    pub(crate) fn me_of_many(&self) -> Request<Full<Bytes>> {
        let token = &self.access_tokens[self.next() * 619 % self.access_tokens.len()];
        self.request_as(Some(token), "GET", "/api/v1/me", Full::default())
    }

    /// A user that nobody has made yet.
    pub(crate) fn create_user(&self) -> Request<Full<Bytes>> {
        let number = self.next();
        let email = format!("created-{number}@example.com");
        self.post("/api/v1/users", &json!({"email": email, "name": "Somebody"}))
    }

    /// Another name for a user.
    pub(crate) fn patch_user(&self) -> Request<Full<Bytes>> {
        let (path, number) = (format!("/api/v1/users/{}", self.user()), self.next());
        let patch = json!({"name": format!("Somebody the {number}th")});
        self.request("PATCH", &path, patch.to_string().into())
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
        self.request_as(self.access_token.as_ref(), method, path, body)
    }

    fn request_as(
        &self,
        token: Option<&String>,
        method: &str,
        path: &str,
        body: Full<Bytes>,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        if let Some(token) = token {
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
    let (status, body) = answer(sender, request).await?;
    ensure!(status == StatusCode::CREATED, "{status}: {body}");
    Ok(body)
}

/// Sends a request that succeeds, and returns the body of the answer.
async fn send(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Value> {
    let (status, body) = answer(sender, request).await?;
    ensure!(status.is_success(), "{status}: {body}");
    Ok(body)
}

async fn answer(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Value)> {
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, serde_json::from_slice(&body)?))
}
