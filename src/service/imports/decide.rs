//! What an import means for a user, by what is there.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::ImportedUser;
use crate::app::App;
use crate::domain::id::UserId;
use crate::domain::role::{Permission, Role, RoleName};
use crate::domain::time::Timestamp;
use crate::domain::user::{DirectoryEntry, Profile, User};
use crate::error::{Error, Result};
use crate::service::access::{self, Caller};
use crate::service::users::{self, FirstPassword};
use crate::service::{Context, metadata, user_roles};
use crate::store::imports::{self, ChangedUser, NewUser};
use crate::store::{roles, users as stored};

/// What to do about a user.
pub(super) enum Decision {
    /// There is none.
    Create(Box<Creation>),
    /// It is another one by now.
    Change(Box<Change>),
    /// It is so already.
    Leave(UserId),
}

/// A user to be created.
pub(super) struct Creation {
    profile: Profile,
    pub(super) roles: BTreeSet<RoleName>,
}

/// A user to be changed.
pub(super) struct Change {
    /// As it was.
    pub(super) user: User,
    profile: Profile,
    email_verified_at: Option<Timestamp>,
    /// Whether more than the roles is new.
    pub(super) is_of_profile: bool,
    /// Its new roles, if they are others.
    pub(super) roles: Option<BTreeSet<RoleName>>,
}

impl Creation {
    pub(super) fn row<'a>(&'a self, id: UserId, user: &'a ImportedUser) -> NewUser<'a> {
        let password_hash = match &user.password {
            FirstPassword::Hashed(hash) => Some(hash.as_str()),
            FirstPassword::None | FirstPassword::Chosen(_) => None,
        };
        let (email_verified_at, suspended_at) = (user.email_verified_at, user.suspended_at);
        NewUser { id, profile: &self.profile, password_hash, email_verified_at, suspended_at }
    }
}

impl Change {
    pub(super) fn row(&self) -> ChangedUser<'_> {
        let email_verified_at = self.email_verified_at;
        ChangedUser { user: &self.user, profile: &self.profile, email_verified_at }
    }

    pub(super) fn has_new_address(&self) -> bool {
        self.user.email.normalized() != self.profile.email.normalized()
    }
}

/// What is known of those whom an import names.
pub(super) struct Known {
    /// Who imports.
    pub(super) caller: Caller,
    entries: Vec<DirectoryEntry>,
    by_email: HashMap<String, usize>,
    by_external_id: HashMap<String, usize>,
    roles: Vec<Role>,
}

impl Known {
    /// Reads it, for those who may import. One statement, and one more if there are
    /// roles to be given.
    pub(super) async fn read(app: &App, cx: &Context, users: &[ImportedUser]) -> Result<Self> {
        let keys = users.iter().map(|user| (Some(&user.email), user.external_id.as_ref()));
        let (caller, rows) = access::caller_with(app, cx, imports::matching(keys), "").await?;
        caller.require(&Permission::USERS_WRITE)?;
        let entries = rows.into_iter().map(stored::entry_from_row);
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let (mut by_email, mut by_external_id) = (HashMap::new(), HashMap::new());
        for (place, DirectoryEntry { user, .. }) in entries.iter().enumerate() {
            by_email.insert(user.email.normalized().to_owned(), place);
            if let Some(id) = &user.external_id {
                by_external_id.insert(id.as_str().to_owned(), place);
            }
        }
        let names: BTreeSet<_> =
            users.iter().filter_map(|user| user.roles.clone()).flatten().collect();
        let roles = if names.is_empty() {
            Vec::new()
        } else {
            app.store.query(roles::by_names(&names)).await?
        };
        let roles = roles.into_iter().map(roles::from_row).collect::<Result<_, _>>()?;
        Ok(Self { caller, entries, by_email, by_external_id, roles })
    }

    /// Who has the external id, and who has the address.
    fn meant(&self, user: &ImportedUser) -> [Option<&DirectoryEntry>; 2] {
        let at = |place: Option<&usize>| place.and_then(|place| self.entries.get(*place));
        let external_id = user.external_id.as_ref();
        let named = at(external_id.and_then(|id| self.by_external_id.get(id.as_str())));
        [named, at(self.by_email.get(user.email.normalized()))]
    }

