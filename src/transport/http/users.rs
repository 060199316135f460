//! `/api/v1/users`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa::ToSchema;

use super::extract::{
    Cx, FromFields, IfMatch, Json, MERGE_PATCH, Query, RequiredIfMatch, UserPath,
};
use super::finding::Asked;
use super::idempotency::answer;
use super::json::Fields;
use super::json_patch::{Change, JsonPatch, JsonPatchBody};
use super::problem::Problem;
use super::view::{self, UserListView, UserView};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::external_id::ExternalId;
use crate::domain::metadata::Metadata;
use crate::domain::name::Name;
use crate::domain::password::Password;
use crate::domain::password_hash::PasswordHash;
use crate::domain::role::{MAX_ROLES, RoleName};
use crate::domain::user::{DirectoryEntry, Profile, ProfilePatch};
use crate::error::{Error, Invalid};
use crate::service::batches::Operation;
use crate::service::users::{self, FirstPassword};
use crate::service::{finding, suspension};

/// A user to be created.
#[derive(ToSchema)]
#[schema(as = CreateUser)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct CreateUserBody {
    /// The address to sign in with.
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace")]
    name: String,
    /// The application's own key for the user; unique.
    #[schema(required = false, min_length = 1, max_length = 255, example = "crm-42")]
    external_id: Option<String>,
    /// Without one, the user cannot sign in with a password yet. Not a common password,
    /// and not made of name and address.
    #[schema(format = Password, nullable = false, min_length = 8, max_length = 256,
        example = "correct horse battery staple")]
    password: Option<String>,
    /// Instead of a password: its hash by another service, in a form of Argon2, bcrypt,
    /// scrypt or PBKDF2. It is replaced when the user signs in.
    #[schema(nullable = false, write_only, max_length = 512)]
    password_hash: Option<String>,
    /// What the application keeps about the user, for the user to see. At most 16 KiB and
    /// 16 levels, as each of the three.
    #[schema(value_type = Object, required = false, example = json!({"locale": "en"}))]
    metadata: serde_json::Value,
    /// The same, and the user does not see it.
    #[schema(value_type = Object, required = false, example = json!({"segment": "b"}))]
    private_metadata: serde_json::Value,
    /// What the user keeps, and writes by `PATCH /api/v1/me`.
    #[schema(value_type = Object, required = false, example = json!({"theme": "dark"}))]
    own_metadata: serde_json::Value,
    /// `["user"]` unless given. Others need `roles:write` and every permission of theirs.
    #[schema(nullable = false, max_items = 20, example = json!(["user"]))]
    roles: Option<Vec<String>>,
}

/// A whole profile. What is left out is removed or emptied, but `own_metadata`, which
/// is the user's, stays as it is.
#[derive(ToSchema)]
#[schema(as = ReplaceUser)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct ReplaceUserBody {
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace")]
    name: String,
    /// The application's own key for the user; unique.
    #[schema(required = false, min_length = 1, max_length = 255, example = "crm-42")]
    external_id: Option<String>,
    /// Empty when it is left out.
    #[schema(value_type = Object, required = false, example = json!({"locale": "en"}))]
    metadata: serde_json::Value,
    /// Empty when it is left out.
    #[schema(value_type = Object, required = false, example = json!({"segment": "b"}))]
    private_metadata: serde_json::Value,
    /// Stays as it is when it is left out.
    #[schema(value_type = Object, required = false, example = json!({"theme": "dark"}))]
    own_metadata: serde_json::Value,
}

/// A JSON Merge Patch (RFC 7396) of a user.
#[derive(ToSchema)]
#[schema(as = PatchUser)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct PatchUserBody {
    #[schema(format = Email, nullable = false, max_length = 254, example = "ada@example.com")]
    email: Option<String>,
    #[schema(nullable = false, min_length = 1, max_length = 200, example = "Ada King")]
    name: Option<String>,
    /// Removed by null.
    #[schema(min_length = 1, max_length = 255, example = "crm-42")]
    external_id: Option<String>,
    /// Merged into the metadata; a member that is null is removed.
    #[schema(value_type = Object, required = false, example = json!({"locale": null}))]
    metadata: serde_json::Value,
    /// The same.
    #[schema(value_type = Object, required = false, example = json!({"segment": null}))]
    private_metadata: serde_json::Value,
    /// The same.
    #[schema(value_type = Object, required = false, example = json!({"theme": null}))]
    own_metadata: serde_json::Value,
}

/// A user to be created, valid.
pub struct CreateUser {
    profile: Profile,
    password: FirstPassword,
    roles: BTreeSet<RoleName>,
}

impl CreateUser {
    /// The same as one of many operations.
    pub(super) fn into_operation(self) -> Operation {
        let Self { profile, password, roles } = self;
        Operation::Create { profile, password, roles }
    }
}

impl FromFields for CreateUser {
    fn from_fields(mut fields: Fields, app: &App) -> Result<Self, Error> {
        let profile = profile(&mut fields);
        let password = first_password(&mut fields, app);
        let roles = fields.optional_list("roles", MAX_ROLES, RoleName::parse);
        let roles = roles.unwrap_or_else(|| [RoleName::USER].into());
        fields.finish(|| Some(Self { profile: profile?, password, roles }))
    }
}

