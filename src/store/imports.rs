//! Many users at a time: one statement for all rows of a kind, which come as one
//! array of objects in JSON. So the calls to the host that a change costs do not grow
//! with its rows, and no statement is planned twice.
//!
//! `json_each` is SQLite's word; `postgres_commit` puts that of Postgres in its place.

use serde::Serialize;
use serde_json::json;

use super::database::{Statement, Touch, Value};
use super::one_time_tokens;
use super::users::entry_columns;
use crate::domain::email::Email;
use crate::domain::event::Event;
use crate::domain::external_id::ExternalId;
use crate::domain::id::UserId;
use crate::domain::metadata::Metadata;
use crate::domain::role::RoleName;
use crate::domain::time::Timestamp;
use crate::domain::user::{Profile, User};

/// Users who have one of these addresses or external ids.
pub fn matching<'a>(
    keys: impl Iterator<Item = (Option<&'a Email>, Option<&'a ExternalId>)>,
) -> Statement {
    // Without the words CROSS JOIN, SQLite might begin with the users.
    let sql = concat!(
        "SELECT ",
        entry_columns!(),
        " FROM users u WHERE u.id IN (\
         SELECT e.id FROM json_each($1) k CROSS JOIN users e \
         WHERE e.email_normalized = k.value ->> 'email' \
         UNION SELECT x.id FROM json_each($1) k CROSS JOIN users x \
         WHERE x.external_id = k.value ->> 'external_id')"
    );
    let key = |(email, id): (Option<&Email>, Option<&ExternalId>)| json!({"email": email.map(Email::normalized), "external_id": id.map(ExternalId::as_str)});
    Statement::new(sql, vec![rows(keys.map(key))])
}

/// A user to be inserted.
pub struct NewUser<'a> {
    /// Its id.
    pub id: UserId,
    /// Its profile.
    pub profile: &'a Profile,
    /// Its password as a PHC string, if it can sign in with one.
    pub password_hash: Option<&'a str>,
    /// When its address was proven, if it was.
    pub email_verified_at: Option<Timestamp>,
    /// Since when it may not sign in.
    pub suspended_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct NewRow<'a> {
    id: String,
    #[serde(flatten)]
    profile: ProfileRow<'a>,
    email_verified_at: Option<i64>,
    suspended_at: Option<i64>,
    password_hash: Option<&'a str>,
}

/// Inserts users at version 1.
pub fn insert(users: &[NewUser<'_>], at: Timestamp) -> Statement {
    let sql = "INSERT INTO users (id, email, email_normalized, name, name_normalized, \
               external_id, metadata, private_metadata, own_metadata, email_verified_at, \
               suspended_at, password_hash, created_at, updated_at, version) \
               SELECT value ->> 'id', value ->> 'email', value ->> 'email_normalized', \
               value ->> 'name', value ->> 'name_normalized', value ->> 'external_id', \
               value ->> 'metadata', value ->> 'private_metadata', value ->> 'own_metadata', \
               CAST(value ->> 'email_verified_at' AS BIGINT), \
               CAST(value ->> 'suspended_at' AS BIGINT), value ->> 'password_hash', \
               CAST($1 AS BIGINT), CAST($1 AS BIGINT), 1 FROM json_each($2)";
    let users = users.iter().map(|user| NewRow {
        id: user.id.to_string(),
        profile: ProfileRow::of(user.profile),
        email_verified_at: user.email_verified_at.map(Timestamp::micros),
        suspended_at: user.suspended_at.map(Timestamp::micros),
        password_hash: user.password_hash,
    });
    Statement::new(sql, vec![at.into(), rows(users)])
}

/// A user to be changed, at the version that was read.
pub struct ChangedUser<'a> {
    /// As it was.
    pub user: &'a User,
    /// Its new profile, with all three kinds of metadata.
    pub profile: &'a Profile,
    /// When its new address was proven, if it was.
    pub email_verified_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct ChangedRow<'a> {
    id: String,
    version: i64,
    #[serde(flatten)]
    profile: ProfileRow<'a>,
    email_verified_at: Option<i64>,
}

