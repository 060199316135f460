//! The audit trail.

use reqwest::Method;

use crate::client::Client;
use crate::error::Result;
use crate::model::{AuditEvent, AuditFilter, AuditVerification};
use crate::page::Pages;

/// The audit trail.
#[derive(Clone, Copy)]
pub struct Audit<'a>(pub(crate) &'a Client);

impl<'a> Audit<'a> {
    /// Events, the newest first.
    pub fn list(self, filter: AuditFilter) -> Pages<'a, AuditEvent> {
        Pages::new(move || {
            self.0
                .call(Method::GET, &["api", "v1", "audit-events"])
                .query("kind", filter.kind.as_deref())
                .query("actor", filter.actor.as_deref())
                .query("subject", filter.subject.as_deref())
                .query("since", filter.since.as_deref())
                .query("until", filter.until.as_deref())
        })
    }

    /// Has the service follow the chain over at most a thousand events behind a
    /// position. With the `hash` that was seen there, it must still be there.
    ///
    /// # Errors
    ///
    /// As every call. A chain that does not hold is no error.
    pub async fn verify(self, after: u64, hash: Option<&str>) -> Result<AuditVerification> {
        let call = self.0.call(Method::GET, &["api", "v1", "audit-events", "verify"]);
        call.query("after", Some(after.to_string())).query("hash", hash).receive().await
    }
}
