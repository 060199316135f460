//! `rollcall.v1.UserService`.

use std::collections::BTreeSet;
use std::sync::Arc;

use prost_types::{FieldMask, Struct};
use serde_json::{Map, Value};
use tonic::{Request, Response, Status, Streaming};

use super::call::{Answers, Call};
use super::fields::{self, Fields, precondition, user_id};
use super::pb::user_service_server::UserService;
use super::{batches, changes, exports, finding, imports, pb, structs, view};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::external_id::ExternalId;
use crate::domain::metadata::{MergePatch, Metadata};
use crate::domain::name::Name;
use crate::domain::password::Password;
use crate::domain::password_hash::PasswordHash;
use crate::domain::role::{MAX_ROLES, RoleName};
use crate::domain::user::{DirectoryEntry, Profile, ProfilePatch};
use crate::error::{Error, Invalid, Result};
use crate::service::users::{self, FirstPassword};
use crate::service::{self, user_roles};

/// The service.
pub struct Users(pub Arc<App>);

#[tonic::async_trait]
impl UserService for Users {
    type ExportUsersStream = Answers<pb::ExportUsersResponse>;
    type BatchUsersStream = Answers<pb::BatchUsersResponse>;
    type WatchUsersStream = Answers<pb::WatchUsersResponse>;

    async fn create_user(
        &self,
        request: Request<pb::CreateUserRequest>,
    ) -> Result<Response<pb::CreateUserResponse>, Status> {
        let (call, message) = Call::of(request)?;
        let user = Some(view::entry(&create(&call, message.user).await?));
        Ok(Response::new(pb::CreateUserResponse { user }))
    }

    async fn get_user(
        &self,
        request: Request<pb::GetUserRequest>,
    ) -> Result<Response<pb::GetUserResponse>, Status> {
        let (call, message) = Call::of(request)?;
        let user = users::get(&self.0, &call.cx, user_id(&message.id)?).await?;
        Ok(Response::new(pb::GetUserResponse { user: Some(view::entry(&user)) }))
    }

    async fn list_users(
        &self,
        request: Request<pb::ListUsersRequest>,
    ) -> Result<Response<pb::ListUsersResponse>, Status> {
        let (call, message) = Call::of(request)?;
        let (query, path) = finding::asked(&message.filter, &message.order_by)?;
        let page = fields::page(&self.0, &path, message.limit, &message.cursor)?;
        let page = service::finding::list(&self.0, &call.cx, &query, &page).await?;
        let next_cursor = view::next_cursor(&self.0.config.secret_key, &path, &page);
        let items = page.items.iter().map(view::entry).collect();
        Ok(Response::new(pb::ListUsersResponse { items, next_cursor }))
    }

    async fn update_user(
        &self,
        request: Request<pb::UpdateUserRequest>,
    ) -> Result<Response<pb::UpdateUserResponse>, Status> {
        let (call, message) = Call::of(request)?;
        let user = Some(view::entry(&update(&call, message).await?));
        Ok(Response::new(pb::UpdateUserResponse { user }))
    }

    async fn delete_user(
        &self,
        request: Request<pb::DeleteUserRequest>,
    ) -> Result<Response<pb::DeleteUserResponse>, Status> {
        let (call, message) = Call::of(request)?;
        delete(&call, &message).await?;
        Ok(Response::new(pb::DeleteUserResponse {}))
    }

    async fn suspend_user(
        &self,
        request: Request<pb::SuspendUserRequest>,
    ) -> Result<Response<pb::SuspendUserResponse>, Status> {
        let (call, message) = Call::of(request)?;
        let user = Some(view::entry(&suspend(&call, &message).await?));
        Ok(Response::new(pb::SuspendUserResponse { user }))
    }

    async fn unsuspend_user(
        &self,
        request: Request<pb::UnsuspendUserRequest>,
    ) -> Result<Response<pb::UnsuspendUserResponse>, Status> {
        let (call, message) = Call::of(request)?;
        let user = Some(view::entry(&unsuspend(&call, &message).await?));
        Ok(Response::new(pb::UnsuspendUserResponse { user }))
    }

    async fn replace_user_roles(
        &self,
        request: Request<pb::ReplaceUserRolesRequest>,
    ) -> Result<Response<pb::ReplaceUserRolesResponse>, Status> {
        let (call, message) = Call::of(request)?;
        let user = Some(view::entry(&replace_roles(&call, &message).await?));
        Ok(Response::new(pb::ReplaceUserRolesResponse { user }))
    }

    async fn export_users(
        &self,
        request: Request<pb::ExportUsersRequest>,
    ) -> Result<Response<Self::ExportUsersStream>, Status> {
        let (call, message) = Call::of(request)?;
        Ok(Response::new(exports::begin(call, &message).await?))
    }

    async fn import_users(
        &self,
        request: Request<Streaming<pb::ImportUsersRequest>>,
    ) -> Result<Response<pb::ImportUsersResponse>, Status> {
        let (call, messages) = Call::of(request)?;
        Ok(Response::new(imports::run(&call, messages).await?))
    }

