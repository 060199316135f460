//! What tests need to run the service in-process: on real SQL, with time,
//! randomness, timers and the log in their hands.

pub(crate) mod authenticator;
pub(crate) mod client;
mod document;
pub(crate) mod grpc;
pub(crate) mod key_value;
pub(crate) mod observed;
pub(crate) mod ports;
pub(crate) mod postgres;
pub(crate) mod response;
pub(crate) mod sqlite;

use std::sync::{Arc, Mutex};

use rollcall::app::{App, Ports};
use rollcall::config::Config;
use rollcall::password_hasher::Argon2id;
use rollcall::store::database::{Database, Row, Statement, Value};
use rollcall::transport::Server;
use serde_json::json;

use client::Client;
use key_value::FakeKeyValue;
use observed::Observed;
use ports::{
    AtOnce, CapturedLog, FakeServer, FixedClock, ManualBackground, ManualTimer, SeededRng,
};
use postgres::Postgres;
use response::Response;
use sqlite::Sqlite;

/// The bootstrap token of every [`TestApp`].
pub(crate) const BOOTSTRAP_TOKEN: &str = "the-bootstrap-token";
/// The secret key of every [`TestApp`].
pub(crate) const SECRET_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// The password of every user that [`TestApp::user`] makes.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The settings that a test does not set.
const SETTINGS: &[(&str, &str)] =
    &[("secret_key", SECRET_KEY), ("bootstrap_token", BOOTSTRAP_TOKEN)];

/// One instance of the service, and the outside world as it sees it.
pub(crate) struct TestApp {
    /// Answers requests.
    pub(crate) server: Server,
    /// Keeps everything.
    pub(crate) database: Arc<Observed>,
    /// Where a cache is kept.
    pub(crate) key_value: Arc<FakeKeyValue>,
    /// Shows 2026-01-01T00:00:00Z until it is moved.
    pub(crate) clock: Arc<FixedClock>,
    /// Cuts requests short when it runs out.
    pub(crate) timer: Arc<ManualTimer>,
    /// What was logged.
    pub(crate) log: Arc<CapturedLog>,
    /// Whoever carries mails, when `mail_transport` is `http`.
    pub(crate) provider: Arc<FakeServer>,
    /// What is done after responses, once the test says so.
    pub(crate) background: Arc<ManualBackground>,
    rng: Arc<SeededRng>,
    admin: Mutex<Option<Client>>,
}

