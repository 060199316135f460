//! What the chain reads from the headers of every request, and adds to those of
//! every response.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};

use super::problem::Problem;
use crate::domain::id::new_uuid;
use crate::domain::time::{Rng, Timestamp};

/// Names the request, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const API_VERSION: HeaderName = HeaderName::from_static("api-version");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What Spin appends; a client's own copies come before it.
const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("spin-client-addr");

/// W3C Trace Context.
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// The version of the API, in the path as `v1`.
const VERSION: &str = "1";

/// The most header fields of a request.
pub const MAX_FIELDS: usize = 64;
/// The most bytes of their names and values together.
pub const MAX_FIELD_BYTES: usize = 12 << 10;
/// The longest path with its query, in bytes.
pub const MAX_TARGET_BYTES: usize = 8 << 10;

/// What a proxy on this machine may leave, that says nothing in `X-Forwarded-For`.
const OF_PROXIES: [HeaderName; 5] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// What Spin adds to every request, each once and behind the client's own; and `Host`,
/// which it may leave among the fields or not.
const OF_THE_HOST: [&str; 8] = [
    "host",
    "spin-path-info",
    "spin-full-url",
    "spin-matched-route",
    "spin-base-path",
    "spin-raw-component-route",
    "spin-component-route",
    "spin-client-addr",
];

/// What to answer a request with that has more of a path or of header fields than is
/// read. What the host adds does not count: its client has no say in it. Hosts have
/// limits too, but answer without a problem, so these are the lower ones.
pub fn excess<B>(request: &Request<B>) -> Option<Problem> {
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    if target.len() > MAX_TARGET_BYTES {
        return Some(Problem::uri_too_long(MAX_TARGET_BYTES));
    }
    let size = |name: &str, value: &HeaderValue| name.len().saturating_add(value.len());
    let headers = request.headers();
    let given: usize = headers.iter().map(|(name, value)| size(name.as_str(), value)).sum();
    if headers.len() <= MAX_FIELDS && given <= MAX_FIELD_BYTES {
        return None;
    }
    let added = OF_THE_HOST.iter().filter_map(|name| {
        let value = headers.get_all(*name).iter().next_back()?;
        Some(size(name, value))
    });
    let fields = headers.len().saturating_sub(added.clone().count());
    let bytes = given.saturating_sub(added.sum());
    (fields > MAX_FIELDS || bytes > MAX_FIELD_BYTES)
        .then(|| Problem::header_fields_too_large(MAX_FIELDS, MAX_FIELD_BYTES))
}

/// The client's request id if it is 1 to 128 letters, digits and `-_.:`, given
/// once; else a new UUIDv7.
pub fn request_id(headers: &HeaderMap, now: Timestamp, rng: &dyn Rng) -> String {
    let mut given = headers.get_all(REQUEST_ID).iter();
    let only = given.next().filter(|_| given.next().is_none()).and_then(|id| id.to_str().ok());
    let is_plain = |id: &&str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
        (1..=128).contains(&id.len()) && id.bytes().all(plain)
    };
    match only.filter(is_plain) {
        Some(id) => id.to_owned(),
        None => new_uuid(now, rng).to_string(),
    }
}

/// The trace of which the request is a part, by `traceparent` (W3C Trace Context).
pub fn trace_id(headers: &HeaderMap) -> Option<String> {
    let mut parts = headers.get(TRACE_PARENT)?.to_str().ok()?.split('-');
    let (version, id) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_trace = version.len() == 2 && version != "ff" && id.len() == 32 && is_hex(id);
    (is_trace && id.bytes().any(|b| b != b'0')).then(|| id.to_owned())
}

/// Where the request comes from: the peer that the host names, then as many
/// entries of `X-Forwarded-For` from its end as there are trusted proxies.
pub fn client_address(headers: &HeaderMap, trusted_proxies: usize) -> Option<IpAddr> {
    let peer = headers.get_all(CLIENT_ADDRESS).iter().next_back()?.to_str().ok()?;
    let peer = address(peer)?;
    let mut forwarded = Vec::new();
    for value in headers.get_all(FORWARDED_FOR) {
        forwarded.extend(value.to_str().unwrap_or_default().split(','));
    }
    let hops = forwarded.into_iter().rev().take(trusted_proxies);
    // An entry that is no address ends the walk: what stands before it is hearsay.
    Some(hops.map_while(address).last().unwrap_or(peer))
}

