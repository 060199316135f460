//! Users.

use super::database::{Columns, DatabaseError, Row, Statement, Touch, Value};
use crate::domain::email::Email;
use crate::domain::external_id::ExternalId;
use crate::domain::id::UserId;
use crate::domain::metadata::Metadata;
use crate::domain::name::Name;
use crate::domain::role::{Permissions, RoleName};
use crate::domain::time::Timestamp;
use crate::domain::user::{DirectoryEntry, Profile, User};

/// What is unique about a user besides the id.
pub const EMAIL_KEY: &str = "users_email_normalized_key";
/// The same, of those that have one.
pub const EXTERNAL_ID_KEY: &str = "users_external_id_key";

/// The columns of a user `u`, in the order in which [`from_columns`] reads them.
/// A macro, so that statements can be put together at compile time.
macro_rules! user_columns {
    () => {
        concat!(
            "u.id, u.email, u.email_verified_at, u.name, u.external_id, u.metadata, \
             u.own_metadata, u.created_at, u.updated_at, u.suspended_at, u.version, \
             (SELECT string_agg(ur.role, ' ') FROM user_roles ur WHERE ur.user_id = u.id) AS roles, ",
            $crate::store::users::permissions_column!()
        )
    };
}
pub(super) use user_columns;

/// The same and what the user does not see, as [`entry_from_columns`] reads them.
macro_rules! entry_columns {
    () => {
        concat!($crate::store::users::user_columns!(), ", u.private_metadata")
    };
}
pub(super) use entry_columns;

/// What a user `u` may do: the permissions of all their roles, some repeated.
macro_rules! permissions_column {
    () => {
        "(SELECT string_agg(r.permissions, ' ') FROM user_roles ur JOIN roles r ON r.name = ur.role \
         WHERE ur.user_id = u.id) AS permissions"
    };
}
pub(super) use permissions_column;

/// One user.
pub fn by_id(id: UserId) -> Statement {
    let sql = concat!("SELECT ", entry_columns!(), " FROM users u WHERE u.id = $1");
    Statement::new(sql, vec![id.to_string().into()])
}

/// A new user, as inserted.
pub struct NewUser<'a> {
    /// Its id.
    pub id: UserId,
    /// Its profile.
    pub profile: &'a Profile,
    /// Its password as a PHC string, if it can sign in with one.
    pub password_hash: Option<&'a str>,
    /// When its address was proven, if it was.
    pub email_verified_at: Option<Timestamp>,
    /// When it was created.
    pub at: Timestamp,
}

/// Inserts a user at version 1.
pub fn insert(user: &NewUser<'_>) -> Statement {
    let sql = "INSERT INTO users (id, email, email_normalized, email_verified_at, name, \
               name_normalized, external_id, metadata, private_metadata, own_metadata, \
               password_hash, created_at, updated_at, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1)";
    let params = vec![
        user.id.to_string().into(),
        user.profile.email.as_str().into(),
        user.profile.email.normalized().into(),
        user.email_verified_at.into(),
        user.profile.name.as_str().into(),
        user.profile.name.normalized().into(),
        user.profile.external_id.as_ref().map(ExternalId::as_str).into(),
        user.profile.metadata.as_json().into(),
        unless_empty(&user.profile.private_metadata),
        user.profile.own_metadata.as_ref().map_or(Value::Null, unless_empty),
        user.password_hash.into(),
        user.at.into(),
        user.at.into(),
    ];
    Statement::new(sql, params)
}

/// Writes a profile over that of the user as it was read. A new address is unproven.
pub fn update(user: &User, profile: &Profile, at: Timestamp) -> Statement {
    let sql = "UPDATE users SET email = $1, \
               email_verified_at = CASE WHEN email_normalized = $2 THEN email_verified_at END, \
               email_normalized = $2, name = $3, name_normalized = $4, external_id = $5, \
               metadata = $6, private_metadata = $7, own_metadata = $8, updated_at = $9, \
               version = version + 1 WHERE id = $10 AND version = $11 RETURNING id";
    let params = vec![
        profile.email.as_str().into(),
        profile.email.normalized().into(),
        profile.name.as_str().into(),
        profile.name.normalized().into(),
        profile.external_id.as_ref().map(ExternalId::as_str).into(),
        profile.metadata.as_json().into(),
        unless_empty(&profile.private_metadata),
        unless_empty(profile.own_metadata.as_ref().unwrap_or(&user.own_metadata)),
        at.into(),
        user.id.to_string().into(),
        user.version.into(),
    ];
    Statement::new(sql, params).touching(Touch::User(user.id)).expecting(1)
}

