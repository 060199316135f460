//! What a hostile client sends gets a problem, changes nothing, and harms nobody
//! who is served at the same time by the same instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::client::{Client, REBOUND};
use crate::service::{ADMIN, PASSWORD, Service, builder};

const USERS: &str = "/api/v1/users";

/// A body that should have been a user, and the problem that it gets.
struct Bad {
    body: Vec<u8>,
    status: u16,
    code: &'static str,
    /// The fields that the problem names, with the code of each.
    fields: &'static [(&'static str, &'static str)],
}

fn bad(body: impl Into<Vec<u8>>, status: u16, code: &'static str) -> Bad {
    Bad { body: body.into(), status, code, fields: &[] }
}

fn invalid(body: Value, fields: &'static [(&'static str, &'static str)]) -> Bad {
    Bad { fields, ..bad(body.to_string(), 422, "validation_failed") }
}

fn bad_bodies() -> Vec<Bad> {
    let malformed = |body: &[u8]| bad(body, 400, "malformed_request");
    let deep = |text: &str| malformed(text.repeat(100_000).as_bytes());
    let name = |name: &str| json!({"email": "eve@example.com", "name": name});
    vec![
        malformed(b""),
        malformed(b"{"),
        malformed(b"{\"email\": \"eve@example.com\",}"),
        malformed(b"{\"name\": 'Eve'}"),
        malformed(
            b"{\"email\": \"a@example.com\", \"email\": \"b@example.com\", \"name\": \"Eve\"}",
        ),
        malformed(b"{\"email\": \"eve@example.com\", \"name\": \"\xff\xfe\"}"),
        deep("["),
        deep("{\"a\":"),
        bad(vec![b' '; 2 << 20], 413, "payload_too_large"),
        invalid(json!([]), &[("", "wrong_type")]),
        invalid(json!({}), &[("email", "required"), ("name", "required")]),
        invalid(
            json!({"email": 7, "name": ["Eve"], "password": false, "metadata": "x"}),
            &[
                ("email", "wrong_type"),
                ("name", "wrong_type"),
                ("metadata", "wrong_type"),
                ("password", "wrong_type"),
            ],
        ),
        invalid(
            json!({"email": "eve@example.com", "name": "Eve", "role": "admin"}),
            &[("role", "unknown_field")],
        ),
        invalid(
            json!({"email": "eve@example.com", "name": "Eve", "version": 7, "id": "1"}),
            &[("id", "read_only"), ("version", "read_only")],
        ),
        invalid(
            json!({"email": "eve@mallory@example.com", "name": "Eve"}),
            &[("email", "invalid_email")],
        ),
        invalid(name("Eve\0"), &[("name", "invalid_characters")]),
        invalid(name(""), &[("name", "required")]),
    ]
}

#[tokio::test]
async fn bad_bodies_get_problems_and_change_nothing() {
    let service = Service::start(&builder());
    let admin = service.admin().await;
    let neighbours = Neighbours::of(&admin);
    let before = everybody(&admin).await;

    for Bad { body, status, code, fields } in bad_bodies() {
        let shown = String::from_utf8_lossy(&body).chars().take(60).collect::<String>();
        let answer = admin.send(Method::POST, USERS, "application/json", body).await;
        println!("{status} {code}: {shown}");
        answer.expect_problem(status, code);
        let named: Vec<_> =
            answer.json()["errors"].as_array().into_iter().flatten().map(named).collect();
        let expected: Vec<_> =
            fields.iter().map(|(field, code)| ((*field).to_owned(), (*code).to_owned())).collect();
        assert_eq!(named, expected, "{shown}");
    }

    assert_eq!(everybody(&admin).await, before);
    neighbours.were_served(&service).await;
}

fn named(error: &Value) -> (String, String) {
    let text = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
    (text("field"), text("code"))
}

