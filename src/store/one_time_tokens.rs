//! One-time tokens, by their hash.

use crate::domain::encoding::HEX;

use super::database::{DatabaseError, Row, Statement};
use crate::domain::id::{SessionId, UserId};
use crate::domain::one_time_token::{MAX_CODE_TRIES, StoredToken, TokenPurpose};
use crate::domain::time::Timestamp;

/// Where those are that belong to a subject: of each purpose the newest.
const OF_SUBJECTS: &str = "one_time_tokens";
/// Where those are that belong to a request: there may be several of a subject.
const OF_REQUESTS: &str = "sign_in_tokens";

/// All of them.
pub(super) const TABLES: [&str; 2] = [OF_SUBJECTS, OF_REQUESTS];
const CODE: TokenPurpose = TokenPurpose::EmailCode;

const fn table(purpose: TokenPurpose) -> &'static str {
    if purpose.is_of_request() { OF_REQUESTS } else { OF_SUBJECTS }
}

/// Writes a token. If it does not belong to a request, that ends the one that had its
/// purpose and subject before.
pub fn put(token: &StoredToken, expires_at: Timestamp) -> Statement {
    let purpose = token.purpose;
    let mut sql = format!(
        "INSERT INTO {} (hash, purpose, subject, user_id, data, tries, expires_at) \
         VALUES ($1, $2, $3, $4, $5, 0, $6)",
        table(purpose)
    );
    if !purpose.is_of_request() {
        sql.push_str(
            " ON CONFLICT (purpose, subject) DO UPDATE SET hash = excluded.hash, \
             user_id = excluded.user_id, data = excluded.data, tries = 0, \
             expires_at = excluded.expires_at",
        );
    }
    let params = vec![
        HEX.encode(&token.hash).into(),
        purpose.as_str().into(),
        token.subject.as_str().into(),
        token.user.map(|id| id.to_string()).into(),
        token.data.as_deref().into(),
        expires_at.into(),
    ];
    Statement::new(sql, params)
}

/// A token that is good now.
pub fn find(purpose: TokenPurpose, hash: &[u8; 32], now: Timestamp) -> Statement {
    let sql = format!(
        "SELECT hash, subject, user_id, data FROM {} \
         WHERE hash = $1 AND purpose = $2 AND expires_at > $3",
        table(purpose)
    );
    let params = vec![HEX.encode(hash).into(), purpose.as_str().into(), now.into()];
    Statement::new(sql, params)
}

/// Counts a try of a code, and returns what it is compared with, as long as tries
/// are left: of any number at the same time, no more than those get it.
pub fn count_try(hash: &[u8; 32], now: Timestamp) -> Statement {
    let sql = format!(
        "UPDATE {} SET tries = tries + 1 \
         WHERE hash = $1 AND purpose = $2 AND expires_at > $3 AND tries < $4 \
         RETURNING hash, subject, user_id, data",
        table(CODE)
    );
    let params =
        vec![HEX.encode(hash).into(), CODE.as_str().into(), now.into(), MAX_CODE_TRIES.into()];
    Statement::new(sql, params)
}

/// Uses a token up: of several that try, one succeeds.
pub fn consume(token: &StoredToken, now: Timestamp) -> Statement {
    let table = table(token.purpose);
    let sql = format!("DELETE FROM {table} WHERE hash = $1 AND expires_at > $2 RETURNING hash");
    Statement::new(sql, vec![HEX.encode(&token.hash).into(), now.into()]).expecting(1)
}

/// Ends the token of a purpose and subject, if there is one. Those of requests go on.
pub fn end(purpose: TokenPurpose, subject: &str) -> Statement {
    let sql = "DELETE FROM one_time_tokens WHERE purpose = $1 AND subject = $2";
    Statement::new(sql, vec![purpose.as_str().into(), subject.into()])
}

/// Makes what somebody asked for, before the address was a user's, that user's: it ends
/// with what else is theirs.
pub fn bind(subject: &str, user: UserId) -> Statement {
    let sql = "UPDATE sign_in_tokens SET user_id = $1 WHERE subject = $2 AND user_id IS NULL";
    Statement::new(sql, vec![user.to_string().into(), subject.into()])
}

/// Ends the change of address that was asked for in a session, if there is one.
pub fn end_email_change(user: UserId, session: SessionId) -> Statement {
    let sql = "DELETE FROM one_time_tokens \
               WHERE purpose = $1 AND subject = $2 AND data LIKE $3";
    let purpose = TokenPurpose::EmailChange.as_str();
    let begun = format!("{session} %");
    Statement::new(sql, vec![purpose.into(), user.to_string().into(), begun.into()])
}

/// Ends every token of a user.
pub fn end_all_of(user: UserId) -> [Statement; 2] {
    TABLES.map(|table| {
        let sql = format!("DELETE FROM {table} WHERE user_id = $1");
        Statement::new(sql, vec![user.to_string().into()])
    })
}

/// Ends every token about a subject.
pub fn end_all_about(subject: &str) -> [Statement; 2] {
    TABLES.map(|table| {
        let sql = format!("DELETE FROM {table} WHERE subject = $1");
        Statement::new(sql, vec![subject.into()])
    })
}

/// Deletes some of those that expired, in each table.
pub fn purge(now: Timestamp, limit: u32) -> [Statement; 2] {
    TABLES.map(|table| {
        let sql = format!(
            "DELETE FROM {table} WHERE hash IN (SELECT hash FROM {table} \
             WHERE expires_at <= $1 LIMIT $2) RETURNING hash"
        );
        Statement::new(sql, vec![now.into(), limit.into()])
    })
}

/// Reads a row of [`find`], or of [`count_try`] for a code.
pub fn from_row(purpose: TokenPurpose, row: Row) -> Result<StoredToken, DatabaseError> {
    let mut columns = row.read();
    let decode = |text: &str| HEX.decode(text.as_bytes())?.try_into().ok();
    Ok(StoredToken {
        purpose,
        hash: columns.parsed(decode)?,
        subject: columns.text()?,
        user: columns.optional_text()?.and_then(|id| UserId::parse(&id).ok()),
        data: columns.optional_text()?,
    })
}