/// Writes what everybody may change about themselves over that of the user at
/// `version`.
pub fn update_own(
    id: UserId,
    version: i64,
    name: &Name,
    own_metadata: &Metadata,
    at: Timestamp,
) -> Statement {
    let sql = "UPDATE users SET name = $1, name_normalized = $2, own_metadata = $3, \
               updated_at = $4, version = version + 1 \
               WHERE id = $5 AND version = $6 RETURNING id";
    let params = vec![
        name.as_str().into(),
        name.normalized().into(),
        unless_empty(own_metadata),
        at.into(),
        id.to_string().into(),
        version.into(),
    ];
    Statement::new(sql, params).touching(Touch::User(id)).expecting(1)
}

/// An empty object is kept as NULL, which costs nothing to read.
fn unless_empty(metadata: &Metadata) -> Value {
    if metadata.is_empty() { Value::Null } else { metadata.as_json().into() }
}

/// Undoes the commit unless the user still has this password hash and may sign in.
pub fn require_password(id: UserId, hash: &str) -> Statement {
    let sql = "SELECT id FROM users \
               WHERE id = $1 AND password_hash = $2 AND suspended_at IS NULL";
    Statement::new(sql, vec![id.to_string().into(), hash.into()]).holding().expecting(1)
}

/// Undoes the commit unless the user has no password, and may sign in.
pub fn require_no_password(id: UserId) -> Statement {
    let sql = "SELECT id FROM users \
               WHERE id = $1 AND password_hash IS NULL AND suspended_at IS NULL";
    Statement::new(sql, vec![id.to_string().into()]).holding().expecting(1)
}

/// Undoes the commit unless the user may sign in.
pub fn require_active(id: UserId) -> Statement {
    let sql = "SELECT id FROM users WHERE id = $1 AND suspended_at IS NULL";
    Statement::new(sql, vec![id.to_string().into()]).holding().expecting(1)
}

/// Changes nothing of a user, and lets no commit pass that holds it: one that began a
/// session has ended, and one that is to begin it sees what is changed behind this.
pub fn meet(id: UserId) -> Statement {
    let sql = "UPDATE users SET version = version WHERE id = $1 RETURNING id";
    Statement::new(sql, vec![id.to_string().into()]).expecting(1)
}

/// Counts a change of what belongs to the user at `version`, such as its roles.
pub fn touch(id: UserId, version: i64, at: Timestamp) -> Statement {
    let sql = "UPDATE users SET updated_at = $1, version = version + 1 \
               WHERE id = $2 AND version = $3 RETURNING id";
    Statement::new(sql, vec![at.into(), id.to_string().into(), version.into()])
        .touching(Touch::User(id))
        .expecting(1)
}

/// Writes since when the user at `version` may not sign in; `None`: it may.
pub fn set_suspended(
    id: UserId,
    version: i64,
    suspended_at: Option<Timestamp>,
    at: Timestamp,
) -> Statement {
    let sql = "UPDATE users SET suspended_at = $1, updated_at = $2, version = version + 1 \
               WHERE id = $3 AND version = $4 RETURNING id";
    let params = vec![suspended_at.into(), at.into(), id.to_string().into(), version.into()];
    Statement::new(sql, params).touching(Touch::User(id)).expecting(1)
}

/// Marks a user's address as proven, if it still is the user's.
pub fn verify_email(id: UserId, normalized: &str, at: Timestamp) -> Statement {
    let sql = "UPDATE users SET email_verified_at = $1, updated_at = $1, version = version + 1 \
               WHERE id = $2 AND email_normalized = $3 RETURNING id";
    let params = vec![at.into(), id.to_string().into(), normalized.into()];
    Statement::new(sql, params).touching(Touch::User(id)).expecting(1)
}

/// Sets a password for whoever proved the user's address just now, and may sign in.
pub fn reset_password(id: UserId, normalized: &str, hash: &str, at: Timestamp) -> Statement {
    let sql = "UPDATE users SET password_hash = $1, \
               email_verified_at = COALESCE(email_verified_at, $2), updated_at = $2, \
               version = version + 1 WHERE id = $3 AND email_normalized = $4 \
               AND suspended_at IS NULL RETURNING id";
    let params = vec![hash.into(), at.into(), id.to_string().into(), normalized.into()];
    Statement::new(sql, params).touching(Touch::User(id)).expecting(1)
}

