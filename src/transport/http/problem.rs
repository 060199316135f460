//! Problems on the wire, RFC 9457. The only place where a status is chosen.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::error::{Error, FieldError};

/// The media type of problems.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem, before the request's id is added.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The status of the response.
    pub status: StatusCode,
    /// For programs; stable.
    pub code: &'static str,
    /// The same for every problem with this code.
    pub title: &'static str,
    /// What happened here, for people.
    pub detail: String,
    /// Every field that was not acceptable.
    pub errors: Vec<FieldError>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// How old the proof of who somebody is may be.
    pub max_age: Option<Duration>,
    /// The media types that a body could have been of.
    pub accepts: Option<String>,
    /// Which of many operations it stands against, counted from zero.
    pub index: Option<usize>,
    /// For the log only.
    pub cause: Option<String>,
}

impl Problem {
    /// A problem with a status, a code, a title and a sentence.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        let detail = detail.into();
        Self {
            status,
            code,
            title,
            detail,
            errors: Vec::new(),
            retry_after: None,
            max_age: None,
            accepts: None,
            index: None,
            cause: None,
        }
    }

    /// No resource has this path.
    pub fn no_such_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", "There is nothing here.")
    }

    /// The path names an API version that does not exist.
    pub fn unknown_version() -> Self {
        let detail = "This version of the API does not exist. There is v1.";
        Self::new(StatusCode::NOT_FOUND, "unknown_version", "Unknown version", detail)
    }

    /// The path exists; the method does not apply to it.
    pub fn method_not_allowed() -> Self {
        let detail = "This method does not apply here. The Allow header lists those that do.";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "Method not allowed",
            detail,
        )
    }

    /// The client accepts nothing that this resource can be.
    pub fn not_acceptable(offered: &str) -> Self {
        let detail = format!("This resource is {offered}, which the Accept header rules out.");
        Self::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", "Not acceptable", detail)
    }

    /// The body is of another media type.
    pub fn unsupported_media_type(accepted: &[&str]) -> Self {
        let (code, title) = ("unsupported_media_type", "Unsupported media type");
        let wanted = accepted.join(" or ");
        let detail = format!("The body must be {wanted}, without a content encoding.");
        Self {
            accepts: Some(accepted.join(", ")),
            ..Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, title, detail)
        }
    }

    /// The body is larger than the limit.
    pub fn payload_too_large(limit: usize) -> Self {
        let detail = format!("The body must have at most {limit} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "Payload too large", detail)
    }

    /// The path with its query is longer than the limit.
    pub fn uri_too_long(limit: usize) -> Self {
        let detail = format!("The path and the query must have at most {limit} bytes.");
        Self::new(StatusCode::URI_TOO_LONG, "uri_too_long", "URI too long", detail)
    }

    /// There are more header fields than the limit, or larger ones.
    pub fn header_fields_too_large(fields: usize, bytes: usize) -> Self {
        let detail = format!(
            "There must be at most {fields} header fields, with at most {bytes} bytes of names \
             and values."
        );
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Self::new(status, "header_fields_too_large", "Header fields too large", detail)
    }

    /// The request took longer than it may.
    pub fn timed_out() -> Self {
        let detail = "The request took too long. It may or may not have had an effect.";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "Timed out", detail)
    }

    /// The client sends no more of its body, and does not end it.
    pub fn idle() -> Self {
        let detail = "Nothing came for too long.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "idle", "Idle", detail)
    }

    /// The settings are wrong, in these ways.
    pub fn misconfigured(cause: String) -> Self {
        let detail = "The service is not configured correctly. /readyz says in which way.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self {
            retry_after: Some(Duration::from_secs(30)),
            cause: Some(cause),
            ..Self::new(status, "unavailable", "Unavailable", detail)
        }
    }

    /// The body of the response.
    pub fn body(&self, request_id: &str) -> String {
        self.members(request_id).to_string()
    }

    /// The same as a value.
    pub fn members(&self, request_id: &str) -> Value {
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        put("type", json!(format!("urn:rollcall:problem:{}", self.code)));
        put("title", json!(self.title));
        put("status", json!(self.status.as_u16()));
        put("detail", json!(self.detail));
        put("code", json!(self.code));
        put("request_id", json!(request_id));
        if !self.errors.is_empty() {
            let errors = self.errors.iter().map(
                |error| json!({"field": error.field, "code": error.code, "message": error.message}),
            );
            put("errors", errors.collect());
        }
        if let Some(index) = self.index {
            members.insert("index".to_owned(), json!(index));
        }
        Value::Object(members)
    }

    /// The headers that go with the problem.
    fn add_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, self.challenge());
        }
        if let Some(accepts) = self.accepts.as_deref().map(HeaderValue::from_str)
            && let Ok(accepts) = accepts
        {
            // RFC 9110, 15.5.16, and RFC 5789, 2.2.
            headers.insert(header::ACCEPT, accepts.clone());
            if self.is_of_patch() {
                headers.insert("accept-patch", accepts);
            }
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if let Some(retry_after) = self.retry_after {
            // Rounded up: who waits that long has waited long enough.
            let seconds = retry_after.as_millis().div_ceil(1_000).max(1).to_string();
            if let Ok(seconds) = HeaderValue::from_str(&seconds) {
                headers.insert(header::RETRY_AFTER, seconds);
            }
        }
    }
}