/// Whether the request comes from this machine itself, and through no proxy: one on it would
/// make the whole world look like it, and what a header says of addresses is hearsay.
pub fn is_local<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    names_this_machine(request)
        && !headers.contains_key(FORWARDED_FOR)
        && !OF_PROXIES.iter().any(|name| headers.contains_key(name))
        && client_address(headers, 0).is_some_and(|address| address.is_loopback())
}

/// Whether the request is for a name or an address that nobody can have lead here but
/// this machine. A page whose own name was made to lead here is somebody else's. The
/// host may leave the name in the address only; HTTP/2 has it nowhere else.
fn names_this_machine<B>(request: &Request<B>) -> bool {
    let in_address = request.uri().authority().cloned().into_iter();
    let in_field = request.headers().get_all(header::HOST).iter();
    let in_field = in_field.map(|host| Authority::try_from(host.as_bytes()));
    in_address.map(Ok).chain(in_field).all(|authority| {
        authority.is_ok_and(|authority| {
            let name = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
        })
    })
}

fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text.parse::<SocketAddr>().map(|socket| socket.ip()).or_else(|_| text.parse());
    address.ok().map(|address| address.to_canonical())
}

/// Whether the path and the `API-Version` header name a version that exists.
pub fn names_known_version(path: &str, headers: &HeaderMap) -> bool {
    let mut segments = path.split('/').skip(1);
    let in_path = segments.next() != Some("api") || segments.next() == Some("v1");
    let asked = headers.get(API_VERSION).map(|value| value.to_str().unwrap_or_default());
    in_path && asked.is_none_or(|asked| asked.trim().trim_start_matches('v') == VERSION)
}

/// Whether the `Accept` headers allow a media type.
pub fn accepts(headers: &HeaderMap, offered: &str) -> bool {
    quality(headers, offered) > 0.0
}

/// How much the client likes a media type by its `Accept` headers, 0 to 1; 0 is not at
/// all (RFC 9110, 12.5.1).
pub fn quality(headers: &HeaderMap, offered: &str) -> f32 {
    let values = headers.get_all(header::ACCEPT).iter();
    let ranges = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    let mut ranges = ranges.filter(|range| !range.trim().is_empty()).peekable();
    if ranges.peek().is_none() {
        return 1.0;
    }
    let quality = |range: &str| {
        let (range, params) = range.split_once(';').unwrap_or((range, ""));
        let mut params = params.split(';').filter_map(|param| param.split_once('='));
        let q = params.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
        let q = q.and_then(|(_, value)| value.trim().parse().ok()).filter(|q: &f32| q.is_finite());
        // What is named exactly is what is meant.
        matches(range.trim(), offered)
            .then_some((range.trim().matches('*').count(), q.unwrap_or(1.0)))
    };
    // Of two that are as exact, such as with parameters and without, the better one.
    let by_stars = |a: &(usize, f32), b: &(usize, f32)| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1));
    ranges.filter_map(quality).min_by(by_stars).map_or(0.0, |(_, q)| q)
}

fn matches(range: &str, offered: &str) -> bool {
    let main_type = offered.split('/').next().unwrap_or_default();
    range == "*/*"
        || range.eq_ignore_ascii_case(offered)
        || range.strip_suffix("/*").is_some_and(|main| main.eq_ignore_ascii_case(main_type))
}

/// What the body says its length is; 0 if it does not say.
pub fn content_length(headers: &HeaderMap) -> usize {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

/// The response without its body. It loses its length, too: hosts reset a stream of HTTP/2
/// that is shorter than it says, also where there must be no body.
pub fn without_body(response: Response<Body>) -> Response<Body> {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::empty())
}

