//! What answers look like. Domain types are never written as they are.

use std::fmt::Display;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::domain::external_id::ExternalId;
use crate::domain::id::{SessionId, UserId};
use crate::domain::metadata::Metadata;
use crate::domain::page::{self, Limit, Page};
use crate::domain::role::RoleName;
use crate::domain::secret::SecretKey;
use crate::domain::session::{Device, Session};
use crate::domain::time::Timestamp;
use crate::domain::user::{DirectoryEntry, User};
use crate::service::second_factor::Challenge;
use crate::service::sessions::{Admission, SignedIn};

/// A person who can sign in.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView<'a> {
    /// UUIDv7; later users have later ids.
    #[schema(value_type = String, format = "uuid", example = "019a0000-0000-7000-8000-000000000001")]
    id: Text<UserId>,
    /// As its owner writes it; compared without regard to case.
    #[schema(example = "ada@example.com")]
    email: &'a str,
    /// When the owner proved that the address is theirs.
    #[schema(value_type = Option<String>, required, format = DateTime, example = "2026-01-01T00:00:00.000000Z")]
    email_verified_at: Option<Text<Timestamp>>,
    #[schema(example = "Ada Lovelace")]
    name: &'a str,
    /// The application's own key for the user; unique.
    #[schema(required, example = "crm-42")]
    external_id: Option<&'a str>,
    /// By name.
    #[schema(value_type = Vec<String>, example = json!(["user"]))]
    roles: Roles<'a>,
    /// What the application keeps about the user, for the user to see.
    #[schema(value_type = Object, example = json!({"locale": "en"}))]
    metadata: Members<'a>,
    /// What the user keeps here.
    #[schema(value_type = Object, example = json!({"theme": "dark"}))]
    own_metadata: Members<'a>,
    /// What the application keeps about the user, and from the user: under
    /// `/api/v1/users` only.
    #[schema(value_type = Object, nullable = false, example = json!({"segment": "b"}))]
    #[serde(skip_serializing_if = "Option::is_none")]
    private_metadata: Option<Members<'a>>,
    #[schema(value_type = String, format = DateTime, example = "2026-01-01T00:00:00.000000Z")]
    created_at: Text<Timestamp>,
    #[schema(value_type = String, format = DateTime, example = "2026-01-01T00:00:00.000000Z")]
    updated_at: Text<Timestamp>,
    /// Since when the user may not sign in.
    #[schema(value_type = Option<String>, required, format = DateTime)]
    suspended_at: Option<Text<Timestamp>>,
    /// Grows by one with every change; the ETag of the user.
    #[schema(example = 1)]
    version: i64,
}

impl<'a> From<&'a User> for UserView<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: Text(user.id),
            email: user.email.as_str(),
            email_verified_at: user.email_verified_at.map(Text),
            name: user.name.as_str(),
            external_id: user.external_id.as_ref().map(ExternalId::as_str),
            roles: Roles(&user.roles),
            metadata: Members(&user.metadata),
            own_metadata: Members(&user.own_metadata),
            private_metadata: None,
            created_at: Text(user.created_at),
            updated_at: Text(user.updated_at),
            suspended_at: user.suspended_at.map(Text),
            version: user.version,
        }
    }
}

impl<'a> From<&'a DirectoryEntry> for UserView<'a> {
    fn from(entry: &'a DirectoryEntry) -> Self {
        let private_metadata = Some(Members(&entry.private_metadata));
        Self { private_metadata, ..Self::from(&entry.user) }
    }
}

/// What is written as its text, straight into the answer.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Roles by their names.
struct Roles<'a>(&'a [RoleName]);

impl Serialize for Roles<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(RoleName::as_str))
    }
}

/// An object as it is stored.
struct Members<'a>(&'a Metadata);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_raw() {
            Some(json) => json.serialize(serializer),
            None => serializer.serialize_map(Some(0))?.end(),
        }
    }
}

/// A device on which a user is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// UUIDv7.
    #[schema(format = "uuid")]
    id: String,
    /// How the device calls itself.
    #[schema(required, example = "Firefox on Linux")]
    device: Option<String>,
    /// Where it signed in from.
    #[schema(required, example = "203.0.113.7")]
    address: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last refreshed.
    #[schema(format = DateTime)]
    last_used_at: String,
    /// When it ends, unless it is refreshed.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Whether it is the one that asks.
    current: bool,
}

impl SessionView {
    /// A session as the session `current` sees it.
    pub fn new(session: &Session, current: Option<SessionId>) -> Self {
        Self {
            id: session.id.to_string(),
            device: session.device.as_ref().map(Device::as_str).map(str::to_owned),
            address: session.address.clone(),
            created_at: session.created_at.to_string(),
            last_used_at: session.last_used_at.to_string(),
            expires_at: session.expires_at.to_string(),
            current: current == Some(session.id),
        }
    }
}

/// What a client gets that signed in or refreshed.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub struct SignedInView<'a> {
    /// A JWT (RFC 9068); show it as `Authorization: Bearer`.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// How long the access token is good, in seconds.
    #[schema(example = 600)]
    expires_in: u64,
    /// Gets the next access token, once.
    refresh_token: String,
    session: SessionView,
    user: UserView<'a>,
}

impl<'a> From<&'a SignedIn> for SignedInView<'a> {
    fn from(signed_in: &'a SignedIn) -> Self {
        Self {
            access_token: signed_in.access_token.clone(),
            token_type: "Bearer",
            expires_in: signed_in.expires_in.as_secs(),
            refresh_token: signed_in.refresh_token.clone(),
            session: SessionView::new(&signed_in.session, Some(signed_in.session.id)),
            user: (&signed_in.user).into(),
        }
    }
}

