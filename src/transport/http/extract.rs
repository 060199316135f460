//! What handlers take from a request.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{Method, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::idempotency;
use super::imports;
use super::json::{self, Fields};
use super::preconditions;
use super::problem::Problem;
use crate::app::App;
use crate::domain::id::{ApiKeyId, InvitationId, SessionId, UserId};
use crate::domain::page::{self, Limit, PageRequest};
use crate::domain::role::RoleName;
use crate::error::{Error, Invalid};
use crate::service::{Context, Precondition};

/// The context of a request that shows a credential which could be good. Others
/// are turned away before anything else of theirs is read; whether the credential
/// is good, the service asks.
pub struct Cx(pub Arc<Context>);

impl<S: Send + Sync> FromRequestParts<S> for Cx {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if !context(parts)?.credentials.is_plausible() || idempotency::is_of_nobody(parts) {
            return Err(Error::Unauthenticated.into());
        }
        let AnyCx(context) = AnyCx::from_request_parts(parts, state).await?;
        Ok(Self(context))
    }
}

/// The context of a request of anybody: whoever takes it is visibly public.
pub struct AnyCx(pub Arc<Context>);

impl<S: Sync> FromRequestParts<S> for AnyCx {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        idempotency::refuse_unfit(parts)?;
        preconditions::refuse_unknown(parts)?;
        refuse_query(parts)?;
        Ok(Self(context(parts)?))
    }
}

/// Refuses a change that says something in its query, where nobody reads one: whoever
/// names a version there must not believe that it was looked at.
fn refuse_query(parts: &Parts) -> Result<(), Error> {
    let is_read = parts.method == Method::GET;
    if is_read || parts.uri.query().is_none() || parts.uri.path() == imports::PATH {
        return Ok(());
    }
    let Query(members) = Query::read(parts)?;
    let unknown = |name| Invalid::new("unknown_field", "is no parameter of this request").of(name);
    let errors: Vec<_> = members.into_iter().take(json::MAX_ERRORS).map(|m| unknown(m.0)).collect();
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

pub(super) fn context(parts: &Parts) -> Result<Arc<Context>, Error> {
    let context = parts.extensions.get::<Arc<Context>>().cloned();
    context.ok_or_else(|| Error::internal("a request without a context"))
}

/// What is taken of a request before its body, which may be long. If that refuses the
/// request, the body is read on behind the answer.
pub struct BeforeBody<T>(pub T, pub Body);

impl<T: FromRequestParts<Arc<App>>> FromRequest<Arc<App>> for BeforeBody<T> {
    type Rejection = T::Rejection;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, T::Rejection> {
        let (mut parts, body) = request.into_parts();
        match T::from_request_parts(&mut parts, app).await {
            Ok(taken) => Ok(Self(taken, body)),
            Err(refusal) => {
                json::discard_behind(app, body);
                Err(refusal)
            }
        }
    }
}

/// What the path names, by its one parameter.
macro_rules! path {
    ($(#[$doc:meta])* $name:ident($id:ty), $what:literal) => {
        $(#[$doc])*
        pub struct $name(pub $id);

        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let path = Path::<String>::from_request_parts(parts, state).await;
                let id = path.ok().and_then(|Path(id)| <$id>::parse(&id).ok());
                id.map(Self).ok_or_else(|| Error::NotFound($what).into())
            }
        }
    };
}

path! {
    /// The user that the path names. What is no id names nobody.
    UserPath(UserId), "user"
}
path! {
    /// The session that the path names.
    SessionPath(SessionId), "session"
}
path! {
    /// The role that the path names.
    RolePath(RoleName), "role"
}
path! {
    /// The API key that the path names.
    ApiKeyPath(ApiKeyId), "API key"
}
path! {
    /// The invitation that the path names.
    InvitationPath(InvitationId), "invitation"
}

/// What a JSON Merge Patch (RFC 7396) is sent as.
pub const MERGE_PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

/// A request that is made of the members of a JSON object.
pub trait FromFields: Sized {
    /// The media types of the body.
    const MEDIA_TYPES: &[&str] = &["application/json"];

    /// Takes the members and judges them.
    fn from_fields(fields: Fields, app: &App) -> Result<Self, Error>;
}

/// A JSON body, valid.
pub struct Json<T>(pub T);

impl<T: FromFields> FromRequest<Arc<App>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let value = json::read(&parts.headers, body, app.config.body_limit, T::MEDIA_TYPES).await?;
        Ok(Self(T::from_fields(Fields::of(value)?, app)?))
    }
}

/// Which version the caller means, by `If-Match` and `If-None-Match`.
pub struct IfMatch(pub Precondition);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(preconditions::of_change(&parts.headers)?))
    }
}

/// The same where a version must be named.
pub struct RequiredIfMatch(pub Precondition);

impl<S: Sync> FromRequestParts<S> for RequiredIfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if !parts.headers.contains_key(header::IF_MATCH) {
            return Err(Error::PreconditionRequired.into());
        }
        Ok(Self(preconditions::of_change(&parts.headers)?))
    }
}

/// The members of a query, each given at most once.
pub struct Query(Map<String, Value>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self::read(parts)?)
    }
}

impl Query {
    fn read(parts: &Parts) -> Result<Self, Error> {
        let mut members = Map::new();
        let query = parts.uri.query().unwrap_or_default();
        if percent_decode_str(query).decode_utf8().is_err() {
            return Err(Error::Malformed("The query must be UTF-8.".to_owned()));
        }
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let name: String = name.chars().take(64).collect();
            if members.insert(name.clone(), Value::String(value.into_owned())).is_some() {
                let reason = Invalid::new("repeated", "must be given once");
                return Err(Error::invalid(name, reason));
            }
        }
        Ok(Self(members))
    }

    /// The members, to be judged like those of a body.
    pub fn fields(self) -> Result<Fields, Error> {
        Fields::of(Value::Object(self.0))
    }

    /// Which page of the list called `list` is asked for.
    pub fn page(self, app: &App, list: &str) -> Result<PageRequest, Error> {
        let mut fields = self.fields()?;
        let secret = &app.config.secret_key;
        let limit = fields.optional("limit", Limit::parse);
        let after = fields.optional("cursor", |text| page::read_cursor(secret, list, text));
        fields.finish(|| Some(PageRequest { limit: limit.unwrap_or_default(), after }))
    }
}