    async fn batch_users(
        &self,
        request: Request<Streaming<pb::BatchUsersRequest>>,
    ) -> Result<Response<Self::BatchUsersStream>, Status> {
        let (call, messages) = Call::of(request)?;
        Ok(Response::new(batches::begin(call, messages).await?))
    }

    async fn watch_users(
        &self,
        request: Request<pb::WatchUsersRequest>,
    ) -> Result<Response<Self::WatchUsersStream>, Status> {
        let (call, message) = Call::of(request)?;
        Ok(Response::new(changes::begin(call, &message.resume_token).await?))
    }
}

/// Creates a user.
pub async fn create(call: &Call, user: Option<pb::NewUser>) -> Result<DirectoryEntry> {
    let (profile, password, roles) = new_user(call, user.unwrap_or_default())?;
    let roles = if roles.is_empty() { [RoleName::USER].into() } else { roles };
    users::create(&call.app, &call.cx, profile, password, roles).await
}

/// What a new user is made of.
pub(super) fn new_user(
    call: &Call,
    user: pb::NewUser,
) -> Result<(Profile, FirstPassword, BTreeSet<RoleName>)> {
    let given = Given {
        email: user.email,
        name: user.name,
        external_id: user.external_id,
        metadata: user.metadata,
        private_metadata: user.private_metadata,
        own_metadata: user.own_metadata,
    };
    let mut fields = Fields::default();
    let profile = given.profile(&mut fields);
    let (password, hash) = (user.password.as_deref(), user.password_hash.as_deref());
    let password = first_password(&mut fields, &call.app, password, hash);
    let roles: Option<BTreeSet<_>> =
        fields.list("user.roles", &user.roles, MAX_ROLES, RoleName::parse);
    fields.finish(|| Some((profile?, password, roles?)))
}

/// Changes what the mask names, or replaces all of it.
pub async fn update(call: &Call, message: pb::UpdateUserRequest) -> Result<DirectoryEntry> {
    let user = message.user.unwrap_or_default();
    let id = user_id(&user.id)?;
    let precondition = precondition(message.version);
    // A mask that names nothing is none: AIP-134.
    let mask = message.update_mask.filter(|mask| !mask.paths.is_empty());
    let mask = mask.unwrap_or_else(|| populated(&user));
    if mask.paths == ["*"] {
        message.version.ok_or(Error::PreconditionRequired)?;
        let profile = profile(user)?;
        return users::replace(&call.app, &call.cx, id, &precondition, profile).await;
    }
    users::patch(&call.app, &call.cx, id, &precondition, patch(user, &mask)?).await
}

/// Deletes a user.
pub async fn delete(call: &Call, message: &pb::DeleteUserRequest) -> Result<()> {
    let precondition = precondition(message.version);
    users::delete(&call.app, &call.cx, user_id(&message.id)?, &precondition).await
}

/// Suspends a user.
pub async fn suspend(call: &Call, message: &pb::SuspendUserRequest) -> Result<DirectoryEntry> {
    let precondition = precondition(message.version);
    users::suspend(&call.app, &call.cx, user_id(&message.id)?, &precondition).await
}

/// Lets a user sign in again.
pub async fn unsuspend(call: &Call, message: &pb::UnsuspendUserRequest) -> Result<DirectoryEntry> {
    let precondition = precondition(message.version);
    users::unsuspend(&call.app, &call.cx, user_id(&message.id)?, &precondition).await
}

/// Gives a user other roles.
pub async fn replace_roles(
    call: &Call,
    message: &pb::ReplaceUserRolesRequest,
) -> Result<DirectoryEntry> {
    let id = user_id(&message.id)?;
    let mut fields = Fields::default();
    let roles = fields.list("roles", &message.roles, MAX_ROLES, RoleName::parse);
    let roles: BTreeSet<_> = fields.finish(|| roles)?;
    let precondition = precondition(message.version);
    user_roles::replace(&call.app, &call.cx, id, &precondition, &roles).await
}

fn first_password(
    fields: &mut Fields,
    app: &App,
    password: Option<&str>,
    hash: Option<&str>,
) -> FirstPassword {
    let min = app.config.password_min_length;
    if password.is_some() && hash.is_some() {
        let reason = Invalid::new("not_with_password", "must not stand beside a password");
        fields.check::<()>("user.password_hash", Err(reason));
    }
    let chosen = fields.optional("user.password", password, |text| Password::chosen(text, min));
    let hashed = fields.optional("user.password_hash", hash, PasswordHash::parse);
    match (chosen, hashed) {
        (Some(password), _) => FirstPassword::Chosen(password),
        (None, Some(hash)) => FirstPassword::Hashed(hash),
        (None, None) => FirstPassword::None,
    }
}

/// What a profile is made of.
struct Given {
    email: String,
    name: String,
    external_id: Option<String>,
    metadata: Option<Struct>,
    private_metadata: Option<Struct>,
    own_metadata: Option<Struct>,
}