#[tokio::test]
async fn tokens_that_are_not_good_get_401() {
    let folder = tempfile::tempdir().unwrap();
    let ours = builder().state_dir(folder.path());
    let service = Service::start(&ours);
    let admin = service.admin().await;
    let neighbours = Neighbours::of(&admin);
    let before = everybody(&admin).await;
    let genuine = token(&service).await;

    // The same database and the same key, but its tokens have hardly a time to live.
    let hasty = Service::start(&ours.clone().variable("access_token_ttl", "1s"));
    let expired = token(&hasty).await;
    let holder = hasty.nobody().bearer(&expired);
    while holder.get("/api/v1/me").await.status == 200 {}
    // A service of somebody else's.
    let other_key = "HxweHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE=";
    let other = Service::start(&builder().variable("secret_key", other_key));
    other.admin().await;
    let foreign = token(&other).await;

    let [header, claims, signature] = parts(&genuine);
    let unsigned = encoded(&json!({"alg": "none", "typ": "at+jwt"}));
    let mut promoted = decoded(claims);
    promoted["roles"] = json!(["admin", "root"]);
    let promoted = encoded(&promoted);
    let bad = [
        ("expired", expired),
        ("foreign", foreign),
        ("unsigned", format!("{unsigned}.{claims}.")),
        ("unsigned, with the old signature", format!("{unsigned}.{claims}.{signature}")),
        ("without its signature", format!("{header}.{claims}.")),
        ("without its last part", format!("{header}.{claims}")),
        ("truncated by one character", genuine[..genuine.len() - 1].to_owned()),
        ("truncated to its half", genuine[..genuine.len() / 2].to_owned()),
        ("with other claims", format!("{header}.{promoted}.{signature}")),
        ("with one more part", format!("{genuine}.{signature}")),
        ("no token at all", "garbage".to_owned()),
        ("empty", String::new()),
    ];
    for (kind, token) in &bad {
        println!("{kind}");
        let eve = service.nobody().bearer(token);
        eve.get("/api/v1/me").await.expect_problem(401, "unauthenticated");
        let body = json!({"email": "eve@example.com", "name": "Eve"});
        eve.post(USERS, &body).await.expect_problem(401, "unauthenticated");
    }
    let twice = admin.with("authorization", "Bearer another");
    twice.get("/api/v1/me").await.expect_problem(401, "unauthenticated");

    assert_eq!(everybody(&admin).await, before);
    neighbours.were_served(&service).await;
}

#[tokio::test]
async fn what_belongs_to_others_stays_theirs() {
    let service = Service::start(&builder());
    let admin = service.admin().await;
    let eve = service.user(&admin, "eve@example.com").await;
    let neighbours = Neighbours::of(&admin);
    let before = everybody(&admin).await;

    let id = admin.get("/api/v1/me").await.expect(200).text_at("/id");
    let other = format!("{USERS}/{id}");
    let profile = json!({"email": "eve@example.com", "name": "Eve"});
    eve.get(&other).await.expect_problem(403, "forbidden");
    eve.patch(&other, &json!({"name": "Eve"})).await.expect_problem(403, "forbidden");
    eve.with("if-match", "\"1\"").put(&other, &profile).await.expect_problem(403, "forbidden");
    eve.delete(&other).await.expect_problem(403, "forbidden");
    eve.post(USERS, &json!({"email": "x@example.com", "name": "X"}))
        .await
        .expect_problem(403, "forbidden");

    for id in ["1", "me", "%00", "..%2f", "' OR 1=1 --", "019A0000-0000-7000-8000-00000000000Z"] {
        let path = format!("{USERS}/{}", id.replace(' ', "%20"));
        admin.get(&path).await.expect_problem(404, "not_found");
        admin.delete(&path).await.expect_problem(404, "not_found");
    }

    let first = admin.get("/api/v1/users?limit=1").await.expect(200);
    let cursor = first.text_at("/next_cursor");
    let flipped = if cursor.starts_with('A') { 'B' } else { 'A' };
    let tampered = format!("{flipped}{}", &cursor[1..]);
    for cursor in [&tampered, &cursor[..cursor.len() - 2], &format!("{cursor}AA"), "x", ""] {
        let answer = admin.get(&format!("{USERS}?limit=1&cursor={cursor}")).await;
        answer.expect_problem(422, "validation_failed");
        assert_eq!(answer.json()["errors"][0]["code"], "invalid_cursor");
    }

    assert_eq!(everybody(&admin).await, before);
    neighbours.were_served(&service).await;
}

/// Every user, whole.
async fn everybody(admin: &Client) -> Value {
    let page = admin.get("/api/v1/users?limit=200").await.expect(200).json();
    assert_eq!(page["next_cursor"], Value::Null);
    page["items"].clone()
}

/// A new access token of the admin.
async fn token(service: &Service) -> String {
    let body = json!({"email": ADMIN, "password": PASSWORD});
    service.nobody().post("/api/v1/sessions", &body).await.expect(201).text_at("/access_token")
}

fn parts(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

fn encoded(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

/// Clients that do nothing wrong meanwhile.
struct Neighbours {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<usize>>,
}

impl Neighbours {
    fn of(admin: &Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let clients = (0..4).map(|_| {
            let (stop, admin) = (Arc::clone(&stop), admin.clone());
            tokio::spawn(async move {
                let mut answers = 0;
                while !stop.load(Ordering::Relaxed) {
                    admin.get("/api/v1/me").await.expect(200);
                    answers += 1;
                }
                answers
            })
        });
        Self { clients: clients.collect(), stop }
    }

    /// Every request of theirs was answered, and the guest never trapped.
    async fn were_served(self, service: &Service) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            assert!(client.await.unwrap() > 0);
        }
        assert_eq!(service.host.stderr(), "");
    }
}

#[tokio::test]
async fn a_page_whose_name_was_made_to_lead_here_sees_no_mail() {
    let service = Service::shared();
    let url = format!("http://{REBOUND}:{}", service.host.port);
    for own in [Client::http1(&service.host.base_url), Client::http2(&service.host.base_url)] {
        own.get("/dev/mailbox").await.expect(200);
        own.at(&url).get("/dev/mailbox").await.expect(404);
    }
}
