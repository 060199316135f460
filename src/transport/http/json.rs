//! JSON bodies: read strictly, and judged whole.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use futures_util::future::select;
use http_body_util::{BodyExt, Limited};
use serde_json::{Map, Value};

use super::problem::Problem;
use super::strict_json;
use crate::app::App;
use crate::error::{Error, FieldError, Invalid};

/// The largest body, in bytes, that is read to its end although it is refused.
pub const DISCARDED: usize = 8 << 20;

/// Reads a body of one of the media types, of at most `limit` bytes, as JSON.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    media_types: &[&str],
) -> Result<Value, Problem> {
    if media_type(headers, media_types).is_none() {
        return Err(Problem::unsupported_media_type(media_types));
    }
    strict_json::parse(&collect(body, limit).await?).map_err(Problem::from)
}

/// Reads a body of at most `limit` bytes to its end.
pub async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    match Limited::new(&mut body, limit).collect().await {
        Ok(bytes) => Ok(bytes.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            discard(body).await;
            Err(Problem::payload_too_large(limit))
        }
        Err(_) => Err(Error::Malformed("The body could not be read to its end.".to_owned()).into()),
    }
}

/// Reads the rest of a body that is refused, within bounds: a client that still
/// writes when the connection is closed never sees why.
pub async fn discard(mut body: Body) {
    let mut left = DISCARDED;
    while let Some(Ok(frame)) = body.frame().await {
        match left.checked_sub(frame.data_ref().map_or(0, |data| data.len())) {
            Some(less) => left = less,
            None => return,
        }
    }
}

/// The same behind the answer, for bodies that may take their time.
pub fn discard_behind(app: &App, body: Body) {
    let timer = app.timer.sleep(app.config.request_timeout);
    app.background.spawn(Box::pin(async move {
        select(Box::pin(discard(body)), timer).await;
    }));
}

