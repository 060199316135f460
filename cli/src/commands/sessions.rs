//! `sessions`

use clap::{ArgGroup, Args, Subcommand};
use rollcall_client::Session;

use super::users::id_of;
use crate::arguments::Extent;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{Row, moment};
use crate::prompt;

/// See and end sessions: your own, or those of a user.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List sessions.
    List(List),
    /// End sessions.
    End(End),
}

/// List sessions.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Those of the user with this id or address; your own unless given.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    #[command(flatten)]
    extent: Extent,
}

/// End sessions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall sessions end 019a0000-0000-7000-8000-000000000002
  rollcall sessions end --others
  rollcall sessions end --user ada@example.com --yes")]
#[command(group = ArgGroup::new("which").required(true).args(["id", "others", "user"]))]
pub(crate) struct End {
    /// The id of a session of yours.
    id: Option<String>,
    /// All of yours but this one.
    #[arg(long)]
    others: bool,
    /// All of the user with this id or address.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

impl Row for Session {
    const COLUMNS: &'static [&'static str] =
        &["ID", "DEVICE", "ADDRESS", "CREATED", "LAST USED", "CURRENT"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.device.clone().unwrap_or_else(|| "-".to_owned()),
            self.address.clone().unwrap_or_else(|| "-".to_owned()),
            moment(&self.created_at),
            moment(&self.last_used_at),
            if self.current { "yes" } else { "no" }.to_owned(),
        ]
    }
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.client()?;
        let sessions = client.sessions();
        match self {
            Self::List(List { user, extent }) => {
                let pages = match &user {
                    Some(user) => sessions.list_of_user(&id_of(&client, user).await?),
                    None => sessions.list(),
                };
                context.out.list(pages, extent.limit()).await
            }
            Self::End(End { id: Some(id), .. }) => {
                sessions.end(&id).await?;
                context.out.say("The session has ended.")
            }
            Self::End(End { user: Some(user), yes, .. }) => {
                let id = id_of(&client, &user).await?;
                let user = client.users().get(&id).await?.value;
                prompt::confirm(format!("End all sessions of {}?", user.email), yes).await?;
                sessions.end_of_user(&id).await?;
                context.out.say(&format!("{} is signed out everywhere.", user.email))
            }
            Self::End(End { yes, .. }) => {
                prompt::confirm("End all your other sessions?".to_owned(), yes).await?;
                sessions.end_others().await?;
                context.out.say("Your other sessions have ended.")
            }
        }
    }
}
