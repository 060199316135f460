//! Many users, in the order in which they come: created, or changed where the
//! application's key for them is known, and left alone where nothing is new.
//!
//! What is handed over at once is one change, with its events. A user that cannot be
//! taken is told and does not stand in the way of the others.

mod decide;

use std::collections::{BTreeSet, HashSet};

use super::rate_limits::{self, Account};
use super::users::FirstPassword;
use super::{Context, access, passwords};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::event::{Actor, EventKind};
use crate::domain::external_id::ExternalId;
use crate::domain::id::UserId;
use crate::domain::metadata::Metadata;
use crate::domain::name::Name;
use crate::domain::password_hash::PasswordHash;
use crate::domain::rate_limit::Policy;
use crate::domain::role::{Permission, RoleName};
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::store::database::{DatabaseError, Statement};
use crate::store::imports as rows;
use decide::{Decision, Known};

/// How often what was decided is decided anew when another change came first.
const TRIES: u32 = 3;

/// A user as an import brings it. What is `None` stays as it is of a user who is there.
pub struct ImportedUser {
    /// The address to sign in with.
    pub email: Email,
    /// What the person is called.
    pub name: Name,
    /// The application's own key: whom the import means. Without one, somebody new.
    pub external_id: Option<ExternalId>,
    /// What the application keeps about the user.
    pub metadata: Option<Metadata>,
    /// The same, from the user.
    pub private_metadata: Option<Metadata>,
    /// What the user keeps.
    pub own_metadata: Option<Metadata>,
    /// `user` for somebody new.
    pub roles: Option<BTreeSet<RoleName>>,
    /// What somebody new signs in with: nobody's password is changed by an import.
    pub password: FirstPassword,
    /// When the address was proven elsewhere. Needs `users:verify`.
    pub email_verified_at: Option<Timestamp>,
    /// Since when somebody new may not sign in.
    pub suspended_at: Option<Timestamp>,
}

/// What became of a user.
#[derive(Debug)]
pub enum Outcome {
    /// There is a new one.
    Created(UserId),
    /// It was changed.
    Updated(UserId),
    /// It was so already.
    Unchanged(UserId),
    /// It was not taken.
    Failed(Error),
}

/// Fails unless the caller may import at all.
pub async fn require(app: &App, cx: &Context) -> Result<()> {
    access::caller(app, cx).await?.require(&Permission::USERS_WRITE)
}

/// Takes users in order and tells of each what became of it, or would have if it is
/// a dry run. Asks anew whether the caller may. What fails as a whole may
/// have happened to the first of them, who are a change of their own where others depend on
/// them, or are in their way.
pub async fn take(
    app: &App,
    cx: &Context,
    mut users: Vec<ImportedUser>,
    dry_run: bool,
) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::with_capacity(users.len());
    let mut rest = users.as_mut_slice();
    let mut most = usize::MAX;
    while !rest.is_empty() {
        let count = distinct(rest).min(most);
        let some = rest.get_mut(..count).unwrap_or_default();
        match take_first(app, cx, some, dry_run).await? {
            Some(taken) => {
                most = most.saturating_mul(2);
                rest = rest.split_at_mut_checked(taken.len()).unwrap_or_default().1;
                outcomes.extend(taken);
            }
            // One of them keeps changing: with fewer of them the others get through.
            None if count > 1 => most = count / 2,
            None => {
                outcomes.push(Outcome::Failed(super::busy()));
                rest = rest.split_at_mut_checked(1).unwrap_or_default().1;
            }
        }
    }
    Ok(outcomes)
}

/// How many come before the first one who is named a second time, by address or by
/// external id: what is done about one depends on what became of the other.
fn distinct(users: &[ImportedUser]) -> usize {
    let (mut emails, mut external_ids) = (HashSet::new(), HashSet::new());
    for (count, user) in users.iter().enumerate() {
        let is_known_id = user.external_id.as_ref().is_some_and(|id| !external_ids.insert(id));
        if !emails.insert(user.email.normalized()) || is_known_id {
            return count;
        }
    }
    users.len()
}

