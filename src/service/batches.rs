//! Many operations on users at once: each for itself, or all as one change.
//!
//! Both ways run the functions that the operations have by themselves, so that they
//! allow and tell the same. As one change, what these would commit is gathered, and
//! committed at the end.

use std::any::Any;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::access;
use super::idempotency::answered_meanwhile;
use super::imports::hash_password;
use super::users::{self, FirstPassword};
use super::{Context, Precondition, suspension, user_roles};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::external_id::ExternalId;
use crate::domain::id::UserId;
use crate::domain::role::{Permission, RoleName};
use crate::domain::user::{DirectoryEntry, Profile, ProfilePatch};
use crate::error::{Error, Invalid, Result};
use crate::store::database::{DatabaseError, Statement};
use crate::store::{imports, roles, users as stored};

/// The most operations in one batch.
pub const MAX_OPERATIONS: usize = 1_000;
/// The most passwords that a batch may ask to be hashed.
pub const MAX_PASSWORDS: usize = 50;
/// How often the whole is done anew when another change came first.
const TRIES: u32 = 3;

/// Something to be done about a user.
#[derive(Clone)]
pub enum Operation {
    /// Create one.
    Create {
        /// What the user is made of.
        profile: Profile,
        /// What it signs in with.
        password: FirstPassword,
        /// What it is.
        roles: BTreeSet<RoleName>,
    },
    /// Change one, at the version that is meant.
    Change(UserId, Precondition, Change),
}

/// A change of a user.
#[derive(Clone)]
pub enum Change {
    /// Write a whole profile.
    Replace(Profile),
    /// Write some of it.
    Patch(ProfilePatch),
    /// Write all roles.
    ReplaceRoles(BTreeSet<RoleName>),
    /// Let it sign in no more.
    Suspend,
    /// Let it sign in again.
    Unsuspend,
    /// Delete it.
    Delete,
}

/// What was done.
#[derive(Debug)]
pub enum Done {
    /// There is a new user.
    Created(DirectoryEntry),
    /// The user is this by now.
    Changed(DirectoryEntry),
    /// The user is gone.
    Deleted,
    /// It was done before, when this was told of it.
    Before(Vec<u8>),
}

/// Writes what an operation, by its number, came to.
pub type Tell = fn(usize, &Done) -> Option<Vec<u8>>;

/// Why nothing was done.
#[derive(Debug)]
pub struct Failed {
    /// Which operation it was, counted from zero, if it was one.
    pub index: Option<usize>,
    /// What is wrong with it.
    pub error: Error,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { index: None, error }
    }
}

/// Does each operation that there is for itself, in order, as far as the time goes;
/// those that are left by then have not happened and are told to be tried again.
///
/// Of a batch that may be sent again, each operation is done once, also when the batch
/// breaks off before its answer is kept: beside it, `tell` writes what it comes to, for
/// [`Done::Before`]. The whole is answered in the same way every time only when nothing
/// of it may still succeed.
pub async fn each(
    app: &App,
    cx: &Context,
    operations: Vec<Result<Operation>>,
    tell: Tell,
) -> Result<Vec<Result<Done>>> {
    require(app, cx).await?;
    let done = match &cx.once {
        Some(once) => once.parts(app, operations.len()).await?,
        None => vec![None; operations.len()],
    };
    let begin = app.now();
    let time = app.config.request_timeout.mul_f32(0.7);
    let mut results = Vec::with_capacity(operations.len());
    for (number, (operation, done)) in operations.into_iter().zip(done).enumerate() {
        results.push(match (done, operation) {
            (Some(told), _) => Ok(Done::Before(told)),
            (None, Ok(_)) if app.now().since(begin) > time => {
                Err(Error::unavailable("a batch took too long"))
            }
            (None, Ok(operation)) => perform_once(app, cx, number, operation, tell).await,
            (None, Err(error)) => Err(error),
        });
    }
    if !results.iter().any(|result| result.as_ref().is_err_and(Error::may_pass)) {
        cx.commit(app, [], &results).await?;
    }
    Ok(results)
}

