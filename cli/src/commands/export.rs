//! `export`

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;

use clap::Args;
use futures_util::StreamExt;

use super::import::Written;
use crate::context::Context;
use crate::failure::Outcome;
use crate::files::at;

/// Write all users, or those of a filter, to the standard output or a file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall export | jq -r .email
  rollcall export --format csv -o users.csv
  rollcall export --filter 'role eq \"support\"'

A file is there when it is whole: what breaks off leaves none.")]
pub(crate) struct Export {
    /// How it is to be written.
    #[arg(long, default_value = "ndjson")]
    format: Written,
    /// Those only of which this holds; docs/finding.md has the grammar.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// The file; the standard output unless given.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A file that has its name when it is whole, and is taken away otherwise.
struct Draft<'a> {
    path: &'a Path,
    part: PathBuf,
}

impl Export {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.client()?;
        let users = client.users().export(self.format.into(), self.filter.as_deref()).await?;
        let mut users = pin!(users);
        let draft = self.output.as_deref().map(Draft::of);
        let mut output: Box<dyn Write> = match &draft {
            Some(draft) => Box::new(draft.create()?),
            None => Box::new(io::stdout()),
        };
        while let Some(chunk) = users.next().await {
            output.write_all(&chunk?)?;
        }
        output.flush()?;
        drop(output);
        draft.map_or(Ok(()), Draft::finish)
    }
}

impl<'a> Draft<'a> {
    fn of(path: &'a Path) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        Self { path, part: name.into() }
    }

    /// For its owner alone: it is full of addresses.
    fn create(&self) -> Outcome<BufWriter<File>> {
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.part).map_err(|error| at(&self.part, &error))?;
        Ok(BufWriter::new(file))
    }

    fn finish(self) -> Outcome {
        fs::rename(&self.part, self.path).map_err(|error| at(self.path, &error))
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // It is not there any more when it was finished.
        let _ = fs::remove_file(&self.part);
    }
}
