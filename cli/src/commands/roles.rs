//! `roles`

use clap::{Args, Subcommand};
use rollcall_client::{Client, Permission, Role};

use super::users::{changed, listed};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{Row, moment};
use crate::prompt;

/// Create and change roles.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List roles.
    List,
    /// Show a role.
    Get {
        /// Its name.
        name: String,
    },
    /// List what can be allowed.
    Permissions,
    /// Make a role.
    Create(Create),
    /// Change what a role allows.
    Update(Update),
    /// Delete a role that nobody holds.
    Delete(Delete),
}

/// Make a role.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  rollcall roles create support --permissions users:read,sessions:read")]
pub(crate) struct Create {
    /// What it is called.
    name: String,
    /// What it allows, separated by commas.
    #[arg(long, short, value_delimiter = ',', value_name = "PERMISSIONS")]
    permissions: Vec<String>,
}

/// Change what a role allows.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall roles update support --add sessions:write
  rollcall roles update support --set users:read")]
pub(crate) struct Update {
    /// Its name.
    name: String,
    /// These instead of those it has, separated by commas; '' for none.
    #[arg(long, value_delimiter = ',', value_name = "PERMISSIONS", conflicts_with_all = ["add", "remove"])]
    set: Option<Vec<String>>,
    /// These besides, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "PERMISSIONS")]
    add: Vec<String>,
    /// These no longer, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "PERMISSIONS")]
    remove: Vec<String>,
}

/// Delete a role that nobody holds.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Its name.
    name: String,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

impl Row for Role {
    const COLUMNS: &'static [&'static str] = &["NAME", "PERMISSIONS", "BUILT IN", "UPDATED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.permissions.join(","),
            if self.built_in { "yes" } else { "no" }.to_owned(),
            moment(&self.updated_at),
        ]
    }
}

impl Row for Permission {
    const COLUMNS: &'static [&'static str] = &["NAME", "ALLOWS"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.description.clone()]
    }
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.client()?;
        match self {
            Self::List => context.out.list(client.roles().list(), None).await,
            Self::Get { name } => context.out.one(&client.roles().get(&name).await?.value),
            Self::Permissions => context.out.list(client.roles().permissions(), None).await,
            Self::Create(create) => {
                let role = client.roles().create(&create.name, &create.permissions).await?;
                context.out.one(&role.value)
            }
            Self::Update(update) => update.run(context, &client).await,
            Self::Delete(delete) => delete.run(context, &client).await,
        }
    }
}

impl Update {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        if self.set.is_none() && self.add.is_empty() && self.remove.is_empty() {
            let text = "nothing to change was given: --set, --add or --remove";
            return Err(Failure::Usage(text.to_owned()));
        }
        let role = client.roles().get(&self.name).await?;
        let has = role.value.permissions;
        let wanted = match self.set {
            Some(set) => listed(set),
            None => changed(has, self.add, &self.remove),
        };
        let etag = role.etag.unwrap_or_else(|| "*".to_owned());
        let role = client.roles().replace(&self.name, &wanted, &etag).await?;
        context.out.one(&role.value)
    }
}

impl Delete {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        let role = client.roles().get(&self.name).await?;
        prompt::confirm(format!("Delete the role {}?", self.name), self.yes).await?;
        client.roles().delete(&self.name, role.etag.as_deref()).await?;
        context.out.say(&format!("Deleted the role {}.", self.name))
    }
}
