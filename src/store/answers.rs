//! Answers to requests that may be sent again.

use serde_json::{Value as Json, json};

use crate::domain::encoding::{BASE64, HEX};

use super::database::{Columns, DatabaseError, Row, Statement};
use crate::domain::idempotency::Repeatable;
use crate::domain::time::Timestamp;

/// An answer as stored.
pub struct StoredAnswer {
    /// Of the request that it answers.
    pub fingerprint: Vec<u8>,
    /// The answer, encrypted.
    pub sealed: Vec<u8>,
}

/// Keeps an answer until it expires, unless there is one to this request already.
/// Comes first in the commit of what is answered: of those that do the same, the
/// others are turned back before they find anything else changed.
pub fn keep(
    request: &Repeatable,
    sealed: &[u8],
    now: Timestamp,
    expires_at: Timestamp,
) -> Statement {
    let sql = "INSERT INTO answers (id, fingerprint, answer, expires_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint, \
               answer = excluded.answer, expires_at = excluded.expires_at \
               WHERE answers.expires_at <= $5 RETURNING id";
    let params = vec![
        HEX.encode(&request.id).into(),
        HEX.encode(&request.fingerprint).into(),
        BASE64.encode(sealed).into(),
        expires_at.into(),
        now.into(),
    ];
    Statement::new(sql, params).expecting(1)
}

/// The answer to a request, if it was answered and that is still known.
pub fn by_id(id: &[u8; 32], now: Timestamp) -> Statement {
    let sql = "SELECT fingerprint, answer FROM answers WHERE id = $1 AND expires_at > $2";
    Statement::new(sql, vec![HEX.encode(id).into(), now.into()])
}

/// The answers to several requests, of those that were answered.
pub fn by_ids(ids: impl Iterator<Item = [u8; 32]>, now: Timestamp) -> Statement {
    let sql = "SELECT fingerprint, answer, id FROM answers WHERE id IN \
               (SELECT value ->> 'id' FROM json_each($1)) AND expires_at > $2";
    let ids: Vec<_> = ids.map(|id| json!({"id": HEX.encode(&id)})).collect();
    Statement::new(sql, vec![Json::from(ids).to_string().into(), now.into()])
}

/// Reads a row of [`by_ids`]: of which request, and its answer.
pub fn of_many_from_row(row: Row) -> Result<([u8; 32], StoredAnswer), DatabaseError> {
    let mut columns = row.read();
    let answer = from_columns(&mut columns)?;
    Ok((columns.parsed(|text| HEX.decode(text.as_bytes())?.try_into().ok())?, answer))
}

/// Reads a row of [`by_id`].
pub fn from_row(row: Row) -> Result<StoredAnswer, DatabaseError> {
    from_columns(&mut row.read())
}

fn from_columns(columns: &mut Columns) -> Result<StoredAnswer, DatabaseError> {
    Ok(StoredAnswer {
        fingerprint: columns.parsed(|text| HEX.decode(text.as_bytes()))?,
        sealed: columns.parsed(|text| BASE64.decode(text.as_bytes()))?,
    })
}

/// Deletes some of what has expired.
pub fn purge(now: Timestamp, limit: u32) -> Statement {
    let sql = "DELETE FROM answers WHERE id IN (SELECT id FROM answers \
               WHERE expires_at <= $1 LIMIT $2) RETURNING id";
    Statement::new(sql, vec![now.into(), limit.into()])
}