impl TestApp {
    /// A new service with nobody in it.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// The same with some settings of its own.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        Self::over(database().await, settings).await
    }

    /// A new service on SQLite, whichever database the others are on.
    pub(crate) async fn on_sqlite() -> Self {
        Self::over(Arc::new(Sqlite::new()), &[]).await
    }

    async fn over(database: Arc<dyn Database>, settings: &[(&str, &str)]) -> Self {
        let (clock, rng) = (Arc::new(FixedClock::new()), Arc::new(SeededRng::new(1)));
        let timer = Arc::new(ManualTimer::new());
        let provider = Arc::new(FakeServer::new());
        let (database, log) = (Arc::new(Observed::new(database)), Arc::default());
        let key_value = Arc::new(FakeKeyValue::new(clock.clone()));
        let world = World { database, key_value, clock, rng, timer, log, provider };
        Self::on(world, settings).await
    }

    /// Another instance of the same service: the same database and clock, and
    /// nothing remembered.
    pub(crate) async fn another_instance(&self, settings: &[(&str, &str)]) -> Self {
        let world = World {
            database: Arc::clone(&self.database),
            key_value: Arc::clone(&self.key_value),
            clock: Arc::clone(&self.clock),
            rng: Arc::clone(&self.rng),
            timer: Arc::clone(&self.timer),
            log: Arc::clone(&self.log),
            provider: Arc::clone(&self.provider),
        };
        Self::on(world, settings).await
    }

    async fn on(world: World, settings: &[(&str, &str)]) -> Self {
        let World { database, key_value, clock, rng, timer, log, provider } = world;
        let background = Arc::new(ManualBackground::default());
        let config = config(settings).await;
        // The cheapest that there is: what is tested is not how hard it is.
        let patience = std::time::Duration::from_secs(1);
        let passwords = Argon2id::new(8, 1, clock.clone(), Arc::new(AtOnce), patience).unwrap();
        let app = App::new(
            config,
            Ports {
                database: database.clone(),
                key_value: key_value.clone(),
                clock: clock.clone(),
                rng: rng.clone(),
                timer: timer.clone(),
                passwords: Arc::new(passwords),
                log: log.clone(),
                http: provider.clone(),
                background: background.clone(),
            },
        );
        let server = Server::new(Arc::new(app));
        let admin = Mutex::new(None);
        Self { server, database, key_value, clock, timer, log, provider, background, rng, admin }
    }

    /// How often `work`, done so often at the same time, succeeded.
    pub(crate) async fn race<F>(times: usize, work: impl Fn(usize) -> F) -> usize
    where
        F: Future<Output = Response>,
    {
        let answers = futures_util::future::join_all((0..times).map(work)).await;
        answers.iter().filter(|answer| answer.status.is_success()).count()
    }

    /// Somebody who is not signed in.
    pub(crate) fn anon(&self) -> Client {
        Client::nobody(self.server.clone())
    }

    /// The first admin, signed in.
    pub(crate) async fn admin(&self) -> Client {
        let known = self.admin.lock().unwrap().clone();
        if let Some(admin) = known {
            return admin;
        }
        let holder = self.anon().showing(BOOTSTRAP_TOKEN);
        let admin = json!({"email": "admin@example.com", "password": PASSWORD, "name": "Admin"});
        holder.post("/api/v1/bootstrap", admin).await.assert_status(201);
        let admin = self.sign_in("admin@example.com").await;
        *self.admin.lock().unwrap() = Some(admin.clone());
        admin
    }

    /// A user with the role `user`, created by the admin and signed in:
    /// `alice@example.com` for `alice`.
    pub(crate) async fn user(&self, name: &str) -> Client {
        let email = format!("{name}@example.com");
        let user = json!({"email": email, "password": PASSWORD, "name": name});
        self.admin().await.post("/api/v1/users", user).await.assert_status(201);
        self.sign_in(&email).await
    }

    /// The user with this address, signed in with the usual password.
    pub(crate) async fn sign_in(&self, email: &str) -> Client {
        let credentials = json!({"email": email, "password": PASSWORD});
        let answer = self.anon().post("/api/v1/sessions", credentials).await.assert_status(201);
        let mut client = self.anon().signed_in(&answer);
        client.password = PASSWORD.to_owned();
        client
    }

    /// The same client with its next tokens.
    pub(crate) async fn refresh(&self, client: &Client) -> Client {
        let token = json!({"refresh_token": client.refresh_token});
        let answer = self.anon().post("/api/v1/sessions/refresh", token).await.assert_status(200);
        client.clone().signed_in(&answer)
    }

    /// Makes a role.
    pub(crate) async fn role(&self, name: &str, permissions: &[&str]) {
        let role = json!({"name": name, "permissions": permissions});
        self.admin().await.post("/api/v1/roles", role).await.assert_status(201);
    }

    /// A user with these roles, created by the admin and signed in.
    pub(crate) async fn user_with_roles(&self, name: &str, roles: &[&str]) -> Client {
        let email = format!("{name}@example.com");
        let user = json!({"email": email, "password": PASSWORD, "name": name, "roles": roles});
        self.admin().await.post("/api/v1/users", user).await.assert_status(201);
        self.sign_in(&email).await
    }

    /// A program with these permissions, which has called a moment ago.
    pub(crate) async fn api_key(&self, permissions: &[&str]) -> Client {
        let key = json!({"name": "key", "permissions": permissions});
        let made = self.admin().await.post("/api/v1/api-keys", key).await.assert_status(201);
        let mut client = self.anon().showing(made.text_at("/key"));
        client.id = made.text_at("/id");
        client.get("/api/v1/permissions").await.assert_status(200);
        self.background.run().await;
        client
    }

    /// What was mailed to an address, newest first, as `/dev/mailbox` shows it.
    pub(crate) async fn mails_to(&self, email: &str) -> Vec<serde_json::Value> {
        let mailbox = self
            .anon()
            .calling_from("127.0.0.1")
            .get("/dev/mailbox?limit=200")
            .await
            .assert_status(200);
        let mails = mailbox.body["items"].as_array().unwrap().clone();
        mails.into_iter().filter(|mail| mail["to"] == email).collect()
    }

    /// The newest mail of a kind to an address. The clock moves on, so that the
    /// next one is newer.
    pub(crate) async fn mail_to(&self, email: &str, kind: &str) -> serde_json::Value {
        let mails = self.mails_to(email).await;
        self.clock.advance(std::time::Duration::from_secs(1));
        let found = mails.iter().find(|mail| mail["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind} to {email} in {mails:#?}")).clone()
    }

    /// The token in the link of the newest mail of a kind to an address.
    pub(crate) async fn token_to(&self, email: &str, kind: &str) -> String {
        let mail = self.mail_to(email, kind).await;
        let text = mail["text"].as_str().unwrap();
        let (_, rest) = text.split_once("?token=").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }

    /// Asks the database itself: for what no operation of the API does or tells.
    pub(crate) async fn sql(&self, sql: &'static str, params: Vec<Value>) -> Vec<Row> {
        self.database.ask_past(Statement::new(sql, params)).await.unwrap()
    }

    /// What happened, in order: `user.created by operator, of <id>`.
    pub(crate) async fn events(&self) -> Vec<String> {
        let sql = "SELECT kind, actor, subject FROM events ORDER BY id";
        let rows = self.sql(sql, Vec::new()).await;
        let event = |row: Row| {
            let mut columns = row.read();
            let (kind, actor) = (columns.text().unwrap(), columns.text().unwrap());
            let subject = columns.optional_text().unwrap().unwrap_or_default();
            format!("{kind} by {actor}, of {subject}")
        };
        rows.into_iter().map(event).collect()
    }

    /// Everything that is stored: two of them tell whether anything changed. What
    /// rate limits count is left out: to be refused counts.
    pub(crate) fn contents(&self) -> String {
        self.database.contents()
    }
}

struct World {
    database: Arc<Observed>,
    key_value: Arc<FakeKeyValue>,
    clock: Arc<FixedClock>,
    rng: Arc<SeededRng>,
    timer: Arc<ManualTimer>,
    log: Arc<CapturedLog>,
    provider: Arc<FakeServer>,
}

/// An empty database: on the Postgres that `ROLLCALL_TEST_POSTGRES` names, or else
/// SQLite.
async fn database() -> Arc<dyn Database> {
    match std::env::var("ROLLCALL_TEST_POSTGRES") {
        Ok(url) => Arc::new(Postgres::new(&url).await),
        Err(_) => Arc::new(Sqlite::new()),
    }
}

async fn config(settings: &[(&str, &str)]) -> Config {
    let find = |list: &[(&str, &str)], name: &str| {
        list.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let get = async |name: String| find(settings, &name).or_else(|| find(SETTINGS, &name));
    Config::read(get).await.unwrap_or_else(|errors| panic!("{errors}"))
}
