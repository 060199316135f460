//! `invitations`

use clap::{Args, Subcommand};
use rollcall_client::Invitation;

use crate::arguments::Extent;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{Row, moment};
use crate::prompt;

/// Invite people.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List invitations that are open.
    List(Extent),
    /// Invite somebody by mail.
    Create(Create),
    /// Take an invitation back.
    #[command(visible_alias = "revoke")]
    Delete(Delete),
}

/// Invite somebody by mail.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  rollcall invitations create ada@example.com --role support --role user")]
pub(crate) struct Create {
    /// Their address.
    email: String,
    /// What they will be; may be given several times; `user` unless given.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
}

/// Take an invitation back.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Its id.
    id: String,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

impl Row for Invitation {
    const COLUMNS: &'static [&'static str] =
        &["ID", "EMAIL", "ROLES", "INVITED BY", "CREATED", "EXPIRES"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.email.clone(),
            self.roles.join(","),
            self.invited_by.clone(),
            moment(&self.created_at),
            moment(&self.expires_at),
        ]
    }
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.client()?;
        let invitations = client.invitations();
        match self {
            Self::List(extent) => context.out.list(invitations.list(), extent.limit()).await,
            Self::Create(Create { email, roles }) => {
                let roles = (!roles.is_empty()).then_some(roles);
                context.out.one(&invitations.create(&email, roles.as_deref()).await?)
            }
            Self::Delete(Delete { id, yes }) => {
                prompt::confirm(format!("Take the invitation {id} back?"), yes).await?;
                invitations.delete(&id).await?;
                context.out.say("The invitation is good no longer.")
            }
        }
    }
}
