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
}

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
        }
    }

    /// How it is started on the host, on the Postgres at `postgres` if it needs one.
    /// What components print goes to a file and not to the terminal, as where nobody
    /// watches.
    pub(crate) fn builder(self, postgres: Option<&Postgres>) -> Builder {
        let root = build::workspace();
        let builder = match (self, postgres) {
            (Self::Hello | Self::Peer, _) => {
                Host::builder(root.join("bench/hello/spin.toml")).ready_path("/hello")
            }
            (Self::Update, _) => Host::builder(root.join("bench/update/spin.toml")),
            (Self::Postgres, Some(postgres)) => {
                rollcall(Host::builder(root.join("spin.postgres.toml")))
                    .variable("postgres_url", &postgres.url)
                    .variable("postgres_host", &format!("127.0.0.1:{}", postgres.port))
                    .variable("auto_migrate", "true")
            }
            _ => rollcall(Host::builder(root.join("spin.toml"))),
        };
        let builder = match self {
            Self::KeyValue => builder.variable("cache", "kv"),
            Self::Instance => builder.variable("cache", "kv+instance"),
            _ => builder,
        };
        builder.arg("--quiet")
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
        let postgres = (kind == Kind::Postgres).then(Postgres::start);
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
            Kind::Hello | Kind::Update | Kind::Peer => Fixture::default(),
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
