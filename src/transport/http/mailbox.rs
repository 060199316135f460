//! `/dev/mailbox`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{AnyCx, Query};
use super::problem::Problem;
use super::view;
use crate::app::App;
use crate::service::mails::{self, MailboxItem};

const LIST: &str = "/dev/mailbox";

/// A mail as its receiver would have got it.
#[derive(Serialize, ToSchema)]
#[schema(as = Mail)]
pub struct MailView {
    /// UUIDv7.
    #[schema(format = "uuid")]
    id: String,
    /// Which mail it is.
    #[schema(example = "verify_email")]
    kind: &'static str,
    /// In which language.
    #[schema(example = "en")]
    locale: &'static str,
    #[schema(example = "no-reply@example.com")]
    from: String,
    #[schema(example = "ada@example.com")]
    to: String,
    #[schema(example = "Confirm your email address for Rollcall")]
    subject: String,
    text: String,
    html: String,
    /// When it was caused.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it would have been sent.
    #[schema(required, format = DateTime)]
    sent_at: Option<String>,
}

impl From<&MailboxItem> for MailView {
    fn from(item: &MailboxItem) -> Self {
        Self {
            id: item.mail.id.clone(),
            kind: item.kind,
            locale: item.locale.as_str(),
            from: item.mail.from.to_string(),
            to: item.mail.to.to_string(),
            subject: item.mail.subject.as_str().to_owned(),
            text: item.mail.text.clone(),
            html: item.mail.html.clone(),
            created_at: item.created_at.to_string(),
            sent_at: item.sent_at.map(|at| at.to_string()),
        }
    }
}

/// A part of the mailbox.
#[derive(Serialize, ToSchema)]
#[schema(as = MailList)]
pub struct MailListView {
    items: Vec<MailView>,
    /// Give it as `cursor` to get the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Shows what was mailed, newest first. It exists for development only: where
/// `mail_transport` is `mailbox`, and nothing is sent; and only for requests from
/// the machine itself unless `mailbox_access` is `everybody`.
#[utoipa::path(get, path = "/dev/mailbox", tag = "development", operation_id = "mailbox",
    security(()),
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 200, nullable = false,
            description = "At most so many; 20 unless given."),
        ("cursor" = Option<String>, Query, nullable = false,
            description = "A `next_cursor` of this list.")),
    responses((status = 200, description = "A page.", body = MailListView),
        (status = 404, description = "Mails are sent here, or not shown to you.")))]
pub async fn list(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    query: Query,
) -> Result<Response, Problem> {
    let request = query.page(&app, LIST)?;
    let page = mails::mailbox(&app, &cx, &request).await?;
    let view = |item: &_| MailView::from(item);
    Ok(view::list(&page, LIST, request.limit, &app.config.secret_key, view))
}