/// Gives a user who may sign in another address, which was just proven.
pub fn change_email(id: UserId, email: &Email, at: Timestamp) -> Statement {
    let sql = "UPDATE users SET email = $1, email_normalized = $2, email_verified_at = $3, \
               updated_at = $3, version = version + 1 \
               WHERE id = $4 AND suspended_at IS NULL RETURNING id";
    let params =
        vec![email.as_str().into(), email.normalized().into(), at.into(), id.to_string().into()];
    Statement::new(sql, params).touching(Touch::User(id)).expecting(1)
}

/// Keeps the same password by another hash; nothing where it is another one by now.
pub fn renew_password_hash(id: UserId, old: &str, new: &str) -> Statement {
    let sql = "UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3";
    Statement::new(sql, vec![new.into(), id.to_string().into(), old.into()])
}

/// Writes a password over the one whose hash is `old`, of the user at this version if one
/// is named.
pub fn change_password(
    id: UserId,
    version: Option<i64>,
    (old, new): (&str, &str),
    at: Timestamp,
) -> Statement {
    let sql = "UPDATE users SET password_hash = $1, updated_at = $2, version = version + 1 \
               WHERE id = $3 AND password_hash = $4 AND version = COALESCE($5, version) \
               RETURNING id";
    let params = vec![new.into(), at.into(), id.to_string().into(), old.into(), version.into()];
    Statement::new(sql, params).touching(Touch::User(id)).expecting(1)
}

/// Deletes the user at `version`, and with it what belongs to it.
pub fn delete(id: UserId, version: i64) -> Statement {
    let sql = "DELETE FROM users WHERE id = $1 AND version = $2 RETURNING id";
    Statement::new(sql, vec![id.to_string().into(), version.into()])
        .touching(Touch::User(id))
        .expecting(1)
}

/// Reads a row of [`by_id`].
pub fn entry_from_row(row: Row) -> Result<DirectoryEntry, DatabaseError> {
    entry_from_columns(&mut row.read())
}

/// Reads the columns of [`entry_columns`].
pub fn entry_from_columns(columns: &mut Columns) -> Result<DirectoryEntry, DatabaseError> {
    let user = from_columns(columns)?;
    Ok(DirectoryEntry { user, private_metadata: metadata(columns)? })
}

/// Reads the columns of [`user_columns`].
pub fn from_columns(columns: &mut Columns) -> Result<User, DatabaseError> {
    Ok(User {
        id: columns.parsed(|text| UserId::parse(text).ok())?,
        email: Email::from_stored(columns.text()?),
        email_verified_at: columns.optional_integer()?.map(Timestamp::from_micros),
        name: Name::from_stored(columns.text()?),
        external_id: columns.optional_text()?.map(ExternalId::from_stored),
        metadata: columns.taken(Metadata::from_stored)?,
        own_metadata: metadata(columns)?,
        created_at: Timestamp::from_micros(columns.integer()?),
        updated_at: Timestamp::from_micros(columns.integer()?),
        suspended_at: columns.optional_integer()?.map(Timestamp::from_micros),
        version: columns.integer()?,
        roles: {
            let stored = columns.optional_text()?.unwrap_or_default();
            let mut roles = RoleName::list_from_stored(&stored);
            roles.sort();
            roles
        },
        permissions: Permissions::from_stored(&columns.optional_text()?.unwrap_or_default()),
    })
}

/// Reads an object that [`unless_empty`] wrote.
fn metadata(columns: &mut Columns) -> Result<Metadata, DatabaseError> {
    Ok(columns.optional_taken(Metadata::from_stored)?.unwrap_or_default())
}

/// The greatest id, if there is anybody.
pub fn last() -> Statement {
    Statement::new("SELECT u.id FROM users u ORDER BY u.id DESC LIMIT 1", Vec::new())
}

/// Reads a row of [`last`].
pub fn id_from_row(row: Row) -> Result<UserId, DatabaseError> {
    row.read().parsed(|text| UserId::parse(text).ok())
}

/// Whether there is anybody at all.
pub fn any() -> Statement {
    Statement::new("SELECT id FROM users LIMIT 1", Vec::<Value>::new())
}
