//! `keys`

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use rollcall_client::{ApiKey, CreateApiKey};

use crate::arguments::Extent;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{Row, moment, moment_or, note};
use crate::prompt;

/// Make and revoke API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List keys, without the keys themselves.
    List(Extent),
    /// Make a key, which is printed once and never again.
    Create(Create),
    /// Revoke a key, at once.
    #[command(visible_alias = "revoke")]
    Delete(Delete),
}

/// Make a key, which is printed once and never again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall keys create billing --permissions users:read --expires 90d
  rollcall keys create backups --permissions users:read --expires 2030-01-01T00:00:00Z
  KEY=$(rollcall --json keys create ci --permissions users:read,users:write | jq -r .key)")]
pub(crate) struct Create {
    /// What it is for.
    name: String,
    /// What it may do, separated by commas: `rollcall roles permissions` lists what there is.
    #[arg(long, short, value_delimiter = ',', required = true, value_name = "PERMISSIONS")]
    permissions: Vec<String>,
    /// When it ends: in how long (90d, 12h), or a moment (RFC 3339); never unless given.
    #[arg(long, value_name = "WHEN", value_parser = parse_end)]
    expires: Option<Timestamp>,
}

/// Revoke a key, at once.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The id of the key, which is not the key itself.
    id: String,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

impl Row for ApiKey {
    const COLUMNS: &'static [&'static str] =
        &["ID", "NAME", "PERMISSIONS", "CREATED", "EXPIRES", "LAST USED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.name.clone(),
            self.permissions.join(","),
            moment(&self.created_at),
            moment_or(self.expires_at.as_deref(), "never"),
            moment_or(self.last_used_at.as_deref(), "never"),
        ]
    }
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.client()?;
        match self {
            Self::List(extent) => context.out.list(client.api_keys().list(), extent.limit()).await,
            Self::Create(create) => {
                let expires_at = create.expires.map(|moment| moment.to_string());
                let key =
                    CreateApiKey { name: create.name, permissions: create.permissions, expires_at };
                context.out.one(&client.api_keys().create(&key).await?)?;
                note("Keep the key: nobody can see it again.");
                Ok(())
            }
            Self::Delete(Delete { id, yes }) => {
                let key = client.api_keys().get(&id).await?;
                prompt::confirm(format!("Revoke the key {}?", key.name), yes).await?;
                client.api_keys().delete(&id).await?;
                context.out.say(&format!("Revoked the key {}.", key.name))
            }
        }
    }
}

/// A moment: RFC 3339, or so long from now.
fn parse_end(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let span: Span = text.parse().map_err(|_| "neither 90d nor 2030-01-01T00:00:00Z".to_owned())?;
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    now.checked_add(span).map(|end| end.timestamp()).map_err(|error| error.to_string())
}
