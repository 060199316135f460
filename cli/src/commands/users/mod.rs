//! `users`

mod profile;
mod roles;

use clap::{Args, Subcommand};
use rollcall_client::{Client, User, Versioned};

pub(crate) use self::roles::changed;
use crate::arguments::Extent;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{Row, moment, moment_or};
use crate::prompt;

/// Find, create and change users.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List users, the oldest first.
    List(List),
    /// Show users.
    Get(Users),
    /// Create a user.
    Create(profile::Create),
    /// Change a user; what is not given stays as it is.
    Update(profile::Update),
    /// Delete users, for ever.
    Delete(Delete),
    /// Let users sign in no longer, and end their sessions.
    Suspend(Users),
    /// Let users sign in again.
    Unsuspend(Users),
    /// Show or change the roles of a user.
    Roles(roles::Roles),
    /// Take a user's second factors away, and end their sessions.
    ResetFactors(ResetFactors),
}

/// List users, the oldest first.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    extent: Extent,
}

/// Which users.
#[derive(Debug, Args)]
pub(crate) struct Users {
    /// Their ids.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
}

/// Delete users, for ever.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    users: Users,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// Take a user's second factors away, and end their sessions.
#[derive(Debug, Args)]
pub(crate) struct ResetFactors {
    /// The id of the user.
    id: String,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

impl Row for User {
    const COLUMNS: &'static [&'static str] =
        &["ID", "EMAIL", "NAME", "ROLES", "VERIFIED", "CREATED", "SUSPENDED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.email.clone(),
            self.name.clone(),
            self.roles.join(","),
            if self.email_verified_at.is_some() { "yes" } else { "no" }.to_owned(),
            moment(&self.created_at),
            moment_or(self.suspended_at.as_deref(), "-"),
        ]
    }
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.client()?;
        match self {
            Self::List(list) => context.out.list(client.users().list(), list.extent.limit()).await,
            Self::Get(users) => users.each(context, async |id| client.users().get(id).await).await,
            Self::Create(create) => create.run(context, &client).await,
            Self::Update(update) => update.run(context, &client).await,
            Self::Delete(delete) => delete.run(context, &client).await,
            Self::Suspend(users) => {
                users.each(context, async |id| client.users().suspend(id, None).await).await
            }
            Self::Unsuspend(users) => {
                users.each(context, async |id| client.users().unsuspend(id, None).await).await
            }
            Self::Roles(roles) => roles.run(context, &client).await,
            Self::ResetFactors(reset) => reset.run(context, &client).await,
        }
    }
}

impl Users {
    /// Does the same to each, in order, up to the first that fails.
    async fn each<F>(self, context: &Context, act: F) -> Outcome
    where
        F: AsyncFn(&str) -> rollcall_client::Result<Versioned<User>>,
    {
        for id in &self.ids {
            context.out.one(&act(id).await?.value)?;
        }
        Ok(())
    }
}

impl Delete {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        for id in &self.users.ids {
            let user = client.users().get(id).await?;
            let Versioned { value: User { email, name, .. }, etag } = user;
            let question = format!("Delete {email} ({name}) for ever?");
            prompt::confirm(question, self.yes).await?;
            // What was asked about is what is deleted.
            client.users().delete(id, etag.as_deref()).await?;
            context.out.say(&format!("Deleted {email}."))?;
        }
        Ok(())
    }
}

impl ResetFactors {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        let user = client.users().get(&self.id).await?.value;
        let question = format!("Take the second factors of {} away?", user.email);
        prompt::confirm(question, self.yes).await?;
        client.users().reset_factors(&self.id).await?;
        context.out.say(&format!("{} has no second factor any longer.", user.email))
    }
}