/// What a client gets that showed the first of two factors: no session yet.
#[derive(Serialize, ToSchema)]
#[schema(as = SecondFactorRequired)]
pub struct ChallengeView {
    /// Always true.
    #[schema(example = true)]
    second_factor_required: bool,
    /// Give it to `/api/v1/sessions/second-factor` with a code; it opens nothing else.
    #[schema(example = "rcm_…")]
    token: String,
    /// What the code may be: of an authenticator app, or a recovery code.
    #[schema(example = json!(["totp", "recovery_code"]))]
    methods: [&'static str; 2],
    /// How long the token is good, in seconds.
    #[schema(example = 300)]
    expires_in: u64,
}

impl From<&Challenge> for ChallengeView {
    fn from(challenge: &Challenge) -> Self {
        Self {
            second_factor_required: true,
            token: challenge.token.clone(),
            methods: ["totp", "recovery_code"],
            expires_in: challenge.expires_in.as_secs(),
        }
    }
}

/// Describes a part of a list, which [`list`] writes.
macro_rules! list_schema {
    ($(#[$doc:meta])* $name:ident as $schema:ident of $item:ty) => {
        $(#[$doc])*
        #[derive(ToSchema)]
        #[schema(as = $schema)]
        #[expect(dead_code, reason = "describes what list writes")]
        pub struct $name {
            items: Vec<$item>,
            /// Give it as `cursor` to get the next page; null on the last one.
            #[schema(required)]
            next_cursor: Option<String>,
        }
    };
}
pub(super) use list_schema;

list_schema! {
    /// A part of the list of users.
    UserListView as UserList of UserView<'static>
}
list_schema! {
    /// A part of a list of sessions.
    SessionListView as SessionList of SessionView
}

/// One bad field of a request.
#[derive(Serialize, ToSchema)]
#[schema(as = FieldError)]
pub struct FieldErrorView {
    /// Where.
    #[schema(example = "email")]
    field: String,
    /// What, for programs.
    #[schema(example = "invalid_email")]
    code: String,
    /// What, for people.
    #[schema(example = "must be an email address such as ada@example.com")]
    message: String,
}

impl From<crate::error::FieldError> for FieldErrorView {
    fn from(error: crate::error::FieldError) -> Self {
        Self { field: error.field, code: error.code.to_owned(), message: error.message }
    }
}

/// What went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemView {
    #[schema(rename = "type", example = "urn:rollcall:problem:not_found")]
    #[serde(rename = "type")]
    kind: String,
    #[schema(example = "Not found")]
    title: String,
    #[schema(example = 404)]
    status: u16,
    #[schema(example = "There is no such user.")]
    detail: String,
    /// Stable, for programs.
    #[schema(example = "not_found")]
    code: String,
    /// Quote it when you ask the operator.
    request_id: String,
    /// Every field that was not acceptable.
    #[schema(nullable = false)]
    errors: Option<Vec<FieldErrorView>>,
    /// Which of many operations it stands against, counted from 0.
    #[schema(nullable = false)]
    index: Option<usize>,
}

/// A JSON answer.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(body) => {
            let content_type =
                [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
            (status, content_type, body).into_response()
        }
        Err(error) => {
            super::problem::Problem::from(crate::error::Error::internal(error)).into_response()
        }
    }
}

/// What a first factor came to: a session, or the question for the second.
pub fn admission(admission: &Admission) -> Response {
    match admission {
        Admission::SignedIn(signed_in) => {
            json(StatusCode::CREATED, &SignedInView::from(&**signed_in))
        }
        Admission::SecondFactorRequired(challenge) => {
            json(StatusCode::ACCEPTED, &ChallengeView::from(challenge))
        }
    }
}

/// The same answer, with a version as a strong ETag.
pub fn tagged(mut response: Response, version: i64) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The same answer, with the path of what was just created.
pub fn located(mut response: Response, path: &str) -> Response {
    if let Ok(location) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// A user as it may see itself, with its version as a strong ETag.
pub fn user(status: StatusCode, user: &User) -> Response {
    tagged(json(status, &UserView::from(user)), user.version)
}

/// A user for those who may see all users, with its version as a strong ETag.
pub fn entry(status: StatusCode, entry: &DirectoryEntry) -> Response {
    tagged(json(status, &UserView::from(entry)), entry.user.version)
}

/// The same of a user that was just changed.
pub fn changed_entry(changed: &DirectoryEntry) -> Response {
    entry(StatusCode::OK, changed)
}

/// Nothing is left to say.
pub fn done((): &()) -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// A user that was just created, with its path.
pub fn created_entry(created: &DirectoryEntry) -> Response {
    let path = format!("/api/v1/users/{}", created.user.id);
    located(entry(StatusCode::CREATED, created), &path)
}

#[derive(Serialize)]
struct List<V> {
    items: Vec<V>,
    next_cursor: Option<String>,
}

/// A list that fits on one page.
pub fn whole_list<V: Serialize>(items: impl Iterator<Item = V>) -> Response {
    json(StatusCode::OK, &List { items: items.collect(), next_cursor: None })
}

/// A page of the list at `path`, which may have a query; `next` in the Link header
/// and in the body.
pub fn list<'a, T, V: Serialize>(
    page: &'a Page<T>,
    path: &str,
    limit: Limit,
    secret: &SecretKey,
    view: impl Fn(&'a T) -> V,
) -> Response {
    let next_cursor = page.next.as_deref().map(|key| page::write_cursor(secret, path, key));
    let link = next_cursor.as_deref().map(|cursor| {
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("<{path}{separator}limit={}&cursor={cursor}>; rel=\"next\"", limit.get())
    });
    let items = page.items.iter().map(view).collect();
    let mut response = json(StatusCode::OK, &List { items, next_cursor });
    if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}
