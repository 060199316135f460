//! The `RateLimit` fields of draft-ietf-httpapi-ratelimit-headers-10: what a
//! client may still do, in every answer of a route that is limited.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response};

use crate::domain::rate_limit::Standing;

/// The limits that apply: quota and window in seconds.
pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// How the client stands with them: what remains, and the seconds until there is
/// more.
pub const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// Adds both fields, if a limit was met.
pub fn add(response: &mut Response<Body>, standings: &[Standing]) {
    if standings.is_empty() {
        return;
    }
    let policy = list(standings, |s| format!(";q={};w={}", s.quota, seconds(s.window)));
    let standing = list(standings, |s| format!(";r={};t={}", s.remaining, seconds(s.reset)));
    for (name, value) in [(POLICY, policy), (STANDING, standing)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
}

/// Writes a list of structured fields (RFC 9651): the names are plain words.
fn list(standings: &[Standing], params: impl Fn(&Standing) -> String) -> String {
    let items = standings.iter().map(|s| format!("\"{}\"{}", s.limit.name, params(s)));
    items.collect::<Vec<_>>().join(", ")
}

/// Rounded up: who waits that long has waited long enough.
fn seconds(duration: Duration) -> u128 {
    duration.as_millis().div_ceil(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rate_limit::{By, Limit};

    const ONE: Limit = Limit { name: "one", quota: 5, by: By::Address, grows: false };
    const OTHER: Limit = Limit { name: "other", quota: 100, by: By::Account, grows: true };

    #[test]
    fn the_fields_name_the_same_limits_in_the_same_order() {
        let standing = |limit: &'static Limit, remaining, millis| Standing {
            limit,
            quota: limit.quota.into(),
            window: Duration::from_secs(60),
            remaining,
            reset: Duration::from_millis(millis),
        };
        let mut response = Response::new(Body::empty());
        add(&mut response, &[]);
        assert!(response.headers().is_empty());
        add(&mut response, &[standing(&ONE, 4, 11_001), standing(&OTHER, 0, 60_000)]);
        assert_eq!(response.headers()[POLICY], "\"one\";q=5;w=60, \"other\";q=100;w=60");
        assert_eq!(response.headers()[STANDING], "\"one\";r=4;t=12, \"other\";r=0;t=60");
    }
}
