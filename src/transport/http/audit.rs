//! `/api/v1/audit-events`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{Cx, Query};
use super::problem::Problem;
use super::view::{self, list_schema};
use crate::app::App;
use crate::domain::audit::{Break, Entry, Filter, Term};
use crate::domain::page::{self, Limit, PageRequest};
use crate::domain::time::Timestamp;
use crate::error::{Error, Invalid};
use crate::service::audit::{self, Verification};

const LIST: &str = "/api/v1/audit-events";

/// Something that happened.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub struct AuditEventView {
    /// UUIDv7; later events have later ids.
    #[schema(format = "uuid")]
    id: String,
    /// Its place in the chain, from 1 on without a gap; null for a moment after it
    /// happened.
    #[schema(required, minimum = 1)]
    position: Option<i64>,
    /// What happened.
    #[schema(example = "user.created")]
    kind: String,
    /// Who did it: `user:` or `api_key:` and an id, `operator`, `anonymous`, `service`.
    #[schema(example = "user:019a0000-0000-7000-8000-000000000001")]
    actor: String,
    /// What it happened to, if to anything: the id of a user, or another thing with
    /// its kind before it.
    #[schema(required, example = "019a0000-0000-7000-8000-000000000002")]
    subject: Option<String>,
    #[schema(format = DateTime)]
    at: String,
    /// The request in which it happened.
    request_id: String,
    /// The hash of the event before, in hexadecimal.
    #[schema(required)]
    previous_hash: Option<String>,
    /// SHA-256 of all of the above in the form of RFC 8785.
    #[schema(required)]
    hash: Option<String>,
}

impl From<&Entry> for AuditEventView {
    fn from(entry: &Entry) -> Self {
        let (record, seal) = (&entry.record, entry.seal.as_ref());
        Self {
            id: record.id.clone(),
            position: seal.map(|seal| seal.position),
            kind: record.kind.clone(),
            actor: record.actor.clone(),
            subject: record.subject.clone(),
            at: record.at.to_string(),
            request_id: record.request_id.clone(),
            previous_hash: seal.map(|seal| seal.previous_hash.clone()),
            hash: seal.map(|seal| seal.hash.clone()),
        }
    }
}

list_schema! {
    /// A part of the audit trail.
    AuditEventListView as AuditEventList of AuditEventView
}

/// How far the chain over the events holds.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditVerification)]
pub struct VerificationView {
    /// Whether everything that was looked at holds.
    #[schema(example = true)]
    intact: bool,
    /// The last position that holds, and its hash: keep both, and verify from here
    /// the next time.
    #[schema(minimum = 0, example = 1000)]
    position: i64,
    hash: String,
    /// Where the chain ends.
    #[schema(minimum = 0, example = 1000)]
    end: i64,
    /// Give it as `after` to go on; null when there is nothing more.
    #[schema(required, minimum = 1)]
    next_after: Option<i64>,
    /// Where the chain does not hold, if anywhere.
    #[schema(required)]
    first_bad: Option<BreakView>,
}

/// Where the chain does not hold.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditBreak)]
pub struct BreakView {
    /// Its position; 0 where the hash that was given is not the one of the origin.
    #[schema(minimum = 0, example = 17)]
    position: i64,
    /// `missing`, `altered`, `unlinked` or `beyond_end`.
    #[schema(example = "altered")]
    problem: &'static str,
}

impl From<Break> for BreakView {
    fn from(broken: Break) -> Self {
        Self { position: broken.position, problem: broken.fault.as_str() }
    }
}

impl From<&Verification> for VerificationView {
    fn from(verification: &Verification) -> Self {
        Self {
            intact: verification.first_bad.is_none(),
            position: verification.place.position,
            hash: verification.place.hash.clone(),
            end: verification.end,
            next_after: verification.has_more().then_some(verification.place.position),
            first_bad: verification.first_bad.map(BreakView::from),
        }
    }
}

