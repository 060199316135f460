//! `users`

mod profile;
mod roles;

use clap::{Args, Subcommand};
use rollcall_client::{Client, User, UserQuery, Versioned};
use serde_json::json;

pub(crate) use self::roles::{changed, listed};
use crate::arguments::Extent;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{Row, moment, moment_or};
use crate::prompt;

/// Find, create and change users.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List users, the oldest first.
    List(List),
    /// Find users by a part of their address or name.
    Find(Find),
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
#[command(after_help = "\
Examples:
  rollcall users list --sort -created_at --limit 20
  rollcall users list --filter 'role eq \"support\" and suspended_at pr' --all
  rollcall users list --external-id crm-42")]
pub(crate) struct List {
    /// With this address.
    #[arg(long)]
    email: Option<String>,
    /// With this key of the application's own.
    #[arg(long, value_name = "KEY")]
    external_id: Option<String>,
    /// Of whom this holds; docs/finding.md has the grammar.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// By id, created_at, updated_at, email, name, external_id or suspended_at; with a
    /// minus before it in reverse.
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    sort: Option<String>,
    #[command(flatten)]
    extent: Extent,
}

/// Find users by a part of their address or name.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall users find ada
  rollcall users find @example.com --all")]
pub(crate) struct Find {
    /// What the address or the name has in it.
    text: String,
    #[command(flatten)]
    extent: Extent,
}

/// Which users.
#[derive(Debug, Args)]
pub(crate) struct Users {
    /// Their ids or addresses.
    #[arg(required = true, value_name = "USER")]
    users: Vec<String>,
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
    /// The id or the address of the user.
    user: String,
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
            Self::List(list) => list.run(context, &client).await,
            Self::Find(find) => find.run(context, &client).await,
            Self::Get(users) => {
                users.each(context, &client, async |id| client.users().get(id).await).await
            }
            Self::Create(create) => create.run(context, &client).await,
            Self::Update(update) => update.run(context, &client).await,
            Self::Delete(delete) => delete.run(context, &client).await,
            Self::Suspend(users) => {
                users
                    .each(context, &client, async |id| client.users().suspend(id, None).await)
                    .await
            }
            Self::Unsuspend(users) => {
                users
                    .each(context, &client, async |id| client.users().unsuspend(id, None).await)
                    .await
            }
            Self::Roles(roles) => roles.run(context, &client).await,
            Self::ResetFactors(reset) => reset.run(context, &client).await,
        }
    }
}

impl List {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        let Self { email, external_id, filter, sort, extent } = self;
        let query = UserQuery { email, external_id, filter, sort };
        context.out.list(client.users().list(query), extent.limit()).await
    }
}

impl Find {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        // As in JSON: what is in quotes there is in quotes here.
        let text = json!(self.text);
        let filter = Some(format!("email co {text} or name co {text}"));
        let query = UserQuery { filter, ..UserQuery::default() };
        context.out.list(client.users().list(query), self.extent.limit()).await
    }
}

impl Users {
    /// Does the same to each, in order, up to the first that fails.
    async fn each<F>(self, context: &Context, client: &Client, act: F) -> Outcome
    where
        F: AsyncFn(&str) -> rollcall_client::Result<Versioned<User>>,
    {
        for user in &self.users {
            let id = id_of(client, user).await?;
            context.out.one(&act(&id).await?.value)?;
        }
        Ok(())
    }
}

impl Delete {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        for user in &self.users.users {
            let id = id_of(client, user).await?;
            let Versioned { value: user, etag } = client.users().get(&id).await?;
            let User { email, name, .. } = user;
            let question = format!("Delete {email} ({name}) for ever?");
            prompt::confirm(question, self.yes).await?;
            // What was asked about is what is deleted.
            client.users().delete(&id, etag.as_deref()).await?;
            context.out.say(&format!("Deleted {email}."))?;
        }
        Ok(())
    }
}

impl ResetFactors {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        let id = id_of(client, &self.user).await?;
        let user = client.users().get(&id).await?.value;
        let question = format!("Take the second factors of {} away?", user.email);
        prompt::confirm(question, self.yes).await?;
        client.users().reset_factors(&id).await?;
        context.out.say(&format!("{} has no second factor any longer.", user.email))
    }
}

/// The id of a user who is named by it, or by the address.
pub(crate) async fn id_of(client: &Client, user: &str) -> Outcome<String> {
    if !user.contains('@') {
        return Ok(user.to_owned());
    }
    let found = client.users().with_email(user).await?;
    let nobody = || Failure::NotFound(format!("nobody has the address {user}"));
    Ok(found.ok_or_else(nobody)?.id)
}
