//! The client, and how it is made.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Url};

use crate::api_keys::ApiKeys;
use crate::audit::Audit;
use crate::call::Call;
use crate::credential::Credential;
use crate::error::{Error, Result};
use crate::invitations::Invitations;
use crate::roles::Roles;
use crate::service::Service;
use crate::sessions::Sessions;
use crate::users::Users;

/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Somebody who calls one service. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) http: reqwest::Client,
    pub(crate) base: Url,
    pub(crate) credential: Credential,
    pub(crate) patience: Duration,
    pub(crate) limit: Duration,
}

/// How to make a client.
pub struct Builder {
    base: Url,
    credential: Credential,
    patience: Duration,
    limit: Duration,
    user_agent: String,
}

impl Client {
    /// Begins with where the service is, such as `https://users.example.com`. A path
    /// stays in front of the API's own.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] if it is no URL of `http` or `https`.
    pub fn builder(url: &str) -> Result<Builder> {
        let base = Url::parse(url).map_err(|error| bad_url(url, &error.to_string()))?;
        if !["http", "https"].contains(&base.scheme()) || base.host_str().is_none() {
            return Err(bad_url(url, "it should begin with https:// or http://"));
        }
        Ok(Builder {
            base,
            credential: Credential::None,
            patience: Duration::from_secs(30),
            limit: Duration::from_secs(60),
            user_agent: concat!("rollcall-client/", env!("CARGO_PKG_VERSION")).to_owned(),
        })
    }

    /// Where the service is.
    pub fn base_url(&self) -> &Url {
        &self.shared.base
    }

    /// The directory of users.
    pub fn users(&self) -> Users<'_> {
        Users(self)
    }

    /// Roles and permissions.
    pub fn roles(&self) -> Roles<'_> {
        Roles(self)
    }

    /// API keys.
    pub fn api_keys(&self) -> ApiKeys<'_> {
        ApiKeys(self)
    }

    /// Signing in and out, and where users are signed in.
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions(self)
    }

    /// Invitations.
    pub fn invitations(&self) -> Invitations<'_> {
        Invitations(self)
    }

    /// The audit trail.
    pub fn audit(&self) -> Audit<'_> {
        Audit(self)
    }

    /// The service itself: its health, its first admin, its work.
    pub fn service(&self) -> Service<'_> {
        Service(self)
    }

    /// A request to the path of these segments.
    pub(crate) fn call(&self, method: Method, path: &[&str]) -> Call<'_> {
        Call::new(self, method, path)
    }
}

impl Builder {
    /// Shows this to the service.
    #[must_use]
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// How long one call may wait in all for a service that asks to try again
    /// later; 30 seconds unless given. Zero tries once.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long one answer may take; 60 seconds unless given. A stream takes as long as
    /// it takes, but begins within this time and pauses no longer.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// What the client calls itself; a session that it begins is shown by it.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Makes the client.
    ///
    /// The provider of TLS is the one of the process, or else ring, which becomes it.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] if the certificates of the system cannot be read.
    pub fn build(self) -> Result<Client> {
        // Somebody else's choice stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(self.user_agent)
            .connect_timeout(CONNECT_LIMIT.min(self.limit))
            // The API has no redirects, and none should carry a token elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let Self { base, credential, patience, limit, .. } = self;
        Ok(Client { shared: Arc::new(Shared { http, base, credential, patience, limit }) })
    }
}

fn bad_url(url: &str, reason: &str) -> Error {
    Error::Request(format!("{url:?} is no address of a service: {reason}"))
}
