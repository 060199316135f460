//! A stream of users to be created, one after the other.

use tonic::{Status, Streaming};

use super::call::Call;
use super::{pb, status, users};
use crate::error::Error;

/// How many failures are told.
const MOST_FAILURES: usize = 100;

/// Creates what comes until the stream ends. Those who may not create users at all
/// learn so at the first one.
pub async fn run(
    call: &Call,
    mut messages: Streaming<pb::ImportUsersRequest>,
) -> Result<pb::ImportUsersResponse, Status> {
    let mut done = pb::ImportUsersResponse::default();
    while let Some(message) = call.next(&mut messages).await? {
        let index = done.received;
        done.received = index.saturating_add(1);
        match users::create(call, message.user).await {
            Ok(_) => done.created = done.created.saturating_add(1),
            Err(error) if ends_all(&error) => return Err(error.into()),
            Err(error) if done.failures.len() < MOST_FAILURES => {
                let error = Some(status::item(error));
                done.failures.push(pb::ImportFailure { index, error });
            }
            Err(_) => {}
        }
    }
    Ok(done)
}

/// Whether the next user would fail for the same reason.
fn ends_all(error: &Error) -> bool {
    match error {
        Error::Unauthenticated
        | Error::Forbidden(_)
        | Error::TooManyRequests { .. }
        | Error::Unavailable { .. }
        | Error::InDoubt(_)
        | Error::Internal(_) => true,
        Error::Malformed(_)
        | Error::Invalid(_)
        | Error::InvalidCredentials
        | Error::InvalidCode
        | Error::NotFresh { .. }
        | Error::Refused { .. }
        | Error::NotFound(_)
        | Error::Conflict { .. }
        | Error::PreconditionFailed
        | Error::PreconditionRequired
        | Error::KeyReused
        | Error::InProgress { .. } => false,
    }
}
