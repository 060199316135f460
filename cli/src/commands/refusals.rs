//! Who hears of the lines that an import refuses.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use rollcall_client::bulk::{ImportError, ImportReport};

use crate::context::Context;
use crate::failure::Outcome;
use crate::files::at;
use crate::output::{line, printable};

/// Who hears of lines that are refused.
pub(super) enum Refusals<'a> {
    People,
    Programs,
    File(&'a Path, Option<BufWriter<File>>),
}

impl<'a> Refusals<'a> {
    /// Whoever reads this file, or else the output.
    pub(super) fn new(file: Option<&'a Path>, context: &Context) -> Self {
        match file {
            Some(path) => Self::File(path, None),
            None if context.out.json => Self::Programs,
            None => Self::People,
        }
    }

    /// Tells of a line that was refused.
    pub(super) fn tell(&mut self, report: &ImportReport) -> Outcome {
        match self {
            Self::Programs => line(report),
            Self::File(path, file) => {
                // It is made now: an import that does not begin leaves an earlier one.
                let file = match file {
                    Some(file) => file,
                    None => file.insert(create(path)?),
                };
                let told = serde_json::to_writer(&mut *file, report).map_err(io::Error::from);
                told.and_then(|()| file.write_all(b"\n")).map_err(|error| at(path, &error))
            }
            Self::People => {
                let Some(error) = &report.error else { return Ok(()) };
                Ok(tell_people(report.line.unwrap_or_default(), error)?)
            }
        }
    }

    /// Ends what is told of an import that came to its end.
    pub(super) fn finish(self) -> Outcome {
        match self {
            Self::People | Self::Programs => Ok(()),
            Self::File(path, Some(mut file)) => file.flush().map_err(|error| at(path, &error)),
            // Those of an earlier import would be taken for those of this one.
            Self::File(path, None) if fs::exists(path)? => create(path).map(drop),
            Self::File(_, None) => Ok(()),
        }
    }
}

fn create(path: &Path) -> Outcome<BufWriter<File>> {
    File::create(path).map(BufWriter::new).map_err(|error| at(path, &error))
}

fn tell_people(line: u64, error: &ImportError) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    if error.errors.is_empty() {
        let detail = printable(&error.detail, false);
        writeln!(stderr, "line {line}: {detail} ({})", error.code)?;
    }
    for field in &error.errors {
        writeln!(stderr, "line {line}: {}", printable(&field.to_string(), false))?;
    }
    Ok(())
}
