//! Mails that are to be sent, or were.

use crate::domain::encoding::{BASE64, HEX};

use super::database::{DatabaseError, Row, Statement};
use crate::domain::id::MailId;
use crate::domain::page::PageRequest;
use crate::domain::time::Timestamp;

/// A mail to be kept.
pub struct NewMail<'a> {
    /// Its id.
    pub id: MailId,
    /// The name of its templates.
    pub kind: &'static str,
    /// Whose it is: see [`delete_to`].
    pub recipient: [u8; 32],
    /// To whom and what, encrypted.
    pub content: &'a [u8],
    /// When it was caused.
    pub at: Timestamp,
    /// Whether it is to be sent. One that is not makes an answer take as long.
    pub is_due: bool,
    /// When what it says has expired.
    pub expires_at: Option<Timestamp>,
}

/// A mail that was claimed in order to send it.
pub struct ClaimedMail {
    /// Its id.
    pub id: MailId,
    /// The name of its templates.
    pub kind: String,
    /// To whom and what, encrypted.
    pub content: Vec<u8>,
    /// The number of this try, from 1.
    pub tries: i64,
    /// When what it says has expired.
    pub expires_at: Option<Timestamp>,
}

/// A mail as the mailbox shows it.
pub struct KeptMail {
    /// Its id.
    pub id: MailId,
    /// To whom and what, encrypted.
    pub content: Vec<u8>,
    /// When it was caused.
    pub created_at: Timestamp,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
}

/// Inserts a mail. Stands in the commit that causes it.
pub fn insert(mail: &NewMail<'_>) -> Statement {
    let sql = "INSERT INTO mails (id, kind, content, created_at, due_at, expires_at, tries, \
               recipient) VALUES ($1, $2, $3, $4, $5, $6, 0, $7)";
    let params = vec![
        mail.id.to_string().into(),
        mail.kind.into(),
        mail.is_due.then(|| BASE64.encode(mail.content)).into(),
        mail.at.into(),
        mail.is_due.then_some(mail.at).into(),
        mail.expires_at.into(),
        mail.is_due.then(|| HEX.encode(&mail.recipient)).into(),
    ];
    Statement::new(sql, params)
}

/// Deletes whatever goes or went to a user or to their address, by HMACs of these.
pub fn delete_to(recipients: &[[u8; 32]; 2]) -> Statement {
    let sql = "DELETE FROM mails WHERE recipient IN ($1, $2)";
    Statement::new(sql, recipients.iter().map(|whose| HEX.encode(whose).into()).collect())
}

/// Claims mails that are due, until `until`: of several that try, one gets each.
pub fn claim(now: Timestamp, until: Timestamp, limit: u32) -> Statement {
    // The condition stands twice, because Postgres checks only the outer one
    // again after it waited for somebody else's claim.
    let sql = "UPDATE mails SET due_at = $1, tries = tries + 1 \
               WHERE id IN (SELECT id FROM mails WHERE due_at <= $2 ORDER BY due_at, id LIMIT $3) \
               AND due_at <= $2 RETURNING id, kind, content, tries, expires_at";
    Statement::new(sql, vec![until.into(), now.into(), limit.into()])
}

/// Marks a mail as sent. Its content goes, unless the mailbox shows it.
pub fn sent(id: MailId, now: Timestamp, keep: bool) -> Statement {
    let sql = if keep {
        "UPDATE mails SET due_at = NULL, last_error = NULL, sent_at = $1 WHERE id = $2"
    } else {
        "UPDATE mails SET due_at = NULL, last_error = NULL, content = NULL, sent_at = $1 \
         WHERE id = $2"
    };
    Statement::new(sql, vec![now.into(), id.to_string().into()])
}

/// Puts a mail off.
pub fn put_off(id: MailId, until: Timestamp, error: &str) -> Statement {
    let sql = "UPDATE mails SET due_at = $1, last_error = $2 WHERE id = $3 AND sent_at IS NULL";
    Statement::new(sql, vec![until.into(), error.into(), id.to_string().into()])
}

/// Gives a mail up. Its content goes.
pub fn give_up(id: MailId, now: Timestamp, error: &str) -> Statement {
    let sql = "UPDATE mails SET due_at = NULL, content = NULL, given_up_at = $1, last_error = $2 \
               WHERE id = $3 AND sent_at IS NULL";
    Statement::new(sql, vec![now.into(), error.into(), id.to_string().into()])
}

/// A page of the mails whose content is there, newest first.
pub fn list(page: &PageRequest) -> Statement {
    let limit = page.limit.get().saturating_add(1).into();
    match &page.after {
        None => Statement::new(
            "SELECT id, content, created_at, sent_at FROM mails WHERE content IS NOT NULL \
             ORDER BY id DESC LIMIT $1",
            vec![limit],
        ),
        Some(after) => Statement::new(
            "SELECT id, content, created_at, sent_at FROM mails \
             WHERE content IS NOT NULL AND id < $1 ORDER BY id DESC LIMIT $2",
            vec![after.as_str().into(), limit],
        ),
    }
}

/// Deletes some of the mails from before a time that there is nothing left to do for.
pub fn purge(before: Timestamp, limit: u32) -> Statement {
    let sql = "DELETE FROM mails WHERE id IN (SELECT id FROM mails \
               WHERE due_at IS NULL AND created_at < $1 LIMIT $2) RETURNING id";
    Statement::new(sql, vec![before.into(), limit.into()])
}

/// Reads a row of [`claim`].
pub fn claimed_from_row(row: Row) -> Result<ClaimedMail, DatabaseError> {
    let mut columns = row.read();
    Ok(ClaimedMail {
        id: columns.parsed(|text| MailId::parse(text).ok())?,
        kind: columns.text()?,
        content: columns.parsed(content)?,
        tries: columns.integer()?,
        expires_at: columns.optional_integer()?.map(Timestamp::from_micros),
    })
}

/// Reads a row of [`list`].
pub fn kept_from_row(row: Row) -> Result<KeptMail, DatabaseError> {
    let mut columns = row.read();
    Ok(KeptMail {
        id: columns.parsed(|text| MailId::parse(text).ok())?,
        content: columns.parsed(content)?,
        created_at: Timestamp::from_micros(columns.integer()?),
        sent_at: columns.optional_integer()?.map(Timestamp::from_micros),
    })
}

fn content(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes())
}
