//! What is sent and received; the names are those of `openapi.json`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Something, and the ETag of the version that it is.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    /// As it was.
    pub value: T,
    /// To be shown with a change, so that nobody else's is lost.
    pub etag: Option<String>,
}

/// Members that a newer service sends and this client does not know.
pub type Others = Map<String, Value>;

/// A person who can sign in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    /// UUIDv7; later users have later ids.
    pub id: String,
    /// As its owner writes it.
    pub email: String,
    /// When the owner proved that the address is theirs.
    pub email_verified_at: Option<String>,
    /// What they are called.
    pub name: String,
    /// The application's own key for the user; unique.
    #[serde(default)]
    pub external_id: Option<String>,
    /// By name.
    pub roles: Vec<String>,
    /// What the application keeps about the user, for the user to see.
    pub metadata: Map<String, Value>,
    /// What the user keeps.
    #[serde(default)]
    pub own_metadata: Map<String, Value>,
    /// What the application keeps about the user, and from the user: none in what a
    /// user sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_metadata: Option<Map<String, Value>>,
    /// When they were created.
    pub created_at: String,
    /// When they were last changed.
    pub updated_at: String,
    /// Since when the user may not sign in.
    pub suspended_at: Option<String>,
    /// Grows by one with every change; the ETag of the user.
    pub version: u64,
    /// See [`Others`].
    #[serde(flatten)]
    pub others: Others,
}

/// A user to be created.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CreateUser {
    /// The address to sign in with.
    pub email: String,
    /// 1 to 200 characters.
    pub name: String,
    /// Without one, the user cannot sign in with a password yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Instead of a password: its hash by another service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// `["user"]` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// The application's own key for the user; unique.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// For the user to see. At most 16 KiB, as each of the three.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// Not for the user to see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_metadata: Option<Map<String, Value>>,
    /// For the user to see and to write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_metadata: Option<Map<String, Value>>,
}

/// What is to become of a user; what is none stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PatchUser {
    /// Another address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Another key; some none takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Option<String>>,
    /// Merged into what is there (RFC 7396): a null takes a member away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_metadata: Option<Map<String, Value>>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_metadata: Option<Map<String, Value>>,
}

/// Which users, and in which order; what is none does not matter.
#[derive(Debug, Clone, Default)]
pub struct UserQuery {
    /// With this address, in any case.
    pub email: Option<String>,
    /// With exactly this key of the application's own.
    pub external_id: Option<String>,
    /// Of whom this holds, in the grammar of SCIM: `name sw "ada" and role eq "admin"`.
    pub filter: Option<String>,
    /// By this field, in reverse with a minus before it: `-created_at`.
    pub sort: Option<String>,
}

/// A set of permissions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Role {
    /// Identifies it.
    pub name: String,
    /// Of the form `resource:action`.
    pub permissions: Vec<String>,
    /// Whether it cannot be deleted.
    pub built_in: bool,
    /// When it was created.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// Grows by one with every change; the ETag of the role.
    pub version: u64,
    /// See [`Others`].
    #[serde(flatten)]
    pub others: Others,
}

/// Something that may be allowed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Permission {
    /// `resource:action`.
    pub name: String,
    /// What it allows.
    pub description: String,
}

/// What a program shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiKey {
    /// Identifies it; not the key itself.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// The user or key that made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: String,
    /// When it ends; never, if none.
    pub expires_at: Option<String>,
    /// When it was last shown.
    pub last_used_at: Option<String>,
    /// The key itself, told once: when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// See [`Others`].
    #[serde(flatten)]
    pub others: Others,
}

/// An API key to be made.
#[derive(Debug, Clone, Serialize)]
pub struct CreateApiKey {
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// When it ends, RFC 3339; never, if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A device on which a user is signed in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// UUIDv7.
    pub id: String,
    /// How the device calls itself.
    pub device: Option<String>,
    /// Where it signed in from.
    pub address: Option<String>,
    /// When it signed in.
    pub created_at: String,
    /// When it was last refreshed.
    pub last_used_at: String,
    /// When it ends, unless it is refreshed.
    pub expires_at: String,
    /// Whether it is the one that asks.
    pub current: bool,
    /// See [`Others`].
    #[serde(flatten)]
    pub others: Others,
}

/// What a sign-in gives.
#[derive(Clone, Deserialize)]
pub struct SignedIn {
    /// Is shown to the service.
    pub access_token: String,
    /// How long it is good, in seconds.
    pub expires_in: u64,
    /// Gets the next pair; good once.
    pub refresh_token: String,
    /// The new session.
    pub session: Session,
    /// Who signed in.
    pub user: User,
}

/// The question for a second factor.
#[derive(Clone, Deserialize)]
pub struct SecondFactorRequired {
    /// Is sent with the code, and good for nothing else.
    pub token: String,
    /// `totp`, `recovery_code`.
    pub methods: Vec<String>,
    /// How long there is to answer, in seconds.
    pub expires_in: u64,
}

/// Somebody who is asked to register.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invitation {
    /// UUIDv7.
    pub id: String,
    /// Where it was mailed to.
    pub email: String,
    /// What the new user will be.
    pub roles: Vec<String>,
    /// The user or key that invited them.
    pub invited_by: String,
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    pub expires_at: String,
    /// See [`Others`].
    #[serde(flatten)]
    pub others: Others,
}

/// Something that happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditEvent {
    /// UUIDv7; later events have later ids.
    pub id: String,
    /// Its place in the chain; none for a moment after it happened.
    pub position: Option<u64>,
    /// What happened, such as `user.created`.
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// What it happened to.
    pub subject: Option<String>,
    /// When it happened.
    pub at: String,
    /// The request in which it happened.
    pub request_id: String,
    /// The hash of the event before.
    pub previous_hash: Option<String>,
    /// SHA-256 of all of the above, in hexadecimal.
    pub hash: Option<String>,
    /// See [`Others`].
    #[serde(flatten)]
    pub others: Others,
}

/// Which events are meant; what is none is any.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Exactly this kind.
    pub kind: Option<String>,
    /// Exactly this actor.
    pub actor: Option<String>,
    /// Exactly this subject.
    pub subject: Option<String>,
    /// Not before this moment, RFC 3339.
    pub since: Option<String>,
    /// Before this moment, RFC 3339.
    pub until: Option<String>,
}

/// How far the chain over the events holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditVerification {
    /// Whether everything that was looked at holds.
    pub intact: bool,
    /// The last position that holds.
    pub position: u64,
    /// Its hash.
    pub hash: String,
    /// Where the chain ends.
    pub end: u64,
    /// Where to go on; none when there is nothing more.
    pub next_after: Option<u64>,
    /// Where the chain does not hold, if anywhere.
    pub first_bad: Option<AuditBreak>,
}

/// Where the chain does not hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditBreak {
    /// From 1 on.
    pub position: u64,
    /// `missing`, `altered`, `unlinked` or `beyond_end`.
    pub problem: String,
}

/// Whether the service can do its work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Readiness {
    /// `ok` or `failed`.
    pub status: String,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One thing that must be so.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Check {
    /// `settings`, `database` or `migrations`.
    pub name: String,
    /// `ok` or `failed`.
    pub status: String,
    /// What is wrong, for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}