/// Writes profiles over those at the versions that were read.
pub fn update(users: &[ChangedUser<'_>], at: Timestamp) -> Statement {
    let sql = "UPDATE users SET email = r.value ->> 'email', \
               email_normalized = r.value ->> 'email_normalized', name = r.value ->> 'name', \
               name_normalized = r.value ->> 'name_normalized', \
               external_id = r.value ->> 'external_id', metadata = r.value ->> 'metadata', \
               private_metadata = r.value ->> 'private_metadata', \
               own_metadata = r.value ->> 'own_metadata', \
               email_verified_at = CAST(r.value ->> 'email_verified_at' AS BIGINT), \
               updated_at = $1, version = version + 1 FROM json_each($2) r \
               WHERE users.id = r.value ->> 'id' \
               AND users.version = CAST(r.value ->> 'version' AS BIGINT) RETURNING users.id";
    let changed = users.iter().map(|changed| ChangedRow {
        id: changed.user.id.to_string(),
        version: changed.user.version,
        profile: ProfileRow::of(changed.profile),
        email_verified_at: changed.email_verified_at.map(Timestamp::micros),
    });
    let statement = Statement::new(sql, vec![at.into(), rows(changed)]).expecting(users.len());
    let ids = users.iter().map(|changed| changed.user.id);
    ids.fold(statement, |statement, id| statement.touching(Touch::User(id)))
}

/// Ends every one-time token of users.
pub fn end_tokens(users: &[UserId]) -> [Statement; 2] {
    one_time_tokens::TABLES.map(|table| {
        let sql = format!(
            "DELETE FROM {table} WHERE user_id IN (SELECT value ->> 'id' FROM json_each($1))"
        );
        Statement::new(sql, vec![rows(users.iter().map(|id| json!({"id": id.to_string()})))])
    })
}

/// Takes all roles from users.
pub fn revoke_all(users: &[UserId]) -> Statement {
    let sql = "DELETE FROM user_roles WHERE user_id IN \
               (SELECT value ->> 'id' FROM json_each($1))";
    Statement::new(sql, vec![rows(users.iter().map(|id| json!({"id": id.to_string()})))])
}

/// Gives users roles. A foreign key undoes the commit if one does not exist.
pub fn grant<'a>(grants: impl Iterator<Item = (UserId, &'a RoleName)>) -> Statement {
    let sql = "INSERT INTO user_roles (user_id, role) \
               SELECT value ->> 'id', value ->> 'role' FROM json_each($1)";
    let grants = grants.map(|(id, role)| json!({"id": id.to_string(), "role": role.as_str()}));
    Statement::new(sql, vec![rows(grants)])
}

#[derive(Serialize)]
struct EventRow<'a> {
    id: String,
    kind: &'static str,
    actor: String,
    subject: Option<String>,
    at: i64,
    request_id: &'a str,
}

/// Adds events. Stands in the commit of what they tell of.
pub fn append(events: &[Event]) -> Statement {
    let sql = "INSERT INTO events (id, kind, actor, subject, at, request_id) \
               SELECT value ->> 'id', value ->> 'kind', value ->> 'actor', \
               value ->> 'subject', CAST(value ->> 'at' AS BIGINT), value ->> 'request_id' \
               FROM json_each($1)";
    let events = events.iter().map(|event| EventRow {
        id: event.id.to_string(),
        kind: event.kind.as_str(),
        actor: event.actor.to_string(),
        subject: event.subject.as_ref().map(ToString::to_string),
        at: event.at.micros(),
        request_id: &event.request_id,
    });
    Statement::new(sql, vec![rows(events)])
}

/// What a profile is in the table.
#[derive(Serialize)]
struct ProfileRow<'a> {
    email: &'a str,
    email_normalized: &'a str,
    name: &'a str,
    name_normalized: String,
    external_id: Option<&'a str>,
    metadata: &'a str,
    private_metadata: Option<&'a str>,
    own_metadata: Option<&'a str>,
}

impl<'a> ProfileRow<'a> {
    fn of(profile: &'a Profile) -> Self {
        fn unless_empty(metadata: &Metadata) -> Option<&str> {
            (!metadata.is_empty()).then(|| metadata.as_json())
        }
        Self {
            email: profile.email.as_str(),
            email_normalized: profile.email.normalized(),
            name: profile.name.as_str(),
            name_normalized: profile.name.normalized(),
            external_id: profile.external_id.as_ref().map(ExternalId::as_str),
            metadata: profile.metadata.as_json(),
            private_metadata: unless_empty(&profile.private_metadata),
            own_metadata: profile.own_metadata.as_ref().and_then(unless_empty),
        }
    }
}

/// The rows as one parameter. What could fail are keys that are no texts; ours are.
fn rows(rows: impl Iterator<Item = impl Serialize>) -> Value {
    let rows: Vec<_> = rows.collect();
    Value::Text(serde_json::to_string(&rows).unwrap_or_default())
}
