//! Preconditions (RFC 9110, 13): what requests say of versions.

use std::hash::Hasher;

use axum::body::{Body, Bytes};
use axum::extract::MatchedPath;
use axum::http::request::Parts;
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header, response,
};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body::Body as _;
use http_body_util::BodyExt;
use siphasher::sip128::{Hasher128, SipHasher13};

use super::entity_tags::{self, EntityTag, Named};
use super::problem::Problem;
use crate::domain::secret::{Purpose, SecretKey};
use crate::error::{Error, Result};
use crate::service::Precondition;

/// The routes that change something with a version, and see to it that it is the one that
/// is meant.
pub const VERSIONED: &[&str] = &[
    "/api/v1/me",
    "/api/v1/me/password",
    "/api/v1/users/{id}",
    "/api/v1/users/{id}/roles",
    "/api/v1/users/{id}/suspend",
    "/api/v1/users/{id}/unsuspend",
    "/api/v1/roles/{name}",
    "/api/v1/api-keys/{id}",
];

/// Which version a change means, by `If-Match` and `If-None-Match` (RFC 9110, 13.1.1 and
/// 13.1.2).
pub fn of_change(headers: &HeaderMap) -> Result<Precondition> {
    let meant = meant(headers)?;
    let unwanted = match named(headers, header::IF_NONE_MATCH)? {
        // What is there, whichever it is.
        Some(Named::Any) => return Ok(Precondition::Versions(Vec::new())),
        Some(Named::Tags(tags)) if !tags.is_empty() => {
            Some(tags.iter().filter_map(version).collect::<Vec<_>>())
        }
        Some(Named::Tags(_)) | None => None,
    };
    Ok(match (meant, unwanted) {
        (Some(Named::Tags(tags)), unwanted) => {
            let unwanted = unwanted.unwrap_or_default();
            // A weak tag, or one of somebody else's, matches no version.
            let versions = tags.iter().filter(|tag| !tag.weak).filter_map(version);
            Precondition::Versions(versions.filter(|v| !unwanted.contains(v)).collect())
        }
        (Some(Named::Any) | None, Some(unwanted)) => Precondition::Others(unwanted),
        (Some(Named::Any) | None, None) => Precondition::None,
    })
}

/// Refuses a change that names a version where there is none: whoever names one
/// must not believe that it was looked at.
pub fn refuse_unknown(request: &Parts) -> Result<()> {
    let route = request.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    let is_change = request.method != Method::GET;
    if !is_change || route.is_some_and(|route| VERSIONED.contains(&route)) {
        return Ok(());
    }
    match of_change(&request.headers)? {
        Precondition::Versions(_) | Precondition::Others(_) => Err(Error::PreconditionFailed),
        Precondition::None => Ok(()),
    }
}

/// What `If-Match` names, if it is there. A list of nothing, which no version is in, is the
/// mistake of somebody who had a version to name.
fn meant(headers: &HeaderMap) -> Result<Option<Named<'_>>> {
    match named(headers, header::IF_MATCH)? {
        Some(Named::Tags(tags)) if tags.is_empty() => Err(malformed(&header::IF_MATCH)),
        meant => Ok(meant),
    }
}

/// What a header names, if it is there.
fn named(headers: &HeaderMap, header: HeaderName) -> Result<Option<Named<'_>>> {
    if !headers.contains_key(&header) {
        return Ok(None);
    }
    let named = entity_tags::read(headers.get_all(&header));
    named.map(Some).ok_or_else(|| malformed(&header))
}

fn malformed(header: &HeaderName) -> Error {
    let name = if header == header::IF_MATCH { "If-Match" } else { "If-None-Match" };
    Error::Malformed(format!("{name} must be a list of entity tags in double quotes, or *."))
}

/// The version that a tag stands for. Tags are compared as they are written (RFC 9110,
/// 8.8.3.2): one that says the same number in another way is another one.
fn version(tag: &EntityTag<'_>) -> Option<i64> {
    let version: i64 = tag.opaque.parse().ok()?;
    (version.to_string() == tag.opaque).then_some(version)
}

/// What a request that reads says of the versions that its sender has, as tags in their
/// quotes.
pub struct Known {
    /// One of these it must be, if some are named.
    meant: Result<Option<Vec<String>>>,
    /// These, or all if it is `*`, are not sent again.
    known: Vec<String>,
}

impl Known {
    /// Reads it; what changes something says it to its handler.
    pub fn of(request: &Request<Body>) -> Self {
        if request.method() != Method::GET {
            return Self { meant: Ok(None), known: Vec::new() };
        }
        let headers = request.headers();
        let quoted = |tag: &EntityTag<'_>| format!("\"{}\"", tag.opaque);
        let meant = meant(headers).map(|meant| match meant {
            Some(Named::Tags(tags)) => Some(tags.iter().filter(|t| !t.weak).map(quoted).collect()),
            Some(Named::Any) | None => None,
        });
        let known = match entity_tags::read(headers.get_all(header::IF_NONE_MATCH)) {
            None => Vec::new(),
            Some(Named::Any) => vec!["*".to_owned()],
            Some(Named::Tags(tags)) => tags.iter().map(quoted).collect(),
        };
        Self { meant, known }
    }

