//! `export`

use std::path::{Path, PathBuf};
use std::pin::pin;

use clap::Args;
use futures_util::StreamExt;

use super::import::Written;
use crate::context::Context;
use crate::draft::Target;
use crate::failure::Outcome;

/// Write all users, or those of a filter, to the standard output or a file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall export | jq -r .email
  rollcall export -o users.csv
  rollcall export --filter 'role eq \"support\"'

A file is there when it is whole: what breaks off leaves none. A device, a pipe and a
link are written into as the users come.")]
pub(crate) struct Export {
    /// How it is to be written; by the name of the file unless given, else ndjson.
    #[arg(long)]
    format: Option<Written>,
    /// Those only of which this holds; docs/finding.md has the grammar.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// The file; the standard output unless given, or for -.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.client()?;
        let format = Written::chosen(self.format, self.output.as_deref().unwrap_or(Path::new("-")));
        let users = client.users().export(format, self.filter.as_deref()).await?;
        let mut users = pin!(users);
        let mut target = Target::open(self.output.as_deref()).await?;
        while let Some(chunk) = users.next().await {
            target.write(&chunk?).await?;
        }
        target.finish().await
    }
}