const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_CONTENT: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
);
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");
const OUR_VERSION: HeaderValue = HeaderValue::from_static(VERSION);

/// Adds what every response has.
pub fn add(response: &mut Response<Body>, request_id: &str, https: bool) {
    let is_without_content = response.status() == StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(API_VERSION, OUR_VERSION);
    if is_without_content {
        // RFC 9110, 8.6: not even of none.
        headers.remove(header::CONTENT_LENGTH);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    headers.insert(header::REFERRER_POLICY, NO_REFERRER);
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NO_CONTENT);
    if https {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(HTTPS_ONLY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_client_is_the_hosts_peer_and_no_more_hops_than_are_trusted() {
        let spoofed = [
            (CLIENT_ADDRESS, "6.6.6.6:1"),
            (FORWARDED_FOR, "1.1.1.1, 2.2.2.2"),
            (FORWARDED_FOR, "3.3.3.3"),
            (CLIENT_ADDRESS, "10.0.0.9:5000"),
        ];
        let spoofed = headers(&spoofed);
        for (proxies, expected) in [(0, "10.0.0.9"), (1, "3.3.3.3"), (2, "2.2.2.2"), (9, "1.1.1.1")]
        {
            assert_eq!(client_address(&spoofed, proxies), expected.parse().ok(), "{proxies}");
        }
        let broken = headers(&[(FORWARDED_FOR, "1.1.1.1, x"), (CLIENT_ADDRESS, "[::1]:5")]);
        assert_eq!(client_address(&broken, 2), "::1".parse().ok());
        let mapped = headers(&[(CLIENT_ADDRESS, "[::ffff:192.0.2.1]:5")]);
        assert_eq!(client_address(&mapped, 0), "192.0.2.1".parse().ok());
        assert_eq!(client_address(&HeaderMap::new(), 1), None);
    }

    #[test]
    fn what_the_host_adds_does_not_count_and_what_poses_as_it_does() {
        let code = |own: usize, posing: usize| {
            let mut request = Request::new(());
            let fields = request.headers_mut();
            let own = (0..own).map(|_| "x");
            for name in own.chain((0..=posing).flat_map(|_| OF_THE_HOST)) {
                fields.append(name, HeaderValue::from_static("1"));
            }
            excess(&request).map(|problem| problem.code)
        };
        assert_eq!(code(MAX_FIELDS, 0), None);
        assert_eq!(code(MAX_FIELDS + 1, 0), Some("header_fields_too_large"));
        assert_eq!(code(MAX_FIELDS - OF_THE_HOST.len(), 1), None);
        assert_eq!(code(MAX_FIELDS, 1), Some("header_fields_too_large"));
    }

    #[test]
    fn an_accept_header_is_met_or_not() {
        for (accept, json) in [
            ("application/json", true),
            ("text/html, application/json;q=0.5", true),
            ("*/*", true),
            ("application/*", true),
            ("APPLICATION/JSON", true),
            ("", true),
            ("text/html", false),
            ("application/json;q=0", false),
            ("application/json;q=0, */*", false),
            ("*/*;q=0, application/json", true),
            ("application/json;v=2;q=0, application/json", true),
            ("application/json;q=nan", true),
            ("application/json;q=nonsense", true),
            ("application/xml, text/*", false),
        ] {
            let headers = headers(&[(header::ACCEPT, accept)]);
            assert_eq!(accepts(&headers, "application/json"), json, "{accept}");
        }
        assert!(accepts(&HeaderMap::new(), "application/json"));
    }

    #[test]
    fn only_versions_that_exist_are_known() {
        let none = HeaderMap::new();
        for (path, known) in [
            ("/api/v1/users", true),
            ("/health", true),
            ("/api/v2/users", false),
            ("/api/users", false),
            ("/api", false),
        ] {
            assert_eq!(names_known_version(path, &none), known, "{path}");
        }
        for (version, known) in [("1", true), ("v1", true), ("2", false), ("", false)] {
            let headers = headers(&[(API_VERSION, version)]);
            assert_eq!(names_known_version("/api/v1/me", &headers), known, "{version}");
        }
    }
}
