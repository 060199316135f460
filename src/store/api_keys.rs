//! API keys.

use std::time::Duration;

use crate::domain::encoding::HEX;

use super::database::{Columns, DatabaseError, Row, Statement};
use crate::domain::api_key::ApiKey;
use crate::domain::event::Actor;
use crate::domain::id::ApiKeyId;
use crate::domain::name::Name;
use crate::domain::page::PageRequest;
use crate::domain::role::Permissions;
use crate::domain::time::Timestamp;

/// The columns of an API key `k`, in the order in which [`from_columns`] reads them.
macro_rules! api_key_columns {
    () => {
        "k.id, k.name, k.permissions, k.created_by, k.created_at, k.expires_at, k.last_used_at"
    };
}
pub(super) use api_key_columns;

/// Inserts a key.
pub fn insert(key: &ApiKey, hash: &[u8; 32]) -> Statement {
    let sql = "INSERT INTO api_keys (id, name, permissions, key_hash, created_by, created_at, \
               expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let params = vec![
        key.id.to_string().into(),
        key.name.as_str().into(),
        key.permissions.to_stored().into(),
        HEX.encode(hash).into(),
        key.created_by.to_string().into(),
        key.created_at.into(),
        key.expires_at.into(),
    ];
    Statement::new(sql, params)
}

/// One key.
pub fn by_id(id: ApiKeyId) -> Statement {
    let sql = concat!("SELECT ", api_key_columns!(), " FROM api_keys k WHERE k.id = $1");
    Statement::new(sql, vec![id.to_string().into()])
}

/// A page of keys in the order in which they were made, and one more if there is one.
pub fn list(page: &PageRequest) -> Statement {
    let after = page.after.as_deref().unwrap_or_default();
    let limit = page.limit.get().saturating_add(1);
    let sql = concat!(
        "SELECT ",
        api_key_columns!(),
        " FROM api_keys k WHERE k.id > $1 ORDER BY k.id LIMIT $2"
    );
    Statement::new(sql, vec![after.into(), limit.into()])
}

/// Deletes a key.
pub fn delete(id: ApiKeyId) -> Statement {
    let sql = "DELETE FROM api_keys WHERE id = $1 RETURNING id";
    Statement::new(sql, vec![id.to_string().into()]).expecting(1)
}

/// Notes a use, unless one was noted less than `interval` ago: of many uses at
/// the same time, one writes.
pub fn touch(id: ApiKeyId, now: Timestamp, interval: Duration) -> Statement {
    let sql = "UPDATE api_keys SET last_used_at = $1 \
               WHERE id = $2 AND (last_used_at IS NULL OR last_used_at <= $3)";
    let params = vec![now.into(), id.to_string().into(), now.minus(interval).into()];
    Statement::new(sql, params)
}

/// Reads a row of `api_key_columns`.
pub fn from_row(row: Row) -> Result<ApiKey, DatabaseError> {
    from_columns(&mut row.read())
}

/// Reads the columns of `api_key_columns`.
pub fn from_columns(columns: &mut Columns) -> Result<ApiKey, DatabaseError> {
    Ok(ApiKey {
        id: columns.parsed(|text| ApiKeyId::parse(text).ok())?,
        name: columns.parsed(|text| Name::parse(text).ok())?,
        permissions: Permissions::from_stored(&columns.text()?),
        created_by: columns.parsed(Actor::parse)?,
        created_at: Timestamp::from_micros(columns.integer()?),
        expires_at: columns.optional_integer()?.map(Timestamp::from_micros),
        last_used_at: columns.optional_integer()?.map(Timestamp::from_micros),
    })
}