/// Takes those who come before the first one to whom another gives up an address. `None` if
/// others change the same users all the time.
async fn take_first(
    app: &App,
    cx: &Context,
    users: &mut [ImportedUser],
    dry_run: bool,
) -> Result<Option<Vec<Outcome>>> {
    for _ in 0..TRIES {
        let known = Known::read(app, cx, users).await?;
        let count = known.before_given_up(users);
        let users = users.get_mut(..count).unwrap_or_default();
        let actor = known.caller.actor();
        let mut decisions: Vec<_> = users.iter().map(|user| known.decide(app, user)).collect();
        let is_chosen = |user: &ImportedUser| matches!(user.password, FirstPassword::Chosen(_));
        let takes_its_time = !dry_run && users.iter().any(is_chosen);
        for (user, decision) in users.iter_mut().zip(&mut decisions) {
            if let Ok(Decision::Create(_)) = decision
                && let Err(error) = check_password(app, cx, actor, user, dry_run).await
            {
                *decision = Err(error);
            }
        }
        let still = if takes_its_time {
            // While passwords were hashed, power may have been lost.
            let caller = access::caller(app, cx).await?;
            if caller.permissions() != known.caller.permissions() {
                continue;
            }
            caller.still()
        } else {
            known.caller.still()
        };
        let commit = Commit::of(app, cx, actor, users, &decisions);
        if dry_run || commit.statements.is_empty() {
            return Ok(Some(commit.outcomes(decisions)));
        }
        let statements = std::iter::once(still).chain(commit.statements.iter().cloned());
        match app.store.commit(statements).await {
            Ok(()) => return Ok(Some(commit.outcomes(decisions))),
            // Somebody has taken an address or changed a user since they were read.
            Err(
                DatabaseError::Unique { .. }
                | DatabaseError::ForeignKey
                | DatabaseError::Collision(_)
                | DatabaseError::Guard { .. },
            ) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Hashes a password, or says whether it could be one if it is a dry run.
async fn check_password(
    app: &App,
    cx: &Context,
    actor: Actor,
    user: &mut ImportedUser,
    dry_run: bool,
) -> Result<()> {
    let person = (&user.email, &user.name);
    match &user.password {
        FirstPassword::Chosen(password) if dry_run => {
            passwords::check(app, person, "password", password)
        }
        _ => hash_password(app, cx, actor, person, &mut user.password).await,
    }
}

/// Puts its hash in the place of a password. Many are hashed one after the other, so
/// that those who sign in come to their turn.
pub(super) async fn hash_password(
    app: &App,
    cx: &Context,
    actor: Actor,
    person: (&Email, &Name),
    password: &mut FirstPassword,
) -> Result<()> {
    let FirstPassword::Chosen(chosen) = password else { return Ok(()) };
    let account = Some(Account::Actor(actor));
    rate_limits::spend(app, cx, Policy::CREATE_USER, account).await?;
    let hash = passwords::hash_for(app, person, "password", chosen.clone()).await?;
    *password = FirstPassword::Hashed(PasswordHash::parse(&hash).map_err(|_| own_hash())?);
    Ok(())
}

fn own_hash() -> Error {
    Error::internal("a hash of our own is not one")
}

/// What is done about users, in one change.
struct Commit {
    /// The ids of those who are new, in order.
    created: Vec<UserId>,
    statements: Vec<Statement>,
}

impl Commit {
    fn of(
        app: &App,
        cx: &Context,
        actor: Actor,
        users: &[ImportedUser],
        decisions: &[Result<Decision>],
    ) -> Self {
        let now = app.now();
        let mut commit = Self { created: Vec::new(), statements: Vec::new() };
        let (mut new, mut changed, mut grants) = (Vec::new(), Vec::new(), Vec::new());
        let (mut moved, mut regranted, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for (user, decision) in users.iter().zip(decisions) {
            let mut tell = |kind, id| events.push(cx.event(app, now, actor, kind, Some(id)));
            match decision {
                Ok(Decision::Create(creation)) => {
                    let id = UserId::new(now, &*app.rng);
                    commit.created.push(id);
                    grants.extend(creation.roles.iter().map(|role| (id, role)));
                    new.push(creation.row(id, user));
                    tell(EventKind::UserCreated, id);
                }
                Ok(Decision::Change(change)) => {
                    let id = change.user.id;
                    changed.push(change.row());
                    if change.has_new_address() {
                        moved.push(id);
                    }
                    if let Some(roles) = &change.roles {
                        regranted.push(id);
                        grants.extend(roles.iter().map(|role| (id, role)));
                        tell(EventKind::UserRolesChanged, id);
                    }
                    if change.is_of_profile {
                        tell(EventKind::UserUpdated, id);
                    }
                }
                Ok(Decision::Leave(_)) | Err(_) => {}
            }
        }
        let mut add = |is_needed: bool, statement: &dyn Fn() -> Statement| {
            if is_needed {
                commit.statements.push(statement());
            }
        };
        add(!new.is_empty(), &|| rows::insert(&new, now));
        add(!changed.is_empty(), &|| rows::update(&changed, now));
        let [mailed, asked_for] = rows::end_tokens(&moved);
        add(!moved.is_empty(), &|| mailed.clone());
        add(!moved.is_empty(), &|| asked_for.clone());
        add(!regranted.is_empty(), &|| rows::revoke_all(&regranted));
        add(!grants.is_empty(), &|| rows::grant(grants.iter().copied()));
        add(!events.is_empty(), &|| rows::append(&events));
        commit
    }

    fn outcomes(&self, decisions: Vec<Result<Decision>>) -> Vec<Outcome> {
        let mut created = self.created.iter().copied();
        let outcome = |decision| match decision {
            Ok(Decision::Create(_)) => match created.next() {
                Some(id) => Outcome::Created(id),
                None => Outcome::Failed(Error::internal("a new user without an id")),
            },
            Ok(Decision::Change(change)) => Outcome::Updated(change.user.id),
            Ok(Decision::Leave(id)) => Outcome::Unchanged(id),
            Err(error) => Outcome::Failed(error),
        };
        decisions.into_iter().map(outcome).collect()
    }
}
