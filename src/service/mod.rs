//! The use cases: one function each. Authorization, transactions and events
//! belong here; status codes, headers and SQL do not.

pub mod access;
pub mod bootstrap;
pub mod factors;
pub mod health;
pub mod me;
pub mod reauthentication;
pub mod second_factor;
pub mod sessions;
pub mod signing_keys;
pub mod users;

use crate::app::App;
use crate::domain::event::{Actor, Event, EventKind};
use crate::domain::id::{EventId, UserId};
use crate::domain::time::Timestamp;
use access::Credentials;

/// What is known of a request besides what it asks for.
#[derive(Debug, Clone)]
pub struct Context {
    /// Names the request in logs, answers and events.
    pub request_id: String,
    /// What the caller shows for itself.
    pub credentials: Credentials,
    /// Where it comes from, as far as that can be trusted.
    pub address: Option<std::net::IpAddr>,
    /// How the client calls itself.
    pub user_agent: Option<String>,
}

impl Context {
    /// An event of this request.
    fn event(
        &self,
        app: &App,
        now: Timestamp,
        actor: Actor,
        kind: EventKind,
        subject: Option<UserId>,
    ) -> Event {
        let id = EventId::new(now, &*app.rng);
        Event { id, kind, actor, subject, at: now, request_id: self.request_id.clone() }
    }
}

/// Which version of a resource the caller means to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Precondition {
    /// Whichever there is.
    #[default]
    None,
    /// One of these.
    Versions(Vec<i64>),
}

impl Precondition {
    /// Fails unless this version is meant.
    pub fn check(&self, version: i64) -> crate::error::Result<()> {
        match self {
            Self::Versions(versions) if !versions.contains(&version) => {
                Err(crate::error::Error::PreconditionFailed)
            }
            Self::None | Self::Versions(_) => Ok(()),
        }
    }
}