/// Which of these types the body is of, if it is plain UTF-8.
pub fn media_type<'a>(headers: &HeaderMap, known: &[&'a str]) -> Option<&'a str> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let (essence, params) = content_type.split_once(';').unwrap_or((content_type, ""));
    let charset = params.split(';').find_map(|param| {
        let (name, value) = param.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    let is_plain = charset.is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"))
        && !headers.contains_key(header::CONTENT_ENCODING);
    let is_it = |known: &&&str| essence.trim().eq_ignore_ascii_case(known);
    known.iter().find(is_it).copied().filter(|_| is_plain)
}

/// The members of a JSON object, taken one by one; what is wrong is collected,
/// so that the client learns of everything at once.
pub struct Fields {
    members: Map<String, Value>,
    errors: Vec<FieldError>,
}

/// The most errors that one answer tells: a request of many wrong fields must not
/// grow into an answer of many times its size.
pub const MAX_ERRORS: usize = 50;

/// Members that the service sets; a client that sends them learns so.
const READ_ONLY: &[&str] =
    &["id", "email_verified_at", "roles", "created_at", "updated_at", "suspended_at", "version"];

impl Fields {
    /// The members of an object.
    pub fn of(value: Value) -> Result<Self, Error> {
        match value {
            Value::Object(members) => Ok(Self { members, errors: Vec::new() }),
            _ => Err(Error::invalid("", Invalid::new("wrong_type", "must be an object"))),
        }
    }

    /// A text that must be there.
    pub fn required<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        if self.members.contains_key(name) {
            self.optional(name, parse)
        } else {
            self.refuse(name, Invalid::new("required", "is required"));
            None
        }
    }

    /// A text that may be left out, but not `null`.
    pub fn optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        self.value(name, |value| match value {
            Value::String(text) => parse(&text),
            _ => Err(Invalid::new("wrong_type", "must be a string")),
        })
    }

    /// A text that may be left out, which is `None`, or be `null`, which is
    /// `Some(None)`.
    pub fn nullable<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        self.value(name, |value| match value {
            Value::String(text) => parse(&text).map(Some),
            Value::Null => Ok(None),
            _ => Err(Invalid::new("wrong_type", "must be a string or null")),
        })
    }

    /// An object that may be left out, but not `null`.
    pub fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        self.value(name, |value| match value {
            Value::Object(members) => Ok(members),
            _ => Err(Invalid::new("wrong_type", "must be an object")),
        })
    }

    /// A list of at most `max` texts that must be there.
    pub fn required_list<T, C: FromIterator<T>>(
        &mut self,
        name: &str,
        max: usize,
        parse: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Option<C> {
        if self.members.contains_key(name) {
            self.optional_list(name, max, parse)
        } else {
            self.refuse(name, Invalid::new("required", "is required"));
            None
        }
    }

    /// A list of at most `max` texts that may be left out, but not `null`. An item
    /// that is wrong is told by its place, such as `roles.0`.
    pub fn optional_list<T, C: FromIterator<T>>(
        &mut self,
        name: &str,
        max: usize,
        parse: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Option<C> {
        let items = self.value(name, |value| match value {
            Value::Array(items) if items.len() <= max => Ok(items),
            Value::Array(_) => {
                Err(Invalid::new("too_many", format!("must have at most {max} items")))
            }
            _ => Err(Invalid::new("wrong_type", "must be an array")),
        })?;
        let mut parsed = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            let result = match item {
                Value::String(text) => parse(text),
                _ => Err(Invalid::new("wrong_type", "must be a string")),
            };
            match result {
                Ok(item) => parsed.push(item),
                Err(reason) => self.refuse(&format!("{name}.{place}"), reason),
            }
        }
        Some(parsed.into_iter().collect())
    }

    /// A value of any type that may be left out.
    pub fn value<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(Value) -> Result<T, Invalid>,
    ) -> Option<T> {
        match parse(self.members.remove(name)?) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.refuse(name, reason);
                None
            }
        }
    }

    /// A value of any type that must be there.
    pub fn required_value<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(Value) -> Result<T, Invalid>,
    ) -> Option<T> {
        if !self.members.contains_key(name) {
            self.refuse(name, Invalid::new("required", "is required"));
        }
        self.value(name, parse)
    }

    /// Makes a value of what was taken, unless something was wrong or is left over.
    pub fn finish<T>(mut self, make: impl FnOnce() -> Option<T>) -> Result<T, Error> {
        let left_over = std::mem::take(&mut self.members);
        for name in left_over.keys().take(MAX_ERRORS) {
            let reason = if READ_ONLY.contains(&name.as_str()) {
                Invalid::new("read_only", "is set by the service")
            } else {
                Invalid::new("unknown_field", "is not a field of this request")
            };
            // The name is the client's text: it is cut, so that an answer stays small.
            self.refuse(&name.chars().take(64).collect::<String>(), reason);
        }
        self.errors.truncate(MAX_ERRORS);
        match make() {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Error::Invalid(self.errors)),
        }
    }

    /// Says what is wrong with a member.
    pub fn refuse(&mut self, name: &str, reason: Invalid) {
        self.errors.push(reason.of(name));
    }

    /// Says what is wrong inside of a member.
    pub fn refuse_inside(&mut self, name: &str, errors: Vec<FieldError>) {
        self.errors.extend(errors.into_iter().map(|error| error.within(name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_wrong_item_of_a_list_is_told_by_its_place() {
        let parse = |text: &str| match text {
            "x" => Err(Invalid::new("bad", "must not be x")),
            text => Ok(text.to_owned()),
        };
        let mut fields =
            Fields::of(json!({"a": ["1", "x", 2], "b": "1", "c": ["1", "2"]})).unwrap();
        let _: Option<Vec<_>> = fields.required_list("a", 3, parse);
        let _: Option<Vec<_>> = fields.optional_list("b", 3, parse);
        let _: Option<Vec<_>> = fields.optional_list("c", 1, parse);
        let _: Option<Vec<_>> = fields.required_list("d", 3, parse);
        let Err(Error::Invalid(errors)) = fields.finish(|| Some(())) else {
            panic!("it was accepted");
        };
        let told: Vec<_> = errors.iter().map(|e| (e.field.as_str(), e.code)).collect();
        let expected = [
            ("a.1", "bad"),
            ("a.2", "wrong_type"),
            ("b", "wrong_type"),
            ("c", "too_many"),
            ("d", "required"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn every_wrong_field_is_told_at_once() {
        let text = |text: &str| Ok::<_, Invalid>(text.to_owned());
        let body = json!({"a": 1, "c": "x", "id": "1", "z": null});
        let mut fields = Fields::of(body).unwrap();
        let (a, b, c) =
            (fields.required("a", text), fields.required("b", text), fields.optional("c", text));
        assert_eq!(c.as_deref(), Some("x"));
        let Err(Error::Invalid(errors)) = fields.finish(|| Some((a?, b?))) else {
            panic!("it was accepted");
        };
        let told: Vec<_> = errors.iter().map(|e| (e.field.as_str(), e.code)).collect();
        let expected =
            [("a", "wrong_type"), ("b", "required"), ("id", "read_only"), ("z", "unknown_field")];
        assert_eq!(told, expected);
    }
}
