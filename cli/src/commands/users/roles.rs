//! `users roles`

use clap::Args;
use rollcall_client::{Client, Versioned};
use serde_json::json;

use super::id_of;
use crate::context::Context;
use crate::failure::Outcome;

/// Show or change the roles of a user.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall users roles 019a0000-0000-7000-8000-000000000001
  rollcall users roles ada@example.com --add support
  rollcall users roles ada@example.com --set user,billing")]
pub(crate) struct Roles {
    /// The id or the address of the user.
    user: String,
    /// These instead of those they have, separated by commas; '' for none.
    #[arg(long, value_delimiter = ',', value_name = "ROLES", conflicts_with_all = ["add", "remove"])]
    set: Option<Vec<String>>,
    /// These besides, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ROLES")]
    add: Vec<String>,
    /// These no longer, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ROLES")]
    remove: Vec<String>,
}

impl Roles {
    pub(super) async fn run(self, context: &Context, client: &Client) -> Outcome {
        let id = id_of(client, &self.user).await?;
        let Versioned { value: user, etag } = client.users().get(&id).await?;
        let is_question = self.set.is_none() && self.add.is_empty() && self.remove.is_empty();
        let roles = if is_question {
            user.roles
        } else {
            let wanted = match self.set {
                Some(set) => listed(set),
                None => changed(user.roles, self.add, &self.remove),
            };
            client.users().replace_roles(&id, &wanted, etag.as_deref()).await?.value.roles
        };
        if context.out.json {
            return context.out.one(&json!({"id": id, "roles": roles}));
        }
        roles.iter().try_for_each(|role| context.out.say(role))
    }
}

/// A list as it was meant: an empty text is an empty list, not one with an empty name.
pub(crate) fn listed(list: Vec<String>) -> Vec<String> {
    if list == [""] { Vec::new() } else { list }
}

/// The list with some more and without others, nothing twice.
pub(crate) fn changed(mut list: Vec<String>, add: Vec<String>, remove: &[String]) -> Vec<String> {
    for name in add {
        if !list.contains(&name) {
            list.push(name);
        }
    }
    list.retain(|name| !remove.contains(name));
    list
}
