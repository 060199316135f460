//! Signing keys, encrypted.

use crate::domain::encoding::BASE64;

use super::database::{Columns, DatabaseError, Row, Statement};
use crate::domain::access_token::Algorithm;
use crate::domain::signing_key::KeyRecord;
use crate::domain::time::Timestamp;

/// A signing key as stored.
pub struct SealedKey {
    /// What everybody may know of it.
    pub record: KeyRecord,
    /// The private key, encrypted.
    pub sealed: Vec<u8>,
}

/// All keys.
pub fn all() -> Statement {
    let sql = "SELECT kid, algorithm, created_at, activates_at, retires_at, private_key \
               FROM signing_keys ORDER BY activates_at DESC, kid";
    Statement::new(sql, Vec::new())
}

/// What everybody may know of the keys.
pub fn records() -> Statement {
    let sql = "SELECT kid, algorithm, created_at, activates_at, retires_at FROM signing_keys";
    Statement::new(sql, Vec::new())
}

/// Makes rotations wait for each other. Comes first in a commit with [`insert`].
pub fn lock() -> Statement {
    let sql =
        "UPDATE singletons SET version = version + 1 WHERE name = 'signing_keys' RETURNING name";
    Statement::new(sql, Vec::new()).expecting(1)
}

/// Inserts a key, unless there is one that signs later than `after`: of several
/// that make the next key, one stays.
pub fn insert(key: &SealedKey, after: Timestamp) -> Statement {
    let sql = "INSERT INTO signing_keys (kid, algorithm, private_key, created_at, activates_at) \
               SELECT $1, $2, $3, CAST($4 AS BIGINT), CAST($5 AS BIGINT) \
               WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE activates_at > $6) \
               RETURNING kid";
    let record = &key.record;
    let params = vec![
        record.kid.as_str().into(),
        record.algorithm.as_str().into(),
        BASE64.encode(&key.sealed).into(),
        record.created_at.into(),
        record.activates_at.into(),
        after.into(),
    ];
    Statement::new(sql, params).expecting(1)
}

/// Says when every key but this one goes, where that is not said yet.
pub fn retire_others(kid: &str, retires_at: Timestamp) -> Statement {
    let sql = "UPDATE signing_keys SET retires_at = $1 WHERE kid <> $2 AND retires_at IS NULL";
    Statement::new(sql, vec![retires_at.into(), kid.into()])
}

/// Deletes the keys that have gone.
pub fn delete_retired(now: Timestamp) -> Statement {
    let sql = "DELETE FROM signing_keys WHERE retires_at <= $1";
    Statement::new(sql, vec![now.into()])
}

/// Reads a row of [`all`].
pub fn from_row(row: Row) -> Result<SealedKey, DatabaseError> {
    let mut columns = row.read();
    let record = record_from_columns(&mut columns)?;
    let sealed = columns.parsed(|text| BASE64.decode(text.as_bytes()))?;
    Ok(SealedKey { record, sealed })
}

/// Reads a row of [`records`].
pub fn record_from_row(row: Row) -> Result<KeyRecord, DatabaseError> {
    record_from_columns(&mut row.read())
}

fn record_from_columns(columns: &mut Columns) -> Result<KeyRecord, DatabaseError> {
    Ok(KeyRecord {
        kid: columns.text()?,
        algorithm: columns.parsed(Algorithm::parse)?,
        created_at: Timestamp::from_micros(columns.integer()?),
        activates_at: Timestamp::from_micros(columns.integer()?),
        retires_at: columns.optional_integer()?.map(Timestamp::from_micros),
    })
}
