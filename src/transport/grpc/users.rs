//! `rollcall.v1.UserService`.

use std::collections::BTreeSet;
use std::sync::Arc;

use prost_types::Struct;
use serde_json::Value;
use tonic::{Request, Response, Status, Streaming};

use super::call::{Answers, Call};
use super::fields::{self, Fields, precondition, user_id};
use super::pb::user_service_server::UserService;
use super::{batches, changes, exports, finding, imports, masks, pb, structs, view};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::external_id::ExternalId;
use crate::domain::metadata::Metadata;
use crate::domain::name::Name;
use crate::domain::password::Password;
use crate::domain::password_hash::PasswordHash;
use crate::domain::role::{MAX_ROLES, RoleName};
use crate::domain::user::{DirectoryEntry, Profile};
use crate::error::{Error, Invalid, Result};
use crate::service::users::{self, FirstPassword};
use crate::service::{self, suspension, user_roles};

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
    let mask = mask.unwrap_or_else(|| masks::populated(&user));
    if mask.paths == ["*"] {
        message.version.ok_or(Error::PreconditionRequired)?;
        let profile = profile(user)?;
        return users::replace(&call.app, &call.cx, id, &precondition, profile).await;
    }
    users::patch(&call.app, &call.cx, id, &precondition, masks::patch(user, &mask)?).await
}

/// Deletes a user.
pub async fn delete(call: &Call, message: &pb::DeleteUserRequest) -> Result<()> {
    let precondition = precondition(message.version);
    users::delete(&call.app, &call.cx, user_id(&message.id)?, &precondition).await
}

/// Suspends a user.
pub async fn suspend(call: &Call, message: &pb::SuspendUserRequest) -> Result<DirectoryEntry> {
    let precondition = precondition(message.version);
    suspension::suspend(&call.app, &call.cx, user_id(&message.id)?, &precondition).await
}

/// Lets a user sign in again.
pub async fn unsuspend(call: &Call, message: &pb::UnsuspendUserRequest) -> Result<DirectoryEntry> {
    let precondition = precondition(message.version);
    suspension::unsuspend(&call.app, &call.cx, user_id(&message.id)?, &precondition).await
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
