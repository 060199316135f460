//! An answer, and how it is written into a snapshot.

use std::collections::HashMap;
use std::fmt;

use axum::body::Body;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

/// What every answer has; a snapshot tells only where it is not so.
const USUAL_HEADERS: &[(&str, &str)] = &[
    ("api-version", "1"),
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

/// An answer, read to its end.
///
/// It displays as a whole, for snapshots: status, what is particular about the
/// headers, and the body. What differs from run to run or is long has a name in
/// brackets there: `[id 1]`, `[access token 1]`, `rcr_[1]`, `[opaque 1]`, where
/// the same number means the same value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Response {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body as JSON; null if it is none.
    pub(crate) body: Value,
    /// The body as text.
    pub(crate) text: String,
}

impl Response {
    /// Reads an answer to its end.
    pub(crate) async fn read(response: http::Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self { status: parts.status, headers: parts.headers, body, text }
    }

    /// The same answer, if it has this status.
    #[track_caller]
    pub(crate) fn assert_status(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self}");
        self
    }

    /// The same answer, if it is a problem with this status and this code.
    #[track_caller]
    pub(crate) fn assert_problem(self, status: u16, code: &str) -> Self {
        let is_problem = self.header("content-type") == Some("application/problem+json");
        let told = (self.body["status"].as_u64(), self.body["code"].as_str());
        let names_request = self.body["request_id"].as_str() == self.header("x-request-id");
        let is_told = is_problem && names_request && told == (Some(status.into()), Some(code));
        assert!(is_told, "expected the problem {status} {code}, got {self}");
        self.assert_status(status)
    }

    /// A header that stands there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// A member of the body that is a text.
    #[track_caller]
    pub(crate) fn text_at(&self, pointer: &str) -> String {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no text at {pointer} of {self}")).to_owned()
    }

    /// The field and the code of every error of a 422.
    pub(crate) fn field_errors(&self) -> Vec<(&str, &str)> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let told = errors.iter().map(|error| (error["field"].as_str(), error["code"].as_str()));
        told.map(|(field, code)| (field.unwrap_or("?"), code.unwrap_or("?"))).collect()
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{}\n", self.status);
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or("?")))
            .filter(|header| !USUAL_HEADERS.contains(header) && header.0 != "x-request-id")
            .filter(|(name, _)| *name != "content-length")
            // A tag made of the content says no more than the content.
            .filter(|(name, value)| *name != "etag" || value.len() < 30)
            .collect();
        headers.sort_unstable();
        for (name, value) in headers {
            text += &format!("{name}: {value}\n");
        }
        for (name, _) in USUAL_HEADERS.iter().filter(|(name, _)| self.header(name).is_none()) {
            text += &format!("{name} is missing\n");
        }
        let body = match &self.body {
            Value::Null => self.text.clone(),
            body => serde_json::to_string_pretty(body).unwrap(),
        };
        f.write_str(redact(&format!("{text}\n{body}")).trim_end())
    }
}

/// Puts names in the place of ids and secrets.
fn redact(text: &str) -> String {
    let mut names = Names::default();
    let mut redacted = String::new();
    let mut rest = text;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    while let Some(begin) = rest.find(is_part) {
        let (before, word) = rest.split_at(begin);
        let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        redacted += before;
        redacted += &names.of(word);
        rest = after;
    }
    redacted + rest
}

#[derive(Default)]
struct Names {
    given: HashMap<String, String>,
    counts: HashMap<String, usize>,
}

impl Names {
    fn of(&mut self, word: &str) -> String {
        if let Some(name) = self.given.get(word) {
            return name.clone();
        }
        let Some(kind) = kind(word) else {
            return word.to_owned();
        };
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        let name = if kind.ends_with('_') {
            format!("{kind}[{count}]")
        } else {
            format!("[{kind} {count}]")
        };
        self.given.insert(word.to_owned(), name.clone());
        name
    }
}

/// What sort of id or secret a word is, if it is one.
fn kind(word: &str) -> Option<&str> {
    let is_prefix = |prefix: &str| prefix.len() == 4 && prefix.starts_with("rc");
    if word.len() == 36 && word.bytes().filter(|b| *b == b'-').count() == 4 {
        Some("id")
    } else if word.starts_with("eyJ") && word.split('.').count() == 3 {
        Some("access token")
    } else if word.get(..4).is_some_and(|prefix| is_prefix(prefix) && prefix.ends_with('_')) {
        word.get(..4)
    } else {
        (word.len() >= 43).then_some("opaque")
    }
}
