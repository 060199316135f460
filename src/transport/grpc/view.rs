//! What answers look like: the same as in REST, field by field.

use std::time::Duration;

use prost_types::Timestamp as ProtoTimestamp;

use super::{pb, structs};
use crate::domain::id::SessionId;
use crate::domain::page::{self, Page};
use crate::domain::secret::SecretKey;
use crate::domain::session::{Device, Session};
use crate::domain::time::Timestamp;
use crate::domain::user::{DirectoryEntry, User};
use crate::service::second_factor::Challenge;
use crate::service::sessions::{Admission, SessionList, SignedIn};

/// A user as it may see itself.
pub fn user(user: &User) -> pb::User {
    pb::User {
        id: user.id.to_string(),
        email: user.email.to_string(),
        email_verified_at: user.email_verified_at.map(time),
        name: user.name.to_string(),
        external_id: user.external_id.as_ref().map(ToString::to_string),
        roles: user.roles.iter().map(ToString::to_string).collect(),
        metadata: Some(structs::from_json(&user.metadata.members())),
        created_at: Some(time(user.created_at)),
        updated_at: Some(time(user.updated_at)),
        suspended_at: user.suspended_at.map(time),
        version: user.version,
        own_metadata: Some(structs::from_json(&user.own_metadata.members())),
        private_metadata: None,
    }
}

/// A user for those who may see all users.
pub fn entry(entry: &DirectoryEntry) -> pb::User {
    let private_metadata = Some(structs::from_json(&entry.private_metadata.members()));
    pb::User { private_metadata, ..user(&entry.user) }
}

/// A session as the session `current` sees it.
pub fn session(session: &Session, current: Option<SessionId>) -> pb::Session {
    pb::Session {
        id: session.id.to_string(),
        device: session.device.as_ref().map(Device::as_str).map(str::to_owned),
        address: session.address.clone(),
        created_at: Some(time(session.created_at)),
        last_used_at: Some(time(session.last_used_at)),
        expires_at: Some(time(session.expires_at)),
        current: current == Some(session.id),
    }
}

/// A page of sessions.
pub fn sessions(list: &SessionList) -> Vec<pb::Session> {
    list.page.items.iter().map(|item| session(item, list.current)).collect()
}

/// A session that began or goes on.
pub fn signed_in(signed_in: &SignedIn) -> pb::SignedIn {
    pb::SignedIn {
        access_token: signed_in.access_token.clone(),
        token_type: "Bearer".to_owned(),
        expires_in: Some(duration(signed_in.expires_in)),
        refresh_token: signed_in.refresh_token.clone(),
        session: Some(session(&signed_in.session, Some(signed_in.session.id))),
        user: Some(user(&signed_in.user)),
    }
}

/// What a first factor came to.
pub fn admission(admission: &Admission) -> pb::SignInResponse {
    use pb::sign_in_response::Outcome;
    let outcome = match admission {
        Admission::SignedIn(session) => Outcome::SignedIn(signed_in(session)),
        Admission::SecondFactorRequired(challenge) => {
            Outcome::SecondFactorRequired(second_factor_required(challenge))
        }
    };
    pb::SignInResponse { outcome: Some(outcome) }
}

fn second_factor_required(challenge: &Challenge) -> pb::SecondFactorRequired {
    pb::SecondFactorRequired {
        token: challenge.token.clone(),
        methods: vec!["totp".to_owned(), "recovery_code".to_owned()],
        expires_in: Some(duration(challenge.expires_in)),
    }
}

/// The cursor behind a page of the list that REST has at `list`; empty if it is the
/// last one.
pub fn next_cursor<T>(secret: &SecretKey, list: &str, page: &Page<T>) -> String {
    let write = |key| page::write_cursor(secret, list, key);
    page.next.as_deref().map(write).unwrap_or_default()
}

/// A moment.
pub fn time(at: Timestamp) -> ProtoTimestamp {
    let micros = at.micros().rem_euclid(1_000_000);
    let nanos = i32::try_from(micros.saturating_mul(1_000)).unwrap_or_default();
    ProtoTimestamp { seconds: at.micros().div_euclid(1_000_000), nanos }
}

fn duration(duration: Duration) -> prost_types::Duration {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    prost_types::Duration { seconds, nanos: 0 }
}
