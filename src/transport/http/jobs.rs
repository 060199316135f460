//! `/internal/jobs/run`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::Cx;
use super::problem::Problem;
use super::view;
use crate::app::App;
use crate::service::jobs::{self, Done};

/// What was done.
#[derive(Serialize, ToSchema)]
#[schema(as = JobsDone)]
pub struct JobsDoneView {
    mails: MailsDoneView,
    /// Events that got their place in the audit trail.
    #[schema(example = 7)]
    sealed: u64,
    /// Rows that had expired and were deleted.
    #[schema(example = 12)]
    purged: u64,
}

/// What became of the mails that were due.
#[derive(Serialize, ToSchema)]
#[schema(as = MailsDone)]
pub struct MailsDoneView {
    /// Handed over.
    #[schema(example = 3)]
    sent: u32,
    /// To be tried again later.
    #[schema(example = 0)]
    put_off: u32,
    /// Not to be tried again.
    #[schema(example = 0)]
    given_up: u32,
}

impl From<Done> for JobsDoneView {
    fn from(done: Done) -> Self {
        let mails = done.mails;
        Self {
            mails: MailsDoneView {
                sent: mails.sent,
                put_off: mails.put_off,
                given_up: mails.given_up,
            },
            sealed: u64::try_from(done.sealed).unwrap_or(u64::MAX),
            purged: u64::try_from(done.purged).unwrap_or(u64::MAX),
        }
    }
}

/// Does the background work that is due, as much as fits into one request: sends
/// mails that could not be sent right away, seals the audit trail, and deletes what
/// has expired. Needs `jobs:run`. Call it every few minutes.
#[utoipa::path(post, path = "/internal/jobs/run", tag = "jobs", operation_id = "run_jobs",
    responses((status = 200, description = "What was done.", body = JobsDoneView)))]
pub async fn run(State(app): State<Arc<App>>, Cx(cx): Cx) -> Result<Response, Problem> {
    let done = jobs::run(&app, &cx).await?;
    Ok(view::json(StatusCode::OK, &JobsDoneView::from(done)))
}
