//! What an access token says, read without checking its signature: it is the
//! caller's own.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;

/// What a token says of the service that made it.
#[derive(Deserialize)]
pub(super) struct Claims {
    #[serde(rename = "iss")]
    pub(super) issuer: String,
    iat: i64,
    exp: i64,
}

impl Claims {
    /// Those of a token; none if it is an API key.
    pub(super) fn read(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?).ok()
    }

    /// How long it is good, from its beginning on, in seconds.
    pub(super) fn good_for(&self) -> i64 {
        self.exp.saturating_sub(self.iat)
    }
}
