//! `logout`

use clap::Args;
use rollcall_client::{Credential, Error};

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::note;

/// End the session, and forget it.
#[derive(Debug, Args)]
#[command(after_help = "\
It is the session of `rollcall login` that ends, also where ROLLCALL_API_KEY or
ROLLCALL_TOKEN is set. A session that could not be ended is kept, so that it can be
ended later.")]
pub(crate) struct Logout {
    /// Forget the session also if it could not be ended.
    #[arg(long)]
    forget: bool,
}

impl Logout {
    /// Ends the session at the service, and forgets it here.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let session = Credential::session(context.keyring.at(&context.url))?;
        let client = context.client_with(session)?;
        let failed = client.sessions().sign_out().await.err().filter(|error| !has_ended(error));
        match failed {
            None => {
                context.keyring.remove(&context.url)?;
                context.out.say(&format!("Signed out of {}.", context.url))
            }
            Some(error) if self.forget => {
                context.keyring.remove(&context.url)?;
                note(&format!("The session is forgotten, but has not ended: {error}"));
                Ok(())
            }
            Some(error) => {
                if !context.out.json {
                    note("The session is kept: end it later, or `rollcall logout --forget` it.");
                }
                Err(Failure::Service(error))
            }
        }
    }
}

/// Whether there was nothing left to end.
fn has_ended(error: &Error) -> bool {
    matches!(error, Error::SignedOut) || error.status() == Some(401)
}
