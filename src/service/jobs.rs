//! Background work that is due, done when somebody asks: what could not be done
//! after a response, and tidying up.

use std::time::Duration;

use super::mails::{self, Delivered};
use super::{Context, access, audit};
use crate::app::App;
use crate::domain::role::Permission;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::mailer;
use crate::store::database::Statement;
use crate::store::{
    answers, challenges, invitations, mails as kept, one_time_tokens, rate_limits, registrations,
    sessions,
};

/// No platform lets a request take longer than 30 seconds.
const MAX_TIME: Duration = Duration::from_secs(25);
/// How long a mail is kept for the operator to see what became of it.
const MAILS_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// How long a session is kept after its end: so long, its place counts as one where
/// its user has been.
const SESSIONS_KEPT: Duration = Duration::from_secs(90 * 86_400);
/// How much of a kind is deleted at a time.
const PURGE_BATCH: u32 = 500;
/// The same of what comes in great numbers: the buckets of rate limits, and answers, of
/// which a batch leaves one for each of its operations.
const LARGE_BATCH: u32 = 5_000;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Mails.
    pub mails: Delivered,
    /// Events that got their place in the audit trail.
    pub sealed: usize,
    /// Rows that had expired and were deleted.
    pub purged: usize,
}

/// Does what is due, as much as fits into one request.
pub async fn run(app: &App, cx: &Context) -> Result<Done> {
    access::caller(app, cx).await?.require(&Permission::JOBS_RUN)?;
    // The last mail to be begun may take its time, too.
    let time = app.config.request_timeout.min(MAX_TIME);
    let time = time.saturating_sub(mailer::TIMEOUT).saturating_sub(Duration::from_secs(1));
    let mails = mails::deliver(app, time).await?;
    let sealed = audit::seal(app).await?;
    Ok(Done { mails, sealed, purged: purge(app, app.now()).await? })
}

async fn purge(app: &App, now: Timestamp) -> Result<usize> {
    let [tokens, sign_in_tokens] = one_time_tokens::purge(now, PURGE_BATCH);
    let expired: [Statement; 9] = [
        rate_limits::delete_full(now, LARGE_BATCH),
        tokens,
        sign_in_tokens,
        registrations::purge(now, PURGE_BATCH),
        invitations::purge(now, PURGE_BATCH),
        challenges::purge(now, PURGE_BATCH),
        answers::purge(now, LARGE_BATCH),
        sessions::purge(now.minus(SESSIONS_KEPT), PURGE_BATCH),
        kept::purge(now.minus(MAILS_KEPT), PURGE_BATCH),
    ];
    let mut purged: usize = 0;
    for statement in expired {
        purged = purged.saturating_add(app.store.query(statement).await?.len());
    }
    Ok(purged)
}
