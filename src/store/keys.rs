//! Signing keys, encrypted.

use data_encoding::BASE64;

use super::database::{DatabaseError, Row, Statement};
use crate::domain::access_token::Algorithm;
use crate::domain::time::Timestamp;

/// A signing key as stored.
pub struct SealedKey {
    /// Its name.
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// The private key, encrypted.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// All keys, the newest first.
pub fn all() -> Statement {
    let sql = "SELECT kid, algorithm, private_key, created_at FROM signing_keys \
               ORDER BY created_at DESC, kid";
    Statement::new(sql, Vec::new())
}

/// Inserts a key if there is none: of several that make the first one, one stays.
pub fn insert_first(key: &SealedKey) -> Statement {
    let sql = "INSERT INTO signing_keys (kid, algorithm, private_key, created_at) \
               SELECT $1, $2, $3, CAST($4 AS BIGINT) \
               WHERE NOT EXISTS (SELECT 1 FROM signing_keys)";
    let params = vec![
        key.kid.as_str().into(),
        key.algorithm.as_str().into(),
        BASE64.encode(&key.sealed).into(),
        key.created_at.into(),
    ];
    Statement::new(sql, params)
}

/// Reads a row of [`all`].
pub fn from_row(row: Row) -> Result<SealedKey, DatabaseError> {
    let mut columns = row.read();
    Ok(SealedKey {
        kid: columns.text()?,
        algorithm: columns.parsed(Algorithm::parse)?,
        sealed: columns.parsed(|text| BASE64.decode(text.as_bytes()).ok())?,
        created_at: Timestamp::from_micros(columns.integer()?),
    })
}