impl Problem {
    /// Whether a body that changes a part of something was refused.
    fn is_of_patch(&self) -> bool {
        self.accepts.as_ref().is_some_and(|accepts| accepts.contains("patch+json"))
    }

    /// What a credential must be (RFC 6750), and how fresh (RFC 9470).
    fn challenge(&self) -> HeaderValue {
        let bearer = HeaderValue::from_static("Bearer");
        let Some(max_age) = self.max_age.map(|max_age| max_age.as_secs()) else { return bearer };
        let challenge = format!("Bearer error=\"{}\", max_age=\"{max_age}\"", self.code);
        HeaderValue::from_str(&challenge).unwrap_or(bearer)
    }
}

impl IntoResponse for Problem {
    /// The body is written at the end of the chain, where the request's id is known.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        self.add_headers(&mut response);
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let cause = error.cause().map(str::to_owned);
        let problem = match error {
            Error::Malformed(detail) => {
                Self::new(StatusCode::BAD_REQUEST, "malformed_request", "Malformed request", detail)
            }
            Error::Invalid(errors) => Self {
                errors,
                ..Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "validation_failed",
                    "Validation failed",
                    "Some fields are not acceptable. See errors.",
                )
            },
            Error::Unauthenticated => Self::new(
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "Sign in to continue",
                "This needs a valid credential.",
            ),
            Error::InvalidCredentials => Self::new(
                StatusCode::UNAUTHORIZED,
                "invalid_credentials",
                "Invalid credentials",
                "The email address or the password is wrong, or the address was not proven yet.",
            ),
            Error::InvalidCode => Self::new(
                StatusCode::UNAUTHORIZED,
                "invalid_credentials",
                "Invalid credentials",
                "The code is wrong, or was used before.",
            ),
            Error::NotFresh { max_age } => Self {
                max_age: Some(max_age),
                ..Self::new(
                    StatusCode::UNAUTHORIZED,
                    "insufficient_user_authentication",
                    "Prove again who you are",
                    "Reauthenticate by /api/v1/sessions/current/reauthenticate, then try again.",
                )
            },
            Error::Forbidden(detail) => {
                Self::new(StatusCode::FORBIDDEN, "forbidden", "Forbidden", detail)
            }
            Error::Refused { code, detail } => {
                Self::new(StatusCode::FORBIDDEN, code, "Refused", detail)
            }
            Error::NotFound(what) => Self::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "Not found",
                format!("There is no such {what}."),
            ),
            Error::Conflict { code, detail } => {
                Self::new(StatusCode::CONFLICT, code, "Conflict", detail)
            }
            Error::PreconditionFailed => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                "Precondition failed",
                "The resource is at another version than If-Match names, or at one that \
                 If-None-Match names. Read it again.",
            ),
            Error::PreconditionRequired => Self::new(
                StatusCode::PRECONDITION_REQUIRED,
                "precondition_required",
                "Precondition required",
                "Name the version that you mean to replace, by If-Match with the ETag of the resource.",
            ),
            Error::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "Idempotency-Key reused",
                "This Idempotency-Key belongs to another request. Use a new one.",
            ),
            Error::InProgress { retry_after } => Self {
                retry_after: Some(retry_after),
                ..Self::new(
                    StatusCode::CONFLICT,
                    "in_progress",
                    "In progress",
                    "The request with this Idempotency-Key is being done. Ask again for its answer.",
                )
            },
            Error::TooManyRequests { retry_after, limit } => Self {
                retry_after: Some(retry_after),
                ..Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_requests",
                    "Too many requests",
                    match limit {
                        // Nobody should wait for an authenticator app that is closed.
                        "second_factor" => "Too many wrong codes. Retry-After says how long to \
                            wait; after a hundred, only a recovery code is taken."
                            .to_owned(),
                        _ => format!(
                            "The limit {limit} is used up. Retry-After says how long to wait."
                        ),
                    },
                )
            },
            Error::Unavailable { retry_after, .. } => Self {
                retry_after: Some(retry_after),
                ..Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "Unavailable",
                    "The service cannot do this right now. Try again.",
                )
            },
            Error::InDoubt(_) => Self {
                retry_after: Some(Duration::from_secs(1)),
                ..Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "in_doubt",
                    "In doubt",
                    "It was broken off, and may or may not have had an effect. Look before you \
                     try again.",
                )
            },
            Error::Internal(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Internal error",
                "Something went wrong on our side. Quote the request_id to the operator.",
            ),
        };
        Self { cause, ..problem }
    }
}
