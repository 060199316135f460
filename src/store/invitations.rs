//! Invitations.

use super::database::{Columns, DatabaseError, Row, Statement};
use crate::domain::email::Email;
use crate::domain::id::{InvitationId, UserId};
use crate::domain::invitation::Invitation;
use crate::domain::page::PageRequest;
use crate::domain::role::{Permissions, RoleName};
use crate::domain::time::Timestamp;

const LIST: &str = "SELECT i.id AS invitation_id, i.email AS invitation_email, \
                    i.roles AS invitation_roles, i.invited_by, \
                    i.created_at AS invitation_created_at, i.expires_at AS invitation_expires_at \
                    FROM invitations i";

/// Writes an invitation, in the place of an older one of the same address.
pub fn put(invitation: &Invitation) -> Statement {
    let sql = "INSERT INTO invitations \
               (id, email, email_normalized, roles, invited_by, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) \
               ON CONFLICT (email_normalized) DO UPDATE SET id = excluded.id, \
               email = excluded.email, roles = excluded.roles, invited_by = excluded.invited_by, \
               created_at = excluded.created_at, expires_at = excluded.expires_at";
    let roles: Vec<&str> = invitation.roles.iter().map(RoleName::as_str).collect();
    let params = vec![
        invitation.id.to_string().into(),
        invitation.email.as_str().into(),
        invitation.email.normalized().into(),
        roles.join(" ").into(),
        invitation.invited_by.to_string().into(),
        invitation.created_at.into(),
        invitation.expires_at.into(),
    ];
    Statement::new(sql, params)
}

/// A page of the invitations that are open, in the order in which they were made.
pub fn list(page: &PageRequest, now: Timestamp) -> Statement {
    let limit = page.limit.get().saturating_add(1);
    let after = page.after.as_deref().unwrap_or_default();
    let sql = format!("{LIST} WHERE i.expires_at > $1 AND i.id > $2 ORDER BY i.id LIMIT $3");
    Statement::new(sql, vec![now.into(), after.into(), limit.into()])
}

/// The open invitation of an id.
pub fn by_id(id: InvitationId, now: Timestamp) -> Statement {
    let sql = format!("{LIST} WHERE i.id = $1 AND i.expires_at > $2");
    Statement::new(sql, vec![id.to_string().into(), now.into()])
}

/// What there is to know of whoever invited, before an invitation is accepted.
#[derive(Debug)]
pub struct Inviter {
    /// What the roles of the invitation allow.
    pub given: Permissions,
    /// What they may do by now.
    pub held: Permissions,
    /// Which version of them was read; another one may have other roles.
    pub version: i64,
}

/// Whoever made an invitation, if they are active.
pub fn inviter(id: InvitationId) -> Statement {
    let sql = "SELECT (SELECT string_agg(r.permissions, ' ') FROM roles r \
               WHERE (' ' || i.roles || ' ') LIKE ('% ' || r.name || ' %')) AS given, \
               (SELECT string_agg(r.permissions, ' ') FROM user_roles ur \
               JOIN roles r ON r.name = ur.role WHERE ur.user_id = u.id) AS held, u.version \
               FROM invitations i JOIN users u ON u.id = i.invited_by \
               WHERE i.id = $1 AND u.suspended_at IS NULL";
    Statement::new(sql, vec![id.to_string().into()])
}

/// Undoes the commit unless whoever invited is active and at the version that was read.
pub fn require_inviter(id: UserId, version: i64) -> Statement {
    let sql = "SELECT id FROM users WHERE id = $1 AND version = $2 AND suspended_at IS NULL";
    Statement::new(sql, vec![id.to_string().into(), version.into()]).holding().expecting(1)
}

/// Ends an invitation: of several that accept or revoke it, one succeeds.
pub fn delete(id: InvitationId) -> Statement {
    let sql = "DELETE FROM invitations WHERE id = $1 RETURNING id";
    Statement::new(sql, vec![id.to_string().into()]).expecting(1)
}

/// Ends the invitation of an address, if there is one.
pub fn delete_of(email: &Email) -> Statement {
    let sql = "DELETE FROM invitations WHERE email_normalized = $1";
    Statement::new(sql, vec![email.normalized().into()])
}

/// Deletes some of those that expired.
pub fn purge(now: Timestamp, limit: u32) -> Statement {
    let sql = "DELETE FROM invitations WHERE id IN (SELECT id FROM invitations \
               WHERE expires_at <= $1 LIMIT $2) RETURNING id";
    Statement::new(sql, vec![now.into(), limit.into()])
}

/// Reads a row of [`list`] or [`by_id`].
pub fn from_row(row: Row) -> Result<Invitation, DatabaseError> {
    let mut columns = row.read();
    let timestamp = |columns: &mut Columns| columns.integer().map(Timestamp::from_micros);
    Ok(Invitation {
        id: columns.parsed(|text| InvitationId::parse(text).ok())?,
        email: columns.parsed(|text| Email::parse(text).ok())?,
        roles: RoleName::list_from_stored(&columns.text()?),
        invited_by: columns.parsed(|text| UserId::parse(text).ok())?,
        created_at: timestamp(&mut columns)?,
        expires_at: timestamp(&mut columns)?,
    })
}

/// Reads a row of [`inviter`].
pub fn inviter_from_row(row: Row) -> Result<Inviter, DatabaseError> {
    let mut columns = row.read();
    let read = |stored: Option<String>| Permissions::from_stored(&stored.unwrap_or_default());
    Ok(Inviter {
        given: read(columns.optional_text()?),
        held: read(columns.optional_text()?),
        version: columns.integer()?,
    })
}