/// Does an operation; one of a batch that may be sent again, once.
async fn perform_once(
    app: &App,
    cx: &Context,
    number: usize,
    operation: Operation,
    tell: Tell,
) -> Result<Done> {
    let Some(once) = &cx.once else { return perform(app, cx, operation).await };
    let is_new = matches!(operation, Operation::Create { .. });
    let render = move |outcome: &dyn Any| match outcome.downcast_ref::<DirectoryEntry>() {
        Some(entry) if is_new => tell(number, &Done::Created(entry.clone())),
        Some(entry) => tell(number, &Done::Changed(entry.clone())),
        None => tell(number, &Done::Deleted),
    };
    let part = Arc::new(once.part(app, number, Box::new(render)));
    let cx = Context { once: Some(Arc::clone(&part)), ..cx.clone() };
    match perform(app, &cx, operation).await {
        // Another instance may have been faster.
        Err(error) => match answered_meanwhile(app, &part).await? {
            Some(told) => Ok(Done::Before(told)),
            None => Err(error),
        },
        done => done,
    }
}

/// Does all operations as one change, or nothing.
pub async fn all(
    app: &App,
    cx: &Context,
    mut operations: Vec<Operation>,
) -> Result<Vec<Done>, Failed> {
    let mut caller = require(app, cx).await?;
    require_distinct(&operations)?;
    hash_passwords(app, cx, &mut operations).await?;
    for _ in 0..TRIES {
        let gathered = gather(app, cx, &operations, caller.still()).await?;
        let Gathered { statements, ends, done } = gathered;
        let sent = statements.clone();
        match cx.commit(app, statements, &done).await {
            Ok(()) => return Ok(done),
            Err(DatabaseError::Guard { statement }) => {
                let is_admin_left = roles::require_admin();
                if sent.get(statement).is_some_and(|sent| sent.sql == is_admin_left.sql) {
                    let index = ends.iter().position(|end| statement < *end);
                    return Err(Failed { index, error: users::last_admin() });
                }
            }
            Err(DatabaseError::Unique { .. }) => require_untaken(app, &operations).await?,
            // A role that was given is gone by now: the next look says which.
            Err(DatabaseError::ForeignKey) => {}
            Err(error) => return Err(Error::from(error).into()),
        }
        caller = require(app, cx).await?;
    }
    Err(super::busy().into())
}

/// Every operation needs at least this; what else, each asks for itself.
async fn require(app: &App, cx: &Context) -> Result<access::Caller> {
    access::caller(app, cx).await
}

/// The context of one of several changes, none of which is the answer to the request.
fn by_itself(cx: &Context) -> Context {
    Context { once: None, ..cx.clone() }
}

async fn perform(app: &App, cx: &Context, operation: Operation) -> Result<Done> {
    let (id, precondition, change) = match operation {
        Operation::Create { profile, password, roles } => {
            return users::create(app, cx, profile, password, roles).await.map(Done::Created);
        }
        Operation::Change(id, precondition, change) => (id, precondition, change),
    };
    let entry = match change {
        Change::Replace(profile) => users::replace(app, cx, id, &precondition, profile).await?,
        Change::Patch(patch) => users::patch(app, cx, id, &precondition, patch).await?,
        Change::ReplaceRoles(names) => {
            user_roles::replace(app, cx, id, &precondition, &names).await?
        }
        Change::Suspend => suspension::suspend(app, cx, id, &precondition).await?,
        Change::Unsuspend => suspension::unsuspend(app, cx, id, &precondition).await?,
        Change::Delete => {
            users::delete(app, cx, id, &precondition).await?;
            return Ok(Done::Deleted);
        }
    };
    Ok(Done::Changed(entry))
}

/// What operations come to, and what it takes to commit that.
struct Gathered {
    statements: Vec<Statement>,
    /// Where the statements of each operation end.
    ends: Vec<usize>,
    done: Vec<Done>,
}

async fn gather(
    app: &App,
    cx: &Context,
    operations: &[Operation],
    still: Statement,
) -> Result<Gathered, Failed> {
    let (store, deferred) = app.store.deferred();
    let (app, cx) = (&app.over(store), &by_itself(cx));
    let mut gathered =
        Gathered { statements: vec![still.clone()], ends: Vec::new(), done: Vec::new() };
    for (index, operation) in operations.iter().enumerate() {
        let done = perform(app, cx, operation.clone()).await;
        gathered.done.push(done.map_err(|error| Failed { index: Some(index), error })?);
        // Once is enough, and behind a change of the caller another time would miss.
        let is_new = |statement: &Statement| statement.sql != still.sql;
        gathered.statements.extend(deferred.take().into_iter().filter(is_new));
        gathered.ends.push(gathered.statements.len());
    }
    Ok(gathered)
}

