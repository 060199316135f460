//! A stream of users to be created, or changed where their external id is known.

use futures_util::FutureExt;
use prost::Message;
use tonic::{Status, Streaming};

use super::call::Call;
use super::{pb, status, users};
use crate::error::{Error, Result};
use crate::service::imports::{self, ImportedUser, Outcome};

/// How many failures are told.
const MOST_FAILURES: usize = 100;
/// How many users are one change at most, and after how many bytes of them there is one.
const MOST_USERS: usize = 250;
const MOST_BYTES: usize = 1 << 20;

/// Takes what comes until the stream ends. Those who may not import at all learn so
/// at once.
pub async fn run(
    call: &Call,
    mut messages: Streaming<pb::ImportUsersRequest>,
) -> Result<pb::ImportUsersResponse, Status> {
    imports::require(&call.app, &call.cx).await?;
    let mut import = Import::default();
    while let Some(message) = import.next(call, &mut messages).await? {
        import.bytes = import.bytes.saturating_add(message.encoded_len());
        import.messages.push(message);
        if import.messages.len() >= MOST_USERS || import.bytes >= MOST_BYTES {
            import.take(call).await?;
        }
    }
    import.take(call).await?;
    Ok(import.done)
}

#[derive(Default)]
struct Import {
    messages: Vec<pb::ImportUsersRequest>,
    bytes: usize,
    done: pb::ImportUsersResponse,
}

impl Import {
    /// The next message. Those that have come are taken before another is waited for.
    async fn next(
        &mut self,
        call: &Call,
        messages: &mut Streaming<pb::ImportUsersRequest>,
    ) -> Result<Option<pb::ImportUsersRequest>, Status> {
        if let Some(message) = messages.message().now_or_never() {
            return message.map_err(status::of_codec);
        }
        if !self.messages.is_empty() {
            self.take(call).await?;
        }
        call.next(messages).await
    }

    /// Takes the users that have come, as one change.
    async fn take(&mut self, call: &Call) -> Result<()> {
        self.bytes = 0;
        let (mut indexes, mut users, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for message in self.messages.drain(..) {
            let index = self.done.received;
            self.done.received = index.saturating_add(1);
            match imported(call, message.user) {
                Ok(user) => {
                    indexes.push(index);
                    users.push(user);
                }
                Err(error) => failed.push((index, error)),
            }
        }
        let outcomes = imports::take(&call.app, &call.cx, users, false).await?;
        for (index, outcome) in indexes.into_iter().zip(outcomes) {
            failed.extend(self.count(outcome).err().map(|error| (index, error)));
        }
        self.tell(failed);
        Ok(())
    }

    fn count(&mut self, outcome: Outcome) -> Result<()> {
        let count = match outcome {
            Outcome::Created(_) => &mut self.done.created,
            Outcome::Updated(_) => &mut self.done.updated,
            Outcome::Unchanged(_) => &mut self.done.unchanged,
            Outcome::Failed(error) => return Err(error),
        };
        *count = count.saturating_add(1);
        Ok(())
    }

    fn tell(&mut self, mut failed: Vec<(i64, Error)>) {
        failed.sort_by_key(|(index, _)| *index);
        let left = MOST_FAILURES.saturating_sub(self.done.failures.len());
        let failure =
            |(index, error)| pb::ImportFailure { index, error: Some(status::item(error)) };
        self.done.failures.extend(failed.into_iter().take(left).map(failure));
    }
}

/// A user as an import takes it: what is not given stays as it is.
fn imported(call: &Call, user: Option<pb::NewUser>) -> Result<ImportedUser> {
    let user = user.unwrap_or_default();
    let (metadata, private) = (user.metadata.is_some(), user.private_metadata.is_some());
    let (profile, password, roles) = users::new_user(call, user)?;
    Ok(ImportedUser {
        email: profile.email,
        name: profile.name,
        external_id: profile.external_id,
        metadata: metadata.then_some(profile.metadata),
        private_metadata: private.then_some(profile.private_metadata),
        own_metadata: profile.own_metadata,
        roles: Some(roles).filter(|roles| !roles.is_empty()),
        password,
        email_verified_at: None,
        suspended_at: None,
    })
}
