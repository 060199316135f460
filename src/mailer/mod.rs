//! The port that hands mails over, and its transports.

mod provider;
pub mod templates;

use std::sync::Arc;
use std::time::Duration;

use crate::config::MailTransport;
use crate::domain::mail::Mail;
use crate::http_client::HttpClient;
use crate::store::database::BoxFuture;

pub use provider::{HttpMailer, Provider};

/// How long handing one mail over may take.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Hands a mail over to whoever carries it.
pub trait Mailer: Send + Sync {
    /// Hands a mail over. Given the same mail twice, it may be carried twice.
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), NotSent>>;
}

/// Why a mail was not handed over: a sentence for the operator, without the
/// address and without what the mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSent(pub String);

/// What carries mails by the settings.
pub fn of(transport: &MailTransport, client: Arc<dyn HttpClient>) -> Arc<dyn Mailer> {
    match transport {
        MailTransport::Mailbox => Arc::new(Mailbox),
        MailTransport::Http { provider, url, path, token } => {
            Arc::new(HttpMailer::new(client, *provider, url, path.as_deref(), token))
        }
    }
}

/// The transport for development: mails go nowhere, and `/dev/mailbox` shows them.
pub struct Mailbox;

impl Mailer for Mailbox {
    fn send(&self, _: Mail) -> BoxFuture<'_, Result<(), NotSent>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