/// Hashes what is to be hashed before the database waits for anything.
async fn hash_passwords(
    app: &App,
    cx: &Context,
    operations: &mut [Operation],
) -> Result<(), Failed> {
    if !operations.iter().any(Operation::has_password) {
        return Ok(());
    }
    let caller = require(app, cx).await?;
    caller.require(&Permission::USERS_WRITE)?;
    for (index, operation) in operations.iter_mut().enumerate() {
        if let Operation::Create { profile, password, .. } = operation {
            let person = (&profile.email, &profile.name);
            let hashed = hash_password(app, cx, caller.actor(), person, password).await;
            hashed.map_err(|error| Failed { index: Some(index), error })?;
        }
    }
    Ok(())
}

/// A change of a user that another one has changed before, in the same commit, would
/// be decided by what is not there any more.
fn require_distinct(operations: &[Operation]) -> Result<(), Failed> {
    let (mut ids, mut emails, mut external_ids) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (index, operation) in operations.iter().enumerate() {
        let failed = |error| Failed { index: Some(index), error };
        if let Operation::Change(id, ..) = operation
            && !ids.insert(*id)
        {
            let reason = "is in an earlier operation: as one change, a user has one";
            return Err(failed(Error::invalid("id", Invalid::new("repeated", reason))));
        }
        let Keys { email, external_id } = operation.keys();
        if email.is_some_and(|email| !emails.insert(email.normalized())) {
            return Err(failed(users::taken()));
        }
        if external_id.is_some_and(|id| !external_ids.insert(id.as_str())) {
            return Err(failed(users::external_id_taken()));
        }
    }
    Ok(())
}

/// Tells which operation wants what somebody else has.
async fn require_untaken(app: &App, operations: &[Operation]) -> Result<(), Failed> {
    let keys = operations.iter().map(|operation| {
        let Keys { email, external_id } = operation.keys();
        (email, external_id)
    });
    let rows = app.store.query(imports::matching(keys)).await.map_err(Error::from)?;
    let owners = rows.into_iter().map(stored::entry_from_row).collect::<Result<Vec<_>, _>>();
    let owners = owners.map_err(Error::from)?;
    for (index, operation) in operations.iter().enumerate() {
        let Keys { email, external_id } = operation.keys();
        let others =
            || owners.iter().map(|owner| &owner.user).filter(|u| !operation.is_about(u.id));
        let is_email = |email: &Email| others().any(|u| u.email.normalized() == email.normalized());
        let is_id = |id| others().any(|user| user.external_id.as_ref() == Some(id));
        let failed = |error| Err(Failed { index: Some(index), error });
        if email.is_some_and(is_email) {
            return failed(users::taken());
        }
        if external_id.is_some_and(is_id) {
            return failed(users::external_id_taken());
        }
    }
    Ok(())
}

/// What an operation writes that nobody else may have.
struct Keys<'a> {
    email: Option<&'a Email>,
    external_id: Option<&'a ExternalId>,
}

impl Operation {
    /// Whether it has a password to be hashed.
    pub fn has_password(&self) -> bool {
        matches!(self, Self::Create { password: FirstPassword::Chosen(_), .. })
    }

    fn is_about(&self, user: UserId) -> bool {
        matches!(self, Self::Change(id, ..) if *id == user)
    }

    fn keys(&self) -> Keys<'_> {
        match self {
            Self::Create { profile, .. } | Self::Change(_, _, Change::Replace(profile)) => {
                Keys { email: Some(&profile.email), external_id: profile.external_id.as_ref() }
            }
            Self::Change(_, _, Change::Patch(patch)) => Keys {
                email: patch.email.as_ref(),
                external_id: patch.external_id.as_ref().and_then(Option::as_ref),
            },
            Self::Change(..) => Keys { email: None, external_id: None },
        }
    }
}
