//! `users create`, `users update`

use std::{fs, io};

use clap::Args;
use rollcall_client::{Client, CreateUser, PatchUser};
use serde_json::{Map, Value};

use super::id_of;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::prompt;

/// Create a user.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall users create --email ada@example.com --name 'Ada Lovelace'
  rollcall users create --email ada@example.com --name Ada --role support --role user
  rollcall users create --email ada@example.com --name Ada --metadata '{\"plan\": \"pro\"}'
  rollcall users create --email ada@example.com --name Ada --password-stdin <password.txt")]
pub(crate) struct Create {
    /// The address to sign in with.
    #[arg(long)]
    email: String,
    /// What they are called.
    #[arg(long)]
    name: String,
    /// Read a password from the standard input; without one, the user cannot sign in
    /// with a password yet.
    #[arg(long, conflicts_with = "password_hash")]
    password_stdin: bool,
    /// The hash of the password by another service.
    #[arg(long, value_name = "HASH")]
    password_hash: Option<String>,
    /// A role; may be given several times; `user` unless given.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The application's own key for the user.
    #[arg(long, value_name = "KEY")]
    external_id: Option<String>,
    #[command(flatten)]
    metadata: Metadata,
}

/// Change a user; what is not given stays as it is.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall users update ada@example.com --name 'Ada King'
  rollcall users update 019a0000-0000-7000-8000-000000000001 --metadata '{\"plan\": null}'

Metadata is merged into what is there; a null takes a member away.
With --if-version it is changed only while it has that version (exit code 5).")]
pub(crate) struct Update {
    /// The id or the address of the user.
    user: String,
    /// Another address.
    #[arg(long)]
    email: Option<String>,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    /// Another key of the application's own.
    #[arg(long, value_name = "KEY")]
    external_id: Option<String>,
    /// Take the key of the application's own away.
    #[arg(long, conflicts_with = "external_id")]
    no_external_id: bool,
    #[command(flatten)]
    metadata: Metadata,
    /// Only while it has this version.
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
}

/// What is kept about a user, in three parts.
#[derive(Debug, Args)]
struct Metadata {
    /// What the user may see: a JSON object, or @FILE.
    #[arg(long, value_name = "JSON", value_parser = object)]
    metadata: Option<Object>,
    /// What the user does not see: a JSON object, or @FILE.
    #[arg(long, value_name = "JSON", value_parser = object)]
    private_metadata: Option<Object>,
    /// What the user sees and writes: a JSON object, or @FILE.
    #[arg(long, value_name = "JSON", value_parser = object)]
    own_metadata: Option<Object>,
}

type Object = Map<String, Value>;

impl Create {
    pub(super) async fn run(self, context: &Context, client: &Client) -> Outcome {
        let password = match self.password_stdin {
            true => Some(prompt::secret_from_stdin().await?),
            false => None,
        };
        let user = CreateUser {
            email: self.email,
            name: self.name,
            password,
            password_hash: self.password_hash,
            roles: (!self.roles.is_empty()).then_some(self.roles),
            external_id: self.external_id,
            metadata: self.metadata.metadata,
            private_metadata: self.metadata.private_metadata,
            own_metadata: self.metadata.own_metadata,
        };
        context.out.one(&client.users().create(&user).await?.value)
    }
}

impl Update {
    pub(super) async fn run(self, context: &Context, client: &Client) -> Outcome {
        let Metadata { metadata, private_metadata, own_metadata } = self.metadata;
        let (email, name) = (self.email, self.name);
        let external_id = if self.no_external_id { Some(None) } else { self.external_id.map(Some) };
        let patch =
            PatchUser { email, name, external_id, metadata, private_metadata, own_metadata };
        if patch == PatchUser::default() {
            return Err(Failure::Usage("nothing to change was given".to_owned()));
        }
        let etag = self.if_version.map(|version| format!("\"{version}\""));
        let id = id_of(client, &self.user).await?;
        let user = client.users().patch(&id, &patch, etag.as_deref()).await?;
        context.out.one(&user.value)
    }
}

/// A JSON object, as it is or in the file behind an @.
fn object(text: &str) -> Result<Object, String> {
    let read = match text.strip_prefix('@') {
        Some("-") => io::read_to_string(io::stdin().lock()),
        Some(path) => fs::read_to_string(path),
        None => Ok(text.to_owned()),
    };
    let text = read.map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("that is no JSON object: {error}"))
}
