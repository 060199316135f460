//! Every limit exceeded by one gives its own problem and changes nothing; what just
//! meets it is taken.

use std::collections::BTreeSet;

use axum::body::Bytes;
use http::{HeaderName, HeaderValue, Method};
use rollcall::domain::page;
use rollcall::domain::rate_limit::Policy;
use rollcall::domain::secret::SecretKey;
use rollcall::transport::http::limits::{Beyond, LIMITS, Limit, table};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, SECRET_KEY, TestApp};

const USERS: &str = "/api/v1/users";
const PATCH: &str = "application/json-patch+json";

/// Who asks for something, and whom it is about.
struct Cast {
    anon: Client,
    admin: Client,
    alice: Client,
}

/// A request that is as large as it is told to be, in one respect.
type Request = fn(&Cast, usize) -> Sent;

struct Sent {
    client: Client,
    method: Method,
    path: String,
    content_type: &'static str,
    body: Bytes,
}

impl Cast {
    fn get(&self, path: impl Into<String>) -> Sent {
        self.send(Method::GET, path, "", "")
    }

    fn post(&self, path: impl Into<String>, body: &Value) -> Sent {
        self.send(Method::POST, path, "application/json", body.to_string())
    }

    /// Creates a user with these members besides the usual ones.
    fn create(&self, more: Value) -> Sent {
        let mut user = json!({"email": "new@example.com", "name": "New"});
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post(USERS, &user)
    }

    fn patch(&self, operations: &[Value]) -> Sent {
        let path = format!("{USERS}/{}", self.alice.id);
        self.send(Method::PATCH, path, PATCH, json!(operations).to_string())
    }

    fn batch(&self, operations: Vec<Value>) -> Sent {
        self.post(format!("{USERS}/batch"), &json!({"mode": "each", "operations": operations}))
    }

    fn filter(&self, filter: &str) -> Sent {
        let mut query = form_urlencoded::Serializer::new(format!("{USERS}?"));
        self.get(query.append_pair("filter", filter).finish())
    }

    fn send(
        &self,
        method: Method,
        path: impl Into<String>,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Sent {
        let (client, path, body) = (self.admin.clone(), path.into(), body.into());
        Sent { client, method, path, content_type, body }
    }
}

impl Sent {
    fn by(self, client: Client) -> Self {
        Self { client, ..self }
    }

    fn with(mut self, name: &str, value: String) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.client.headers.push((name, HeaderValue::try_from(value).unwrap()));
        self
    }

    async fn answer(self) -> Response {
        self.client.send(self.method, self.path, self.content_type, self.body).await
    }
}

/// A text of so many bytes: most may end in spaces.
fn padded(text: &str, length: usize) -> String {
    text.to_owned() + &" ".repeat(length - text.len())
}

/// So many values in each other.
fn nested(levels: usize) -> Value {
    (1..levels).fold(json!([]), |value, _| json!([value]))
}

fn address(local: usize, whole: usize) -> String {
    let domain: String =
        (0..whole - local - 1).map(|at| if at % 64 == 1 { '.' } else { 'd' }).collect();
    format!("{}@{domain}", "a".repeat(local))
}

/// What a JSON Patch is applied to.
fn patched(metadata: &Value) -> Value {
    json!({"email": "alice@example.com", "name": "alice", "external_id": null,
        "metadata": metadata, "private_metadata": {}, "own_metadata": {}})
}

fn add_and_remove(cast: &Cast, value: Value) -> Sent {
    let add = json!({"op": "add", "path": "/metadata/a", "value": value});
    cast.patch(&[add, json!({"op": "remove", "path": "/metadata/a"})])
}