pub(super) fn first_password(fields: &mut Fields, app: &App) -> FirstPassword {
    let min = app.config.password_min_length;
    let password = fields.optional("password", |text| Password::chosen(text, min));
    let hash = fields.optional("password_hash", PasswordHash::parse);
    match (password, hash) {
        (Some(_), Some(_)) => {
            let reason = Invalid::new("not_with_password", "must not stand beside a password");
            fields.refuse("password_hash", reason);
            FirstPassword::None
        }
        (Some(password), None) => FirstPassword::Chosen(password),
        (None, Some(hash)) => FirstPassword::Hashed(hash),
        (None, None) => FirstPassword::None,
    }
}

impl FromFields for Profile {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let profile = profile(&mut fields);
        fields.finish(|| profile)
    }
}

fn profile(fields: &mut Fields) -> Option<Profile> {
    let email = fields.required("email", Email::parse);
    let name = fields.required("name", Name::parse);
    let external_id = fields.nullable("external_id", ExternalId::parse).flatten();
    let metadata = fields.value("metadata", Metadata::parse).unwrap_or_default();
    let private_metadata = fields.value("private_metadata", Metadata::parse).unwrap_or_default();
    let own_metadata = fields.value("own_metadata", Metadata::parse);
    Some(Profile {
        email: email?,
        name: name?,
        external_id,
        metadata,
        private_metadata,
        own_metadata,
    })
}

impl FromFields for ProfilePatch {
    const MEDIA_TYPES: &[&str] = MERGE_PATCH;

    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let email = fields.optional("email", Email::parse);
        let name = fields.optional("name", Name::parse);
        let external_id = fields.nullable("external_id", ExternalId::parse);
        let metadata = fields.object("metadata");
        let private_metadata = fields.object("private_metadata");
        let own_metadata = fields.object("own_metadata");
        fields.finish(|| {
            Some(Self { email, name, external_id, metadata, private_metadata, own_metadata })
        })
    }
}

/// Creates a user. Needs `users:write`.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", operation_id = "create_user",
    request_body = CreateUserBody,
    responses((status = 201, description = "Created.", body = UserView),
        (status = 409, description = "`email_taken` or `external_id_taken`: another user has it; \
            `busy`: you are changed at the same time."),
        (status = 429, description = "Too many passwords to hash.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    Json(body): Json<CreateUser>,
) -> Result<Response, Problem> {
    let CreateUser { profile, password, roles } = body;
    let created = users::create(&app, &cx, profile, password, roles);
    answer(&cx, view::created_entry, created).await
}

/// Lists users, in the order in which they were created unless `sort` or what `filter`
/// is about says otherwise. Needs `users:read`.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", operation_id = "list_users",
    params(("email" = Option<String>, Query, nullable = false, max_length = 254,
            description = "With this address.", example = "ada@example.com"),
        ("external_id" = Option<String>, Query, nullable = false, max_length = 255,
            description = "With this external id.", example = "crm-42"),
        ("filter" = Option<String>, Query, nullable = false, max_length = 2048,
            description = "Of whom this holds: comparisons of `id`, `email`, `name`, \
                `external_id`, `created_at`, `updated_at`, `email_verified_at`, \
                `suspended_at`, `role` by `eq`, `ne`, `sw`, `ew`, `co`, `gt`, `ge`, `lt`, \
                `le`, `pr`, joined by `and`, `or`, `not`, in parentheses, as in SCIM \
                (RFC 7644, 3.4.2.2).",
            example = "name sw \"ada\" and not (suspended_at pr)"),
        ("sort" = Option<String>, Query, nullable = false,
            description = "`id`, `created_at`, `updated_at`, `email`, `name`, `external_id` or \
                `suspended_at`; with a minus before it for the reverse order.",
            example = "-created_at"),
        ("fields" = Option<String>, Query, nullable = false,
            description = "Only these members of each user, by names between commas.",
            example = "id,email"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, nullable = false,
            description = "At most so many; 20 unless given."),
        ("cursor" = Option<String>, Query, nullable = false,
            description = "A `next_cursor` of this list with the same parameters.")),
    responses((status = 200, description = "A page. It may have fewer users than it could, and \
        a `next_cursor` all the same.", body = UserListView)))]
pub async fn list(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    query: Query,
) -> Result<Response, Problem> {
    let Asked { query, path, page, members } = Asked::read(query, &app)?;
    let users = finding::list(&app, &cx, &query, &page).await?;
    Ok(view::list(&users, &path, page.limit, &app.config.secret_key, |user| members.of(user)))
}

/// Gives one user. Needs `users:read`.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "users", operation_id = "get_user",
    params(("id" = String, Path, format = "uuid", description = "The user.")),
    responses((status = 200, description = "The user.", body = UserView)))]
pub async fn get(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    UserPath(id): UserPath,
) -> Result<Response, Problem> {
    Ok(view::entry(StatusCode::OK, &users::get(&app, &cx, id).await?))
}

