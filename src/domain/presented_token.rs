//! What an access token says of itself, before anybody has checked it.

use serde::Deserialize;

use super::access_token::{Algorithm, MAX_BYTES, TYPE, read_part};
use super::id::{SessionId, UserId};
use super::time::Timestamp;

/// A token that could be ours, by its own word: nobody has checked it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The key that it claims to be signed with.
    pub kid: String,
    /// Whose it claims to be.
    pub user: UserId,
    /// The session that it claims to be of.
    pub session: SessionId,
    /// When it ends, in whole seconds.
    pub expires_at: Timestamp,
    /// When its user had proven who they are by then, in whole seconds.
    pub authenticated_at: Timestamp,
}

/// As much of a token as it takes to find its session. Garbage, foreign types and
/// algorithms, and what has expired are turned away here, without a query.
pub fn read(token: &str, now: Timestamp) -> Option<Presented> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let mut parts = token.split('.');
    let (header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let header: Header = read_part(header)?;
    if header.typ != TYPE || Algorithm::parse(&header.alg).is_none() {
        return None;
    }
    let payload: Payload = read_part(payload)?;
    let presented = Presented {
        kid: header.kid,
        user: UserId::parse(&payload.sub).ok()?,
        session: SessionId::parse(&payload.sid).ok()?,
        expires_at: Timestamp::from_seconds(payload.exp),
        authenticated_at: Timestamp::from_seconds(payload.auth_time),
    };
    (presented.expires_at > now).then_some(presented)
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Deserialize)]
struct Payload {
    sub: String,
    sid: String,
    exp: i64,
    auth_time: i64,
}
