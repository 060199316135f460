//! A stream of operations on users, answered one by one. An operation begins when
//! the result of the one before it was sent: whoever does not read is not read from
//! either, but for what fits into a buffer.

use futures_util::stream::try_unfold;
use tonic::{Status, Streaming};

use super::call::{Answers, Call};
use super::pb::batch_users_request::Operation;
use super::pb::batch_users_response::Result as Outcome;
use super::{pb, status, users, view};
use crate::error::{Error, Invalid, Result};
use crate::service::access;

/// The longest name of an operation, in bytes.
const MAX_KEY_BYTES: usize = 128;

struct Batch {
    call: Call,
    messages: Streaming<pb::BatchUsersRequest>,
    index: i64,
}

/// Begins for those who are known.
pub async fn begin(
    call: Call,
    messages: Streaming<pb::BatchUsersRequest>,
) -> Result<Answers<pb::BatchUsersResponse>> {
    access::caller(&call.app, &call.cx).await?;
    let batch = Batch { call: call.clone(), messages, index: 0 };
    Ok(call.answers(try_unfold(batch, |mut batch| async move {
        Ok(batch.answer().await?.map(|answer| (answer, batch)))
    })))
}

impl Batch {
    async fn answer(&mut self) -> Result<Option<pb::BatchUsersResponse>, Status> {
        let Some(message) = self.call.next(&mut self.messages).await? else { return Ok(None) };
        let index = self.index;
        self.index = index.saturating_add(1);
        let (key, performed) = if message.key.len() > MAX_KEY_BYTES {
            let reason = format!("must have at most {MAX_KEY_BYTES} bytes");
            (String::new(), Err(Error::invalid("key", Invalid::new("too_long", reason))))
        } else {
            (message.key, perform(&self.call, message.operation).await)
        };
        let result = match performed {
            Ok(outcome) => outcome,
            // Nobody calls any more.
            Err(Error::Unauthenticated) => return Err(Error::Unauthenticated.into()),
            Err(error) => Outcome::Error(status::item(error)),
        };
        Ok(Some(pb::BatchUsersResponse { index, key, result: Some(result) }))
    }
}

async fn perform(call: &Call, operation: Option<Operation>) -> Result<Outcome> {
    let user = match operation {
        Some(Operation::Create(message)) => users::create(call, message.user).await,
        Some(Operation::Update(message)) => users::update(call, message).await,
        Some(Operation::Suspend(message)) => users::suspend(call, &message).await,
        Some(Operation::Unsuspend(message)) => users::unsuspend(call, &message).await,
        Some(Operation::ReplaceRoles(message)) => users::replace_roles(call, &message).await,
        Some(Operation::Delete(message)) => {
            users::delete(call, &message).await?;
            return Ok(Outcome::Deleted(()));
        }
        None => Err(Error::invalid("operation", Invalid::new("required", "is required"))),
    };
    Ok(Outcome::User(view::entry(&user?)))
}
