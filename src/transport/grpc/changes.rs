//! Changes of users, as a stream that can be resumed.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::try_unfold;
use tonic::Status;

use super::call::{Answers, Call};
use super::{pb, view};
use crate::domain::change::Change;
use crate::domain::page;
use crate::error::{Error, Result};
use crate::service::changes;

/// What the tokens are good for.
const STREAM: &str = "rollcall.v1.UserService/WatchUsers";
/// How often is looked for changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After so many looks without a change there is a sign of life: it tells the
/// client that the stream goes on, and the service that the client is still there.
const LOOKS_PER_SIGN: u32 = 30;

struct Watch {
    call: Call,
    position: i64,
    seen: VecDeque<Change>,
    is_new: bool,
}

/// Begins behind a token, or now. What is not allowed is said before the stream
/// begins.
pub async fn begin(call: Call, token: &str) -> Result<Answers<pb::WatchUsersResponse>> {
    let position = match token {
        "" => changes::now(&call.app, &call.cx).await?,
        token => {
            let position = read_token(&call, token)?;
            changes::require(&call.app, &call.cx).await?;
            position
        }
    };
    let watch = Watch { call: call.clone(), position, seen: VecDeque::new(), is_new: true };
    Ok(call.answers(try_unfold(watch, |mut watch| async move {
        Ok::<_, Status>(Some((watch.answer().await?, watch)))
    })))
}

impl Watch {
    /// The next change, as soon as there is one, or a sign of life.
    async fn answer(&mut self) -> Result<pb::WatchUsersResponse> {
        if std::mem::take(&mut self.is_new) {
            return Ok(self.message(None));
        }
        for _ in 0..LOOKS_PER_SIGN {
            while self.seen.is_empty() {
                let found = changes::after(&self.call.app, &self.call.cx, self.position).await?;
                self.seen.extend(found.changes);
                if self.seen.is_empty() {
                    self.position = found.position;
                }
                if !found.has_more {
                    break;
                }
            }
            if let Some(change) = self.seen.pop_front() {
                self.position = change.position;
                return Ok(self.message(Some(change)));
            }
            self.call.app.timer.sleep(LOOK_EVERY).await;
        }
        Ok(self.message(None))
    }

    fn message(&self, change: Option<Change>) -> pb::WatchUsersResponse {
        let secret = &self.call.app.config.secret_key;
        pb::WatchUsersResponse {
            resume_token: page::write_cursor(secret, STREAM, &self.position.to_string()),
            change: change.map(|change| pb::UserChange {
                kind: change.kind,
                user_id: change.user_id,
                at: Some(view::time(change.at)),
                user: change.user.as_ref().map(view::entry),
            }),
        }
    }
}

fn read_token(call: &Call, token: &str) -> Result<i64> {
    let key = page::read_cursor(&call.app.config.secret_key, STREAM, token);
    let position = key.ok().and_then(|key| key.parse().ok());
    position.ok_or_else(|| {
        let reason = crate::error::Invalid::new("invalid_token", "must be a resume_token");
        Error::invalid("resume_token", reason)
    })
}