/// Replaces the profile of the version that `If-Match` names. Needs `users:write`.
#[utoipa::path(put, path = "/api/v1/users/{id}", tag = "users", operation_id = "replace_user",
    params(("id" = String, Path, format = "uuid", description = "The user."),
        ("If-Match" = String, Header, description = "The ETag of the user.", example = "\"1\"")),
    request_body = ReplaceUserBody,
    responses((status = 200, description = "The new user.", body = UserView),
        (status = 409, description = "`email_taken` or `external_id_taken`: another user has it."),
        (status = 428, description = "`If-Match` is missing.")))]
pub async fn replace(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    UserPath(id): UserPath,
    RequiredIfMatch(precondition): RequiredIfMatch,
    Json(profile): Json<Profile>,
) -> Result<Response, Problem> {
    let user = users::replace(&app, &cx, id, &precondition, profile).await?;
    Ok(view::entry(StatusCode::OK, &user))
}

/// Changes some fields. Needs `users:write`.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", operation_id = "patch_user",
    params(("id" = String, Path, format = "uuid", description = "The user."),
        ("If-Match" = Option<String>, Header, nullable = false,
            description = "The ETag of the user.", example = "\"1\"")),
    request_body(content((PatchUserBody = "application/merge-patch+json"),
        (PatchUserBody = "application/json"), (JsonPatchBody = "application/json-patch+json"))),
    responses((status = 200, description = "The new user.", body = UserView),
        (status = 409, description = "`email_taken` or `external_id_taken`: another user has it; \
            `busy`: others change the user at the same time; `patch_test_failed` or `patch_conflict`: a JSON Patch does not fit what is there.")))]
pub async fn patch(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    UserPath(id): UserPath,
    IfMatch(precondition): IfMatch,
    change: Change<ProfilePatch>,
) -> Result<Response, Problem> {
    let user = match change {
        Change::Merge(patch) => users::patch(&app, &cx, id, &precondition, patch).await?,
        Change::Operations(patch) => {
            let edit = |entry: &_| edited(&app, &patch, entry);
            users::edit(&app, &cx, id, &precondition, edit).await?
        }
    };
    Ok(view::entry(StatusCode::OK, &user))
}

/// The profile after operations on what may be written of it.
fn edited(app: &App, patch: &JsonPatch, entry: &DirectoryEntry) -> Result<Profile, Error> {
    let user = &entry.user;
    let writable = json!({
        "email": user.email.as_str(),
        "name": user.name.as_str(),
        "external_id": user.external_id.as_ref().map(ExternalId::as_str),
        "metadata": user.metadata.members(),
        "private_metadata": entry.private_metadata.members(),
        "own_metadata": user.own_metadata.members(),
    });
    let profile = Profile::from_fields(Fields::of(patch.apply(writable)?)?, app)?;
    let own_metadata = Some(profile.own_metadata.unwrap_or_default());
    Ok(Profile { own_metadata, ..profile })
}

/// Deletes a user and ends their sessions. Needs `users:write`.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "users", operation_id = "delete_user",
    params(("id" = String, Path, format = "uuid", description = "The user."),
        ("If-Match" = Option<String>, Header, nullable = false,
            description = "The ETag of the user.", example = "\"1\"")),
    responses((status = 204, description = "Deleted."),
        (status = 409, description = "`last_admin`: nobody else could administer.")))]
pub async fn delete(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    UserPath(id): UserPath,
    IfMatch(precondition): IfMatch,
) -> Result<Response, Problem> {
    users::delete(&app, &cx, id, &precondition).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends all sessions of a user and lets them begin no more. Needs `users:write`
/// and every permission that the user holds.
#[utoipa::path(post, path = "/api/v1/users/{id}/suspend", tag = "users",
    operation_id = "suspend_user",
    params(("id" = String, Path, format = "uuid", description = "The user."),
        ("If-Match" = Option<String>, Header, nullable = false,
            description = "The ETag of the user.", example = "\"1\"")),
    responses((status = 200, description = "The user, suspended.", body = UserView),
        (status = 409, description = "`last_admin`: nobody else could administer.")))]
pub async fn suspend(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    UserPath(id): UserPath,
    IfMatch(precondition): IfMatch,
) -> Result<Response, Problem> {
    answer(&cx, view::changed_entry, suspension::suspend(&app, &cx, id, &precondition)).await
}

/// Lets a user sign in again. Needs `users:write` and every permission that the
/// user holds.
#[utoipa::path(post, path = "/api/v1/users/{id}/unsuspend", tag = "users",
    operation_id = "unsuspend_user",
    params(("id" = String, Path, format = "uuid", description = "The user."),
        ("If-Match" = Option<String>, Header, nullable = false,
            description = "The ETag of the user.", example = "\"1\"")),
    responses((status = 200, description = "The user, no longer suspended.", body = UserView)))]
pub async fn unsuspend(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    UserPath(id): UserPath,
    IfMatch(precondition): IfMatch,
) -> Result<Response, Problem> {
    answer(&cx, view::changed_entry, suspension::unsuspend(&app, &cx, id, &precondition)).await
}
