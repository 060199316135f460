//! What is loaded: applications on hosts of their own, each with what the
//! requests ask for.

use std::cell::Cell;
use std::sync::Arc;

use anyhow::Result;
use rollcall_testkit::host::Builder;
use rollcall_testkit::{Host, Postgres, build};

use crate::fixture::{BOOTSTRAP_TOKEN, Fixture};
use crate::load::connect;
use crate::peer::Peer;

/// An application in one of its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The component that only says hello.
    Hello,
    /// The component that changes one row.
    Update,
    /// Native code that does a little of the same, on SQLite.
    Peer,
    /// Rollcall on SQLite, with the default settings.
    Rollcall,
    /// The same with the key-value cache.
    KeyValue,
    /// The same with that and what instances remember.
    Instance,
    /// Rollcall on Postgres.
    Postgres,
    /// The same with the key-value cache.
    PostgresKeyValue,
    /// The same with that and what instances remember.
    PostgresInstance,
    /// Hello world, with instances that are kept ([`KEPT`]).
    HelloKept,
    /// Rollcall on SQLite, with instances that are kept.
    Kept,
    /// The same with the key-value cache and what instances remember.
    InstanceKept,
    /// The component that hashes a password.
    Hash,
}

/// What to start Spin with where one may: instances that serve one request at a time,
/// and are not dropped after the 128th.
const KEPT: [&str; 4] =
    ["--max-instance-concurrent-reuse-count", "1", "--max-instance-reuse-count", "100000"];

impl Kind {
    /// How it is called in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello world",
            Self::Update => "one-row update",
            Self::Peer => "native peer",
            Self::Rollcall => "SQLite",
            Self::KeyValue => "SQLite, cache kv",
            Self::Instance => "SQLite, cache kv+instance",
            Self::Postgres => "Postgres",
            Self::PostgresKeyValue => "Postgres, cache kv",
            Self::PostgresInstance => "Postgres, cache kv+instance",
            Self::HelloKept => "hello world, kept",
            Self::Kept => "SQLite, kept",
            Self::InstanceKept => "SQLite, cache kv+instance, kept",
            Self::Hash => "hash",
        }
    }

    /// Whether its instances are kept.
    fn is_kept(self) -> bool {
        matches!(self, Self::HelloKept | Self::Kept | Self::InstanceKept)
    }

    /// Whether it needs a Postgres.
    fn is_on_postgres(self) -> bool {
        matches!(self, Self::Postgres | Self::PostgresKeyValue | Self::PostgresInstance)
    }

    /// The ceiling of its host.
    pub(crate) fn hello(self) -> Self {
        if self.is_kept() { Self::HelloKept } else { Self::Hello }
    }

    /// How it is started on the host, on the Postgres at `postgres` if it needs one.
    /// What components print goes to a file and not to the terminal, as where nobody
    /// watches.
    pub(crate) fn builder(self, postgres: Option<&Postgres>) -> Builder {
        let root = build::workspace();
        let builder = match (self, postgres) {
            (Self::Hello | Self::HelloKept | Self::Peer, _) => {
                Host::builder(root.join("bench/hello/spin.toml")).ready_path("/hello")
            }
            (Self::Update, _) => Host::builder(root.join("bench/update/spin.toml")),
            (Self::Hash, _) => Host::builder(root.join("bench/hash/spin.toml")),
            (_, Some(postgres)) => rollcall(Host::builder(root.join("spin.postgres.toml")))
                .variable("postgres_url", &postgres.url)
                .variable("postgres_host", &format!("127.0.0.1:{}", postgres.port))
                .variable("auto_migrate", "true"),
            _ => rollcall(Host::builder(root.join("spin.toml"))),
        };
        let builder = match self {
            Self::KeyValue | Self::PostgresKeyValue => builder.variable("cache", "kv"),
            Self::Instance | Self::InstanceKept | Self::PostgresInstance => {
                builder.variable("cache", "kv+instance")
            }
            _ => builder,
        };
        let flags: &[&str] = if self.is_kept() { &KEPT } else { &[] };
        flags.iter().fold(builder.arg("--quiet"), |builder, flag| builder.arg(flag))
    }
}

fn rollcall(builder: Builder) -> Builder {
    builder
        .variable("secret_key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
        .variable("bootstrap_token", BOOTSTRAP_TOKEN)
        // What is measured is the work, not how it is held back.
        .variable("rate_limit_scale", "1000000")
        // A run takes longer than a token is good by default.
        .variable("access_token_ttl", "1d")
        .ready_path("/livez")
}

/// What serves.
enum Server {
    Host(Host),
    Peer(Peer),
}

/// A running application.
pub(crate) struct Target {
    server: Server,
    pub(crate) fixture: Arc<Fixture>,
    /// The resident memory after the start, in KiB.
    pub(crate) idle_kib: u64,
    peak_kib: Cell<u64>,
    /// Stopped after the host.
    _postgres: Option<Postgres>,
}

impl Target {
    /// Starts it and makes what the requests ask for.
    ///
    /// # Errors
    ///
    /// When an answer is not as expected.
    pub(crate) async fn start(kind: Kind, tokens: usize) -> Result<Self> {
        let postgres = kind.is_on_postgres().then(Postgres::start);
        if kind == Kind::Peer {
            let peer = Peer::start()?;
            let fixture = Arc::new(Fixture::of_users(peer.users.clone()));
            let server = Server::Peer(peer);
            let peak_kib = Cell::default();
            return Ok(Self { server, fixture, idle_kib: 0, peak_kib, _postgres: None });
        }
        let host = kind.builder(postgres.as_ref()).start();
        let idle_kib = host.resident_kib();
        let fixture = match kind {
            Kind::Hello | Kind::HelloKept | Kind::Update | Kind::Hash | Kind::Peer => {
                Fixture::default()
            }
            _ => Fixture::make(connect(host.port).await?, tokens).await?,
        };
        Ok(Self {
            server: Server::Host(host),
            fixture: Arc::new(fixture),
            idle_kib,
            peak_kib: Cell::new(idle_kib),
            _postgres: postgres,
        })
    }

    /// The port that it listens on, on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        match &self.server {
            Server::Host(host) => host.port,
            Server::Peer(peer) => peer.port,
        }
    }

    /// Its resident memory, in KiB; of the peer, which is a part of this process, 0.
    pub(crate) fn resident_kib(&self) -> u64 {
        match &self.server {
            Server::Host(host) => host.resident_kib(),
            Server::Peer(_) => 0,
        }
    }

    /// Looks how much memory it has now.
    pub(crate) fn note_memory(&self) {
        self.peak_kib.set(self.peak_kib.get().max(self.resident_kib()));
    }

    /// The most memory that was seen, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        self.peak_kib.get()
    }
}