/// A request for each limit, which has as much of it as it is told to.
const REQUESTS: &[(&str, Request)] = &[
    ("target_bytes", |cast, n| {
        let path = "/api/v1/me?";
        cast.get(path.to_owned() + &"x".repeat(n - path.len()))
    }),
    ("header_fields", |cast, n| {
        // The credential is one of them, and the address that the host adds is none.
        (1..n).fold(cast.get("/api/v1/me"), |sent, n| sent.with(&format!("x-{n}"), n.to_string()))
    }),
    ("header_bytes", |cast, n| {
        let credential = "authorizationBearer ".len() + cast.admin.access_token.len();
        cast.get("/api/v1/me").with("x-a", "x".repeat(n - credential - "x-a".len()))
    }),
    ("body_bytes", |cast, n| {
        let mut sent = cast.create(json!({}));
        sent.body = padded(&String::from_utf8_lossy(&sent.body), n).into();
        sent
    }),
    ("json_levels", |cast, n| {
        // The operation fails for itself: no metadata may be as deep as that.
        let metadata = json!({"a": nested(n - 5)});
        let user = json!({"email": "new@example.com", "name": "New", "metadata": metadata});
        cast.batch(vec![json!({"op": "create", "user": user})])
    }),
    ("idempotency_key_characters", |cast, n| {
        cast.create(json!({})).with("idempotency-key", "k".repeat(n))
    }),
    ("idempotency_key_anonymous_characters", |cast, n| {
        let sent = cast.post("/api/v1/password-resets", &json!({"email": "a@example.com"}));
        sent.by(cast.anon.clone()).with("idempotency-key", "k".repeat(n))
    }),
    ("page_items", |cast, n| cast.get(format!("{USERS}?limit={n}"))),
    ("cursor_bytes", |cast, n| {
        // Three bytes are four characters; sixteen bytes sign the others.
        let key = "z".repeat((n * 3).div_ceil(4) - 16);
        let secret = SecretKey::parse(SECRET_KEY).unwrap();
        let cursor = page::write_cursor(&secret, "/api/v1/roles", &key);
        assert!((n..n + 2).contains(&cursor.len()));
        cast.get(format!("/api/v1/roles?cursor={cursor}"))
    }),
    ("filter_bytes", |cast, n| cast.filter(&padded("name sw \"a\"", n))),
    ("filter_comparisons", |cast, n| cast.filter(&vec!["name sw \"a\""; n].join(" and "))),
    ("filter_levels", |cast, n| {
        cast.filter(&format!("{}name sw \"a\"{}", "(".repeat(n), ")".repeat(n)))
    }),
    ("selected_fields", |cast, n| cast.get(format!("{USERS}?fields={}", vec!["id"; n].join(",")))),
    ("audit_term_bytes", |cast, n| {
        cast.get(format!("/api/v1/audit-events?subject={}", "x".repeat(n)))
    }),
    ("email_bytes", |cast, n| cast.create(json!({"email": address(64, n)}))),
    ("email_local_bytes", |cast, n| cast.create(json!({"email": address(n, n + 10)}))),
    ("name_characters", |cast, n| cast.create(json!({"name": "é".repeat(n)}))),
    ("external_id_characters", |cast, n| cast.create(json!({"external_id": "é".repeat(n)}))),
    ("device_characters", |cast, n| {
        let device = "é".repeat(n);
        let body = json!({"email": cast.alice.email, "password": PASSWORD, "device": device});
        cast.post("/api/v1/sessions", &body).by(cast.anon.clone())
    }),
    ("password_characters", |cast, n| {
        cast.create(
            json!({"password": "q7é#".repeat(n / 4 + 1).chars().take(n).collect::<String>()}),
        )
    }),
    ("password_least_characters", |cast, n| {
        cast.create(json!({"password": "q7é#Lw2zAb".chars().take(n).collect::<String>()}))
    }),
    ("password_hash_bytes", |cast, n| cast.create(json!({"password_hash": "x".repeat(n)}))),
    ("metadata_bytes", |cast, n| {
        cast.create(json!({"metadata": {"a": "x".repeat(n - r#"{"a":""}"#.len())}}))
    }),
    ("metadata_levels", |cast, n| cast.create(json!({"metadata": {"a": nested(n - 1)}}))),
    ("user_roles", |cast, n| {
        let body = json!({"roles": vec!["user"; n]}).to_string();
        let path = format!("{USERS}/{}/roles", cast.alice.id);
        cast.send(Method::PUT, path, "application/json", body).with("if-match", "*".to_owned())
    }),
    ("invitation_roles", |cast, n| {
        let body = json!({"email": "new@example.com", "roles": vec!["user"; n]});
        cast.post("/api/v1/invitations", &body)
    }),
    ("role_name_characters", |cast, n| {
        cast.post("/api/v1/roles", &json!({"name": "r".repeat(n), "permissions": []}))
    }),
    ("permissions", |cast, n| {
        let permissions: Vec<_> = (0..n).map(|n| format!("app:p{n}")).collect();
        cast.post("/api/v1/roles", &json!({"name": "app", "permissions": permissions}))
    }),
    ("permission_characters", |cast, n| {
        let permission = format!("app:{}", "p".repeat(n - 4));
        cast.post("/api/v1/roles", &json!({"name": "app", "permissions": [permission]}))
    }),
    ("patch_operations", |cast, n| {
        cast.patch(&vec![json!({"op": "test", "path": "/name", "value": "alice"}); n])
    }),
    ("patched_bytes", |cast, n| {
        let rest = patched(&json!({"a": ""})).to_string().len();
        add_and_remove(cast, json!("x".repeat(n - rest)))
    }),
    ("patched_levels", |cast, n| add_and_remove(cast, nested(n - 2))),
    ("batch_operations", |cast, n| {
        let nobody = "019a0000-0000-7000-8000-000000000000";
        cast.batch(vec![json!({"op": "delete", "id": nobody}); n])
    }),
    ("batch_passwords", |cast, n| {
        let create = |n| {
            let email = format!("new{n}@example.com");
            json!({"op": "create", "user": {"email": email, "name": "New", "password": PASSWORD}})
        };
        cast.batch((0..n).map(create).collect())
    }),
];

/// Limits that are no matter of one answer, and what is tested of them where.
const ELSEWHERE: &[(&str, &str)] = &[
    ("request_seconds", "chain::a_request_that_takes_too_long_is_cut_short"),
    ("idle_seconds", "import_streams"),
    ("errors_listed", "no_more_errors_are_listed_than_the_limit_says"),
    ("record_bytes", "a_line_of_an_import_that_is_too_long_fails_alone"),
];

/// Whether an answer is the one to what is beyond the limit.
fn is_refused(answer: &Response, limit: &Limit) -> bool {
    match limit.beyond {
        Beyond::Problem(status, code) => {
            (answer.status.as_u16(), &answer.body["code"]) == (status, &json!(code))
        }
        Beyond::Invalid(code) => {
            let told = answer.field_errors();
            answer.status == 422 && told.len() == 1 && told[0].1 == code
        }
        Beyond::Else(_) => false,
    }
}

#[tokio::test]
async fn one_more_than_a_limit_is_refused_and_changes_nothing_and_one_less_is_taken() {
    for limit in LIMITS {
        let Some((_, request)) = REQUESTS.iter().find(|(name, _)| *name == limit.name) else {
            let is_elsewhere = ELSEWHERE.iter().any(|(name, _)| *name == limit.name);
            assert!(is_elsewhere, "nobody exceeds {}", limit.name);
            continue;
        };
        let app = TestApp::new().await;
        let (anon, admin, alice) = (app.anon(), app.admin().await, app.user("alice").await);
        let cast = Cast { anon, admin, alice };
        let bound = limit.bound.amount();
        let beyond = if limit.bound.is_least() { bound - 1 } else { bound + 1 };

        let (before, events) = (app.contents(), app.events().await.len());
        let refused = request(&cast, beyond).answer().await;
        assert!(is_refused(&refused, limit), "{} of {beyond}: {refused:.600}", limit.name);
        assert_eq!(app.contents(), before, "{}", limit.name);
        assert_eq!(app.events().await.len(), events, "{}", limit.name);

        let taken = request(&cast, bound).answer().await;
        // No hash is as long as that.
        let is_taken = match limit.name {
            "password_hash_bytes" => taken.field_errors() == [("password_hash", "unknown_hash")],
            _ => taken.status.is_success(),
        };
        assert!(is_taken, "{} of {bound}: {taken:.600}", limit.name);
    }
}

#[test]
fn every_request_is_about_a_limit_that_there_is() {
    let names = REQUESTS.iter().map(|(name, _)| name).chain(ELSEWHERE.iter().map(|(name, _)| name));
    for name in names {
        assert_eq!(LIMITS.iter().filter(|limit| limit.name == *name).count(), 1, "{name}");
    }
}

#[tokio::test]
async fn no_more_errors_are_listed_than_the_limit_says() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let wrong = |count: usize| {
        let permissions: Vec<_> = (0..count).map(|n| format!("Wrong{n}")).collect();
        json!({"name": "app", "permissions": permissions})
    };
    for (count, told) in [(49, 49), (50, 50), (51, 50), (100, 50)] {
        let answer = admin.post("/api/v1/roles", wrong(count)).await.assert_status(422);
        assert_eq!(answer.field_errors().len(), told, "{count}");
    }
}

#[tokio::test]
async fn a_line_of_an_import_that_is_too_long_fails_alone() {
    let app = TestApp::new().await;
    let line = |name: &str, length: usize| {
        let user = json!({"email": format!("{name}@example.com"), "name": name}).to_string();
        padded(&user, length - 1) + "\n"
    };
    let body = line("a", 65_536) + &line("b", 65_537) + &line("c", 65_536);
    let path = "/api/v1/users/import";
    let admin = app.admin().await.with("accept", "application/x-ndjson");
    let answer = admin.send(Method::POST, path, "application/x-ndjson", body).await;
    let told: Vec<Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = told.iter().map(|line| (&line["status"], &line["error"]["code"])).collect();
    let (created, failed) = (json!("created"), json!("failed"));
    let malformed = json!("malformed_request");
    assert_eq!(
        told[..3],
        [(&created, &Value::Null), (&failed, &malformed), (&created, &Value::Null)]
    );
}

#[tokio::test]
async fn the_page_about_limits_and_the_document_say_what_holds() {
    let page = include_str!("../../docs/limits.md");
    assert!(page.contains(&table()), "docs/limits.md should have this table:\n{}", table());
    let document = crate::support::TestApp::new().await.anon().get("/openapi.json").await;
    for limit in LIMITS {
        let told = &document.body["x-limits"][limit.name];
        let bound = if limit.bound.is_least() { "minimum" } else { "maximum" };
        assert_eq!(told[bound], json!(limit.bound.amount()), "{}", limit.name);
    }
}

#[tokio::test]
async fn the_document_names_every_rate_limit_where_it_applies() {
    let document = TestApp::new().await.anon().get("/openapi.json").await.body;
    let mut named = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let limits = operation["x-rate-limits"].as_array();
            named.extend(limits.into_iter().flatten().map(|limit| limit.as_str().unwrap()));
            // The lines of an import are limited, each for itself.
            let may_be_refused = limits.is_some() && path != "/api/v1/users/import";
            let refusal = operation["responses"].get("429");
            assert_eq!(refusal.is_some(), may_be_refused, "{method} {path}");
            for name in ["RateLimit", "RateLimit-Policy", "Retry-After"] {
                let is_told = refusal.is_none_or(|told| told["headers"].get(name).is_some());
                assert!(is_told, "{method} {path}: {name}");
            }
        }
    }
    let known = document["x-rate-limits"].as_object().unwrap();
    assert_eq!(named, known.keys().map(String::as_str).collect());
    for limit in Policy::TABLE.iter().flat_map(|policy| policy.limits) {
        assert_eq!(known[limit.name]["quota"], limit.quota, "{}", limit.name);
    }
}
