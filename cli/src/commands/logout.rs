//! `logout`

use rollcall_client::{Credential, Error};

use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Ends the session at the service, and forgets it here in any case.
pub(crate) async fn run(context: &Context) -> Outcome {
    let session = Credential::session(context.keyring.at(&context.url))?;
    let client = context.client_with(session)?;
    let ended = client.sessions().sign_out().await;
    context.keyring.remove(&context.url)?;
    match ended {
        Err(error) if !has_ended(&error) => Err(Failure::Service(error)),
        _ => context.out.say(&format!("Signed out of {}.", context.url)),
    }
}

/// Whether there was nothing left to end.
fn has_ended(error: &Error) -> bool {
    matches!(error, Error::SignedOut) || error.status() == Some(401)
}