/// Lists what happened, the newest first. Needs `audit:read`.
#[utoipa::path(get, path = "/api/v1/audit-events", tag = "audit", operation_id = "list_audit_events",
    params(("kind" = Option<String>, Query, nullable = false, description = "Of this kind.",
            example = "session.created"),
        ("actor" = Option<String>, Query, nullable = false, description = "By this actor."),
        ("subject" = Option<String>, Query, nullable = false,
            description = "That happened to this subject, such as the id of a user."),
        ("since" = Option<String>, Query, nullable = false, format = DateTime,
            description = "From this moment on."),
        ("until" = Option<String>, Query, nullable = false, format = DateTime,
            description = "Before this moment."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, nullable = false,
            description = "At most so many; 20 unless given."),
        ("cursor" = Option<String>, Query, nullable = false,
            description = "A `next_cursor` of this list with the same filters.")),
    responses((status = 200, description = "A page.", body = AuditEventListView)))]
pub async fn list(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    query: Query,
) -> Result<Response, Problem> {
    let (filter, path, page) = read(query, &app)?;
    let events = audit::list(&app, &cx, &filter, &page).await?;
    let view = |entry: &Entry| AuditEventView::from(entry);
    Ok(view::list(&events, &path, page.limit, &app.config.secret_key, view))
}

/// Verifies the chain over the events behind a position, a thousand at a time.
/// Needs `audit:read`.
#[utoipa::path(get, path = "/api/v1/audit-events/verify", tag = "audit",
    operation_id = "verify_audit_events",
    params(("after" = Option<u32>, Query, minimum = 0, nullable = false,
            description = "The position to begin behind; 0 unless given."),
        ("hash" = Option<String>, Query, nullable = false,
            description = "The hash that you have seen there.")),
    responses((status = 200, description = "How far the chain holds.", body = VerificationView),
        (status = 404, description = "The chain ends before that position.")))]
pub async fn verify(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    query: Query,
) -> Result<Response, Problem> {
    let mut fields = query.fields()?;
    let after = fields.optional("after", |text| {
        let number = text.parse().ok().filter(|number| *number >= 0);
        number.ok_or_else(|| Invalid::new("out_of_range", "must be a position"))
    });
    let hash = fields.optional("hash", Term::parse);
    let (after, hash) = fields.finish(|| Some((after.unwrap_or(0), hash)))?;
    let hash = hash.map(|hash| hash.as_str().to_ascii_lowercase());
    let verification = audit::verify(&app, &cx, after, hash.as_deref()).await?;
    Ok(view::json(StatusCode::OK, &VerificationView::from(&verification)))
}

/// What is asked for, and the address of the whole list.
fn read(query: Query, app: &App) -> Result<(Filter, String, PageRequest), Error> {
    let mut fields = query.fields()?;
    let moment = |text: &str| {
        let reason = "must be a time such as 2026-01-01T00:00:00Z";
        Timestamp::parse(text).ok_or_else(|| Invalid::new("invalid_time", reason))
    };
    let filter = Filter {
        kind: fields.optional("kind", Term::parse),
        actor: fields.optional("actor", Term::parse),
        subject: fields.optional("subject", Term::parse),
        since: fields.optional("since", moment),
        until: fields.optional("until", moment),
    };
    let path = path_of(&filter);
    let limit = fields.optional("limit", Limit::parse).unwrap_or_default();
    let secret = &app.config.secret_key;
    let after = fields.optional("cursor", |text| page::read_cursor(secret, &path, text));
    fields.finish(|| Some((filter, path, PageRequest { limit, after })))
}

/// The address of a list, always written alike: its cursors are bound to it.
fn path_of(filter: &Filter) -> String {
    let text = |term: &Option<Term>| term.as_ref().map(|term| term.as_str().to_owned());
    let parts = [
        ("kind", text(&filter.kind)),
        ("actor", text(&filter.actor)),
        ("subject", text(&filter.subject)),
        ("since", filter.since.map(|at| at.to_string())),
        ("until", filter.until.map(|at| at.to_string())),
    ];
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parts.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        query.append_pair(name, value);
    }
    match query.finish() {
        query if query.is_empty() => LIST.to_owned(),
        query => format!("{LIST}?{query}"),
    }
}
