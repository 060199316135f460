//! A service that runs, with its first admin.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use data_encoding::BASE32_NOPAD;
use reqwest::Method;
use rollcall_testkit::host::Builder;
use rollcall_testkit::{Host, build, postgres};
use serde_json::json;

use crate::client::Client;

/// The admin's address.
pub(crate) const ADMIN: &str = "admin@example.com";
/// The admin's password.
pub(crate) const PASSWORD: &str = "a long walk by the river";
/// What the operator makes the first admin with.
pub(crate) const BOOTSTRAP_TOKEN: &str = "the-bootstrap-token";

/// A running service.
pub(crate) struct Service {
    pub(crate) host: Host,
}

/// A second factor.
pub(crate) struct SecondFactor {
    /// What the authenticator app was told, in Base32.
    pub(crate) secret: String,
    /// Ten codes.
    pub(crate) recovery_codes: Vec<String>,
}

/// How to start one with a database of its own, empty: on the Postgres that
/// `ROLLCALL_TEST_POSTGRES` names, or else on SQLite.
pub(crate) fn builder() -> Builder {
    match std::env::var("ROLLCALL_TEST_POSTGRES") {
        Ok(server) => on_postgres(&postgres::database(&server)),
        Err(_) => on_sqlite(),
    }
}

/// How to start one on the SQLite of its state folder, with secrets for tests.
pub(crate) fn on_sqlite() -> Builder {
    with_secrets(Host::builder(component().join("spin.toml")))
}

/// How to start one on the Postgres at `url`, which it migrates.
pub(crate) fn on_postgres(url: &str) -> Builder {
    let (_, host) = url.split_once('@').unwrap();
    let (host, _) = host.split_once('/').unwrap();
    with_secrets(Host::builder(component().join("spin.postgres.toml")))
        .variable("postgres_url", url)
        .variable("postgres_host", host)
        .variable("auto_migrate", "true")
}

fn with_secrets(builder: Builder) -> Builder {
    builder
        .variable("secret_key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
        .variable("bootstrap_token", BOOTSTRAP_TOKEN)
}

/// Builds the component once, and says where its manifests are.
fn component() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build::component("rollcall"));
    build::workspace()
}

impl Service {
    /// Starts one with the default settings, or those of the builder.
    pub(crate) fn start(builder: &Builder) -> Self {
        Self { host: builder.start() }
    }

    /// The one that tests share which neither change its settings nor look at
    /// what others have made. It ends with the last of them.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Service>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let service = Arc::new(Self::start(&builder()));
            *shared = Arc::downgrade(&service);
            service
        })
    }

    /// Nobody in particular.
    pub(crate) fn nobody(&self) -> Client {
        Client::http1(&self.host.base_url)
    }

    /// The first admin, made now if there is none, and signed in.
    pub(crate) async fn admin(&self) -> Client {
        let nobody = self.nobody();
        let operator = nobody.bearer(BOOTSTRAP_TOKEN);
        let body = json!({"email": ADMIN, "name": "Ada Lovelace", "password": PASSWORD});
        let answer = operator.post("/api/v1/bootstrap", &body).await;
        assert!([201, 409].contains(&answer.status), "{answer:#?}");
        nobody.sign_in(ADMIN, PASSWORD).await
    }

    /// A user who may nothing but sign in, made by the admin and signed in.
    pub(crate) async fn user(&self, admin: &Client, email: &str) -> Client {
        let body = json!({"email": email, "name": "Somebody", "password": PASSWORD});
        admin.post("/api/v1/users", &body).await.expect(201);
        self.nobody().sign_in(email, PASSWORD).await
    }

    /// Gives somebody who has just signed in a second factor.
    pub(crate) async fn second_factor(&self, client: &Client) -> SecondFactor {
        let answer = client.send(Method::POST, "/api/v1/me/factors/totp", "", "").await;
        let secret = answer.expect(201).text_at("/secret");
        let bytes = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
        let bytes: [u8; 20] = bytes.try_into().unwrap();
        let app = totp_rs::Builder::new().with_secret(bytes).build().unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let code = json!({"code": app.generate(now.as_secs()).to_string()});
        let answer = client.post("/api/v1/me/factors/totp/confirm", &code).await.expect(200);
        let recovery_codes = answer.json()["recovery_codes"].as_array().unwrap().clone();
        let recovery_codes = recovery_codes.iter().map(|code| code.as_str().unwrap().to_owned());
        SecondFactor { secret, recovery_codes: recovery_codes.collect() }
    }

    /// The log, as soon as `text` is in it.
    pub(crate) async fn log_with(&self, text: &str) -> String {
        let look = async {
            loop {
                let log = self.host.log();
                if log.contains(text) {
                    break log;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(10), look).await;
        found.unwrap_or_else(|_| panic!("no {text:?} in:\n{}", self.host.log()))
    }
}
