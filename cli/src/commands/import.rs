//! `import`

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::pin::Pin;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use futures_util::{Stream, stream};
use indicatif::{ProgressBar, ProgressStyle};
use rollcall_client::bulk::{Format, ImportOptions, ImportSummary};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::refusals::Refusals;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::files::{at, is_same};
use crate::output::{self, note};

/// How much of a file is read at once.
const CHUNK: usize = 64 * 1024;

/// Create and change many users, from a file or the standard input.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall import users.ndjson --dry-run
  rollcall import users.csv --failures refused.ndjson
  generate | rollcall import -

Each line is a user: {\"external_id\": \"crm-42\", \"email\": …, \"name\": …}; docs/import.md
has all members. A user whose external_id is known is changed, another one is created. A
line that is refused does not keep the others from being taken; the exit code is 1 then.
Whoever interrupts an import may run it again: who is there already by their external_id
stays as they are, and a line without one is refused by its address.")]
pub(crate) struct Import {
    /// The file, or - for the standard input.
    file: PathBuf,
    /// How it is written; by the name of the file unless given, else ndjson.
    #[arg(long)]
    format: Option<Written>,
    /// Only tell what would become of each line.
    #[arg(long)]
    dry_run: bool,
    /// Write the lines that are refused to a file, as JSON, instead of to the standard
    /// error.
    #[arg(long, value_name = "FILE")]
    failures: Option<PathBuf>,
}

/// How users are written down.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Written {
    /// An object of JSON on each line.
    Ndjson,
    /// Whose first line names the columns.
    Csv,
}

impl Written {
    /// How a file is written: as somebody says, or else by its name.
    pub(super) fn chosen(said: Option<Self>, file: &Path) -> Format {
        let is_csv = file.extension().is_some_and(|name| name.eq_ignore_ascii_case("csv"));
        said.unwrap_or(if is_csv { Self::Csv } else { Self::Ndjson }).into()
    }
}

impl From<Written> for Format {
    fn from(written: Written) -> Self {
        match written {
            Written::Ndjson => Self::Ndjson,
            Written::Csv => Self::Csv,
        }
    }
}

impl Import {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let failures = self.failures.as_deref();
        if failures.is_some_and(|failures| is_same(&self.file, failures)) {
            let text = "--failures is the same file as the one to import";
            return Err(Failure::Usage(text.to_owned()));
        }
        let client = context.client()?;
        let mut refusals = Refusals::new(failures, context);
        let (users, bar) = self.open().await?;
        let format = Written::chosen(self.format, &self.file);
        let options = ImportOptions { dry_run: self.dry_run, only_failed: true };
        let mut reports = client.users().import(format, options, users).await?;
        let mut summary = None;
        while let Some(report) = reports.next().await? {
            if let Some(counts) = &report.progress {
                bar.set_message(format!("{} lines, {} refused", counts.lines, counts.failed));
            }
            if report.error.is_some() {
                bar.suspend(|| refusals.tell(&report))?;
            }
            summary = report.summary.or(summary);
        }
        bar.finish_and_clear();
        refusals.finish()?;
        let broken = "the service stopped in the middle: run the import again";
        conclude(context, &summary.ok_or_else(|| Failure::Failed(broken.to_owned()))?)
    }

    /// What is to be sent, and what shows how much of it was.
    async fn open(
        &self,
    ) -> Outcome<(impl Stream<Item = io::Result<Bytes>> + 'static, ProgressBar)> {
        let (input, bar): (Pin<Box<dyn AsyncRead + Send>>, _) = if self.file == Path::new("-") {
            (Box::pin(tokio::io::stdin()), ProgressBar::new_spinner())
        } else {
            let path = &self.file;
            let found = fs::metadata(path).map_err(|error| at(path, &error))?;
            if found.is_dir() {
                return Err(Failure::Usage(format!("{} is a folder", path.display())));
            }
            let file = tokio::fs::File::open(path).await.map_err(|error| at(path, &error))?;
            (Box::pin(file), ProgressBar::new(found.len()).with_style(style()))
        };
        // A bar is for who sees it.
        if !io::stderr().is_terminal() {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        let sent = bar.clone();
        let users = stream::try_unfold((input, sent), async |(mut input, sent)| {
            let mut chunk = Vec::with_capacity(CHUNK);
            let read = input.read_buf(&mut chunk).await?;
            sent.inc(u64::try_from(read).unwrap_or_default());
            Ok((read > 0).then(|| (Bytes::from(chunk), (input, sent))))
        });
        Ok((users, bar))
    }
}

/// Tells how it ended.
fn conclude(context: &Context, summary: &ImportSummary) -> Outcome {
    let counts = &summary.counts;
    if context.out.json {
        output::line(&json!({"summary": summary}))?;
    } else {
        let would = if summary.dry_run { "would be " } else { "" };
        context.out.say(&format!(
            "{} lines: {would}{} created, {} updated, {} unchanged, {} refused",
            counts.lines, counts.created, counts.updated, counts.unchanged, counts.failed
        ))?;
    }
    if let Some(error) = &summary.error {
        let text = format!("not every line was read: {} ({})", error.detail, error.code);
        note("What was taken is taken: run the import again.");
        return Err(Failure::Failed(text));
    }
    if counts.failed > 0 { Err(Failure::Told) } else { Ok(()) }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:30} {percent:>3}%  {elapsed}  eta {eta}  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