    /// The response as it is to be sent: not at all if another version is meant, and
    /// without its body if the client has it.
    pub fn judge(self, mut response: Response) -> Response {
        if response.status() != StatusCode::OK {
            return response;
        }
        let tag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let is_tag = |named: &String| tag.is_some_and(|tag| named == "*" || named == tag);
        let refusal = match self.meant {
            Ok(Some(meant)) if !meant.iter().any(is_tag) => Some(Error::PreconditionFailed),
            Ok(_) => None,
            Err(malformed) => Some(malformed),
        };
        if let Some(refusal) = refusal {
            let mut refused = Problem::from(refusal).into_response();
            refused.extensions_mut().extend(std::mem::take(response.extensions_mut()));
            return refused;
        }
        if self.known.iter().any(is_tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::empty();
            response.headers_mut().remove(header::CONTENT_TYPE);
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        response
    }
}

/// Whether what is read at a path gets a tag: the API itself, not its health.
pub fn is_tagged(path: &str) -> bool {
    ["/api/", "/.well-known/", "/openapi.json"].iter().any(|begin| path.starts_with(begin))
}

/// Makes tags of contents.
#[derive(Clone, Copy)]
pub struct Tags(SipHasher13);

impl Tags {
    /// What all instances with this key make the same tags by. Without the key nobody can
    /// write two contents that have one tag, so the hash need not be a slow one.
    pub fn new(secret: &SecretKey) -> Self {
        let key = secret.authenticate(Purpose::ContentTags, &[]);
        let half = key.first_chunk::<16>().copied().unwrap_or_default();
        Self(SipHasher13::new_with_key(&half))
    }

    fn of(mut self, content: &[u8]) -> String {
        self.0.write(content);
        let hash = self.0.finish128();
        format!("\"{:016x}{:016x}\"", hash.h1, hash.h2)
    }

    /// The response with a strong tag made of its content, unless it has one of its
    /// version, or is a stream.
    pub fn tag(self, response: Response) -> Response {
        if response.status() != StatusCode::OK || response.headers().contains_key(header::ETAG) {
            return response;
        }
        let (mut parts, body) = match whole(response) {
            Ok(whole) => whole,
            Err(response) => return *response,
        };
        if let Ok(tag) = HeaderValue::from_str(&self.of(&body)) {
            parts.headers.insert(header::ETAG, tag);
        }
        Response::from_parts(parts, Body::from(body))
    }
}

/// A response taken apart, unless its body is a stream.
pub fn whole(response: Response) -> Result<(response::Parts, Bytes), Box<Response>> {
    if response.body().size_hint().exact().is_none() {
        return Err(Box::new(response));
    }
    let (parts, body) = response.into_parts();
    match body.collect().now_or_never() {
        Some(Ok(body)) => Ok((parts, body.to_bytes())),
        // What has a length is there already.
        _ => {
            let problem = Error::internal("a body of a known length was not there");
            Err(Box::new(Problem::from(problem).into_response()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(HeaderName, &'static str)]) -> Result<Precondition> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_static(value));
        }
        of_change(&headers)
    }

    #[test]
    fn a_change_names_versions_by_strong_tags() {
        let versions = |versions: &[i64]| Precondition::Versions(versions.to_vec());
        for (values, expected) in [
            (&[][..], Precondition::None),
            (&["*"], Precondition::None),
            (&["\"3\""], versions(&[3])),
            (&["\"3\", \"4\"", "\"5\""], versions(&[3, 4, 5])),
            (&["W/\"3\""], versions(&[])),
            (&["\"other\"", "\"1,2\""], versions(&[])),
            (&["\"03\"", "\"+3\"", "\" 3\"", "\"-0\""], versions(&[])),
        ] {
            let fields: Vec<_> = values.iter().map(|value| (header::IF_MATCH, *value)).collect();
            assert_eq!(read(&fields).unwrap(), expected, "{values:?}");
        }
    }

    #[test]
    fn a_change_names_versions_that_it_must_not_meet() {
        let others = |tags| (header::IF_NONE_MATCH, tags);
        for (fields, expected) in [
            (&[others("*")][..], Precondition::Versions(vec![])),
            (&[others("\"3\", W/\"4\"")], Precondition::Others(vec![3, 4])),
            (&[others("")], Precondition::None),
            (&[others("\"03\"")], Precondition::Others(vec![])),
            (&[others("\"3\""), (header::IF_MATCH, "*")], Precondition::Others(vec![3])),
            (
                &[others("\"3\""), (header::IF_MATCH, "\"3\", \"4\"")],
                Precondition::Versions(vec![4]),
            ),
            (&[others("*"), (header::IF_MATCH, "\"3\"")], Precondition::Versions(vec![])),
        ] {
            assert_eq!(read(fields).unwrap(), expected, "{fields:?}");
        }
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
            for value in ["3", "\"3", "\"3\" \"4\""] {
                assert!(read(&[(name.clone(), value)]).is_err(), "{name}: {value}");
            }
        }
        assert!(read(&[(header::IF_MATCH, "")]).is_err());
    }
}
