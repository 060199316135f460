//! Events.

use super::database::Statement;
use crate::domain::event::{Event, EventKind, Subject};

/// Adds an event. Stands in the commit of what it tells of.
pub fn append(event: &Event) -> Statement {
    let sql = "INSERT INTO events (id, kind, actor, subject, at, request_id) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let params = vec![
        event.id.to_string().into(),
        event.kind.as_str().into(),
        event.actor.to_string().into(),
        event.subject.as_ref().map(ToString::to_string).into(),
        event.at.into(),
        event.request_id.as_str().into(),
    ];
    Statement::new(sql, params)
}

/// The last event of a kind about something, if there is one.
pub fn latest(kind: EventKind, subject: &Subject) -> Statement {
    let sql = "SELECT e.id FROM events e WHERE e.subject = $1 AND e.kind = $2 \
               ORDER BY e.id DESC LIMIT 1";
    Statement::new(sql, vec![subject.to_string().into(), kind.as_str().into()])
}

/// Undoes the commit if there is an event of a kind about a subject.
pub fn require_none(kind: EventKind, subject: &Subject) -> Statement {
    let sql = "SELECT 1 AS none WHERE NOT EXISTS \
               (SELECT 1 FROM events e WHERE e.subject = $1 AND e.kind = $2)";
    Statement::new(sql, vec![subject.to_string().into(), kind.as_str().into()]).expecting(1)
}
