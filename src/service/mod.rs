//! The use cases: one function each. Authorization, transactions and events
//! belong here; status codes, headers and SQL do not.

pub mod access;
pub mod addressees;
pub mod api_keys;
pub mod audit;
pub mod batches;
pub mod bootstrap;
pub mod changes;
pub mod credentials;
pub mod email_changes;
pub mod email_codes;
pub mod email_sign_in;
pub mod email_verifications;
pub mod exports;
pub mod factors;
pub mod finding;
pub mod health;
pub mod idempotency;
pub mod imports;
pub mod invitations;
pub mod jobs;
pub mod magic_links;
pub mod mails;
pub mod me;
mod metadata;
pub mod one_time_tokens;
pub mod own_data;
pub mod password_resets;
pub mod passwords;
pub mod rate_limits;
pub mod reauthentication;
pub mod registrations;
mod remembered;
pub mod roles;
pub mod second_factor;
pub mod sessions;
pub mod sign_in;
pub mod signing_keys;
pub mod suspension;
pub mod tokens;
pub mod user_roles;
pub mod users;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::app::App;
use crate::cache::Fresh;
use crate::domain::address::AddressPrefix;
use crate::domain::event::{Actor, Event, EventKind, Subject};
use crate::domain::locale::Locale;
use crate::domain::time::Timestamp;
use credentials::Credentials;

/// How often a change without a precondition is tried again when another one
/// came first.
const MAX_TRIES: u32 = 10;

/// Too many others change the same thing at the same time.
fn busy() -> crate::error::Error {
    crate::error::Error::busy()
}

/// What is known of a request besides what it asks for.
#[derive(Debug, Clone)]
pub struct Context {
    /// Names the request in logs, answers and events.
    pub request_id: String,
    /// The trace that it is a part of (W3C Trace Context), for the log.
    pub trace_id: Option<String>,
    /// What the caller shows for itself.
    pub credentials: Credentials,
    /// Where it comes from, as far as that can be trusted.
    pub address: Option<std::net::IpAddr>,
    /// Whether it comes from this machine, and through no proxy.
    pub is_local: bool,
    /// How the client calls itself.
    pub user_agent: Option<String>,
    /// How the caller stands with the limits that it met.
    pub limits: rate_limits::Standings,
    /// The language that the client prefers, of those that mails are written in.
    pub locale: Option<Locale>,
    /// Whether the request wrote a mail, to be sent when it was answered.
    pub wrote_mail: WroteMail,
    /// How long the instance may give the answer again.
    pub good_until: GoodUntil,
    /// What makes it repeatable, if it is.
    pub once: Option<Arc<idempotency::Once>>,
}

/// Shared by the copies of a request's context.
#[derive(Debug, Clone, Default)]
pub struct WroteMail(Arc<AtomicBool>);

impl WroteMail {
    /// Says that there is a mail to send.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether there is.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long the instance may give the answer to a request again, if it may at all: what
/// the answer is made of is remembered. Shared by the copies of the request's context.
#[derive(Debug, Clone, Default)]
pub struct GoodUntil(Arc<Mutex<Option<Fresh>>>);

impl GoodUntil {
    /// Says so, where nothing else is in the answer.
    fn set(&self, fresh: Option<Fresh>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
    }

    /// How long.
    pub fn get(&self) -> Option<Fresh> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// What is counted as the place where the request comes from.
    pub fn place(&self) -> Option<AddressPrefix> {
        self.address.map(AddressPrefix::of)
    }

    /// An event of this request.
    fn event(
        &self,
        app: &App,
        now: Timestamp,
        actor: Actor,
        kind: EventKind,
        subject: Option<impl Into<Subject>>,
    ) -> Event {
        let id = app.new_event_id(now);
        let subject = subject.map(Into::into);
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
    /// Any but these.
    Others(Vec<i64>),
}

impl Precondition {
    /// Fails unless this version is meant.
    pub fn check(&self, version: i64) -> crate::error::Result<()> {
        let is_meant = match self {
            Self::None => true,
            Self::Versions(versions) => versions.contains(&version),
            Self::Others(versions) => !versions.contains(&version),
        };
        if is_meant { Ok(()) } else { Err(crate::error::Error::PreconditionFailed) }
    }
}