    /// How many come before the first one with an address that one of them gives up: whether
    /// it is to be had is known when that has happened.
    pub(super) fn before_given_up(&self, users: &[ImportedUser]) -> usize {
        let mut moving = HashSet::new();
        for (count, user) in users.iter().enumerate() {
            let [named, addressed] = self.meant(user).map(|entry| entry.map(|e| e.user.id));
            if addressed.is_some_and(|id| moving.contains(&id)) {
                return count;
            }
            if addressed != named {
                moving.extend(named);
            }
        }
        users.len()
    }

    /// Decides about one user.
    pub(super) fn decide(&self, app: &App, user: &ImportedUser) -> Result<Decision> {
        if user.email_verified_at.is_some() {
            self.caller.require(&Permission::USERS_VERIFY)?;
        }
        match self.meant(user).into() {
            (None, None) => self.create(app, user),
            (Some(entry), None) => self.change(app, user, entry),
            (Some(entry), Some(other)) if entry.user.id == other.user.id => {
                self.change(app, user, entry)
            }
            (_, Some(_)) => Err(users::taken()),
        }
    }

    fn create(&self, app: &App, user: &ImportedUser) -> Result<Decision> {
        let roles = user.roles.clone().unwrap_or_else(|| [RoleName::USER].into());
        if roles != [RoleName::USER].into() {
            self.require_grantable(&roles)?;
        }
        let profile = Profile {
            email: user.email.clone(),
            name: user.name.clone(),
            external_id: user.external_id.clone(),
            metadata: user.metadata.clone().unwrap_or_default(),
            private_metadata: user.private_metadata.clone().unwrap_or_default(),
            own_metadata: user.own_metadata.clone(),
        };
        metadata::require_whole(app, &profile)?;
        Ok(Decision::Create(Box::new(Creation { profile, roles })))
    }

    fn change(
        &self,
        app: &App,
        imported: &ImportedUser,
        entry: &DirectoryEntry,
    ) -> Result<Decision> {
        let DirectoryEntry { user, private_metadata } = entry;
        let or =
            |given: &Option<_>, current: &_| given.clone().unwrap_or_else(|| Clone::clone(current));
        let own_metadata = or(&imported.own_metadata, &user.own_metadata);
        let profile = Profile {
            email: imported.email.clone(),
            name: imported.name.clone(),
            external_id: user.external_id.clone(),
            metadata: or(&imported.metadata, &user.metadata),
            private_metadata: or(&imported.private_metadata, private_metadata),
            own_metadata: Some(own_metadata.clone()),
        };
        let same_address = user.email.normalized() == profile.email.normalized();
        let proven = user.email_verified_at.filter(|_| same_address);
        let email_verified_at = proven.or(imported.email_verified_at);
        let is_of_profile = profile.email != user.email
            || profile.name != user.name
            || profile.metadata != user.metadata
            || profile.private_metadata != *private_metadata
            || own_metadata != user.own_metadata
            || email_verified_at != user.email_verified_at;
        let is_other = |roles: &&BTreeSet<RoleName>| !roles.iter().eq(&user.roles);
        let roles = imported.roles.as_ref().filter(is_other).cloned();
        if !is_of_profile && roles.is_none() {
            return Ok(Decision::Leave(user.id));
        }
        self.caller.require_over(user)?;
        if !same_address {
            self.caller.require_fresh_for_oneself(app, user.id)?;
        }
        let given = (&imported.metadata, &imported.private_metadata, &imported.own_metadata);
        metadata::require(app, given.0.as_ref(), given.1.as_ref(), given.2.as_ref())?;
        if let Some(roles) = &roles {
            self.require_grantable(roles)?;
            if user.roles.contains(&RoleName::ADMIN) && !roles.contains(&RoleName::ADMIN) {
                return Err(keeps_admins());
            }
        }
        let user = user.clone();
        let change = Change { user, profile, email_verified_at, is_of_profile, roles };
        Ok(Decision::Change(Box::new(change)))
    }

    fn require_grantable(&self, names: &BTreeSet<RoleName>) -> Result<()> {
        self.caller.require(&Permission::ROLES_WRITE)?;
        let is_asked = |role: &&Role| names.contains(&role.name);
        let found: Vec<_> = self.roles.iter().filter(is_asked).cloned().collect();
        user_roles::grantable(self.caller.permissions(), names, &found).map(drop)
    }
}

/// What needs the guard of the last admin is done one by one.
fn keeps_admins() -> Error {
    let detail = "An import takes the role admin from nobody. Write the roles of this user.";
    Error::conflict("keeps_admins", detail)
}