impl Given {
    fn profile(self, fields: &mut Fields) -> Option<Profile> {
        let email = fields.required("user.email", &self.email, Email::parse);
        let name = fields.required("user.name", &self.name, Name::parse);
        let given = self.external_id.as_deref().filter(|given| !given.is_empty());
        let external_id = fields.optional("user.external_id", given, ExternalId::parse);
        let public = metadata(fields, "user.metadata", self.metadata);
        let private = metadata(fields, "user.private_metadata", self.private_metadata);
        let own_metadata = metadata(fields, "user.own_metadata", self.own_metadata);
        Some(Profile {
            email: email?,
            name: name?,
            external_id,
            metadata: public.unwrap_or_default(),
            private_metadata: private.unwrap_or_default(),
            own_metadata,
        })
    }
}

fn metadata(fields: &mut Fields, name: &str, given: Option<Struct>) -> Option<Metadata> {
    let parsed = structs::to_json(given?).and_then(|map| Metadata::parse(Value::Object(map)));
    fields.check(name, parsed)
}

/// The mask of an update that has none (AIP-134).
fn populated(user: &pb::User) -> FieldMask {
    let fields = [
        ("email", !user.email.is_empty()),
        ("name", !user.name.is_empty()),
        ("external_id", user.external_id.is_some()),
        ("metadata", user.metadata.is_some()),
        ("private_metadata", user.private_metadata.is_some()),
        ("own_metadata", user.own_metadata.is_some()),
    ];
    let paths = fields.into_iter().filter(|(_, is_there)| *is_there);
    FieldMask { paths: paths.map(|(name, _)| name.to_owned()).collect() }
}

fn profile(user: pb::User) -> Result<Profile> {
    let mut fields = Fields::default();
    let given = Given {
        email: user.email,
        name: user.name,
        external_id: user.external_id,
        metadata: user.metadata,
        private_metadata: user.private_metadata,
        own_metadata: user.own_metadata,
    };
    let profile = given.profile(&mut fields);
    fields.finish(|| profile)
}

fn patch(user: pb::User, mask: &FieldMask) -> Result<ProfilePatch> {
    let mut fields = Fields::default();
    let mut patch = ProfilePatch::default();
    let metadata = members(&mut fields, "user.metadata", user.metadata);
    let private = members(&mut fields, "user.private_metadata", user.private_metadata);
    let own = members(&mut fields, "user.own_metadata", user.own_metadata);
    for path in &mask.paths {
        let (name, part) = path.split_once('.').map_or((&**path, None), |(a, b)| (a, Some(b)));
        match (name, part) {
            ("email", None) => {
                patch.email = fields.required("user.email", &user.email, Email::parse);
            }
            ("name", None) => {
                patch.name = fields.required("user.name", &user.name, Name::parse);
            }
            ("external_id", None) => {
                let given = user.external_id.as_deref().filter(|given| !given.is_empty());
                let parsed = fields.optional("user.external_id", given, ExternalId::parse);
                patch.external_id = Some(parsed);
            }
            ("metadata", part) => merge(&metadata, part, &mut patch.metadata),
            ("private_metadata", part) => merge(&private, part, &mut patch.private_metadata),
            ("own_metadata", part) => merge(&own, part, &mut patch.own_metadata),
            _ => drop(fields.check::<()>("update_mask", Err(no_such_path(path)))),
        }
    }
    fields.finish(|| Some(patch))
}

fn members(fields: &mut Fields, name: &str, given: Option<Struct>) -> MergePatch {
    fields.check(name, structs::to_json(given.unwrap_or_default())).unwrap_or_default()
}

/// Puts what the mask names of an object, all or a part, into a merge patch.
fn merge(given: &MergePatch, part: Option<&str>, patch: &mut Option<MergePatch>) {
    let patch = patch.get_or_insert_default();
    match part {
        Some(part) => take(part, given, patch),
        None => patch.extend(given.clone()),
    }
}

/// Puts a part of an object, such as `address.city`, into a merge patch; what is
/// not there is removed.
fn take(part: &str, given: &Map<String, Value>, patch: &mut Map<String, Value>) {
    let (name, rest) = part.split_once('.').map_or((part, None), |(name, rest)| (name, Some(rest)));
    let value = given.get(name);
    let Some(rest) = rest else {
        patch.insert(name.to_owned(), value.cloned().unwrap_or(Value::Null));
        return;
    };
    let nothing = Map::new();
    let given = value.and_then(Value::as_object).unwrap_or(&nothing);
    let inner = patch.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        take(rest, given, inner);
    }
}

fn no_such_path(path: &str) -> Invalid {
    let set_by_service =
        ["id", "email_verified_at", "roles", "created_at", "updated_at", "suspended_at", "version"];
    if set_by_service.contains(&path) {
        Invalid::new("read_only", format!("{path} is not changed by this method"))
    } else {
        Invalid::new("unknown_field", "must name fields of a user")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_part_of_the_metadata_is_taken_by_its_path() {
        let given = json!({"a": 1, "b": {"c": 2, "d": 3}});
        let mut patch = Map::new();
        for part in ["a", "b.c", "b.x", "y.z", "a.q"] {
            take(part, given.as_object().unwrap(), &mut patch);
        }
        let expected = json!({"a": 1, "b": {"c": 2, "x": null}, "y": {"z": null}});
        assert_eq!(Value::Object(patch), expected);
    }
}
