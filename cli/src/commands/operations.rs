//! `migrate`, `backup`, `restore`: what reaches past the API.
//!
//! They run the scripts of Rollcall's own folder, as `make migrate` and the others
//! do: the component applies its migrations by itself, and SQLite and Postgres have
//! their own ways to copy a database while it is in use.

use std::path::{self, Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};

use clap::Args;

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::prompt;

/// Which database, and where Rollcall is.
#[derive(Debug, Args)]
struct Place {
    /// Rollcall's folder, with spin.toml and scripts/; the one you are in unless given.
    #[arg(long, env = "ROLLCALL_APP", value_name = "FOLDER")]
    app: Option<PathBuf>,
    /// The URL of a Postgres; SQLite unless given.
    #[arg(long, env = "DATABASE", hide_env_values = true, value_name = "URL")]
    database: Option<String>,
    /// The folder of the SQLite database; .spin in Rollcall's folder unless given.
    #[arg(long, env = "STATE", value_name = "FOLDER")]
    state: Option<PathBuf>,
}

/// Apply the migrations that are pending.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall migrate --app ~/rollcall
  rollcall migrate --database postgres://user@host/name

It needs Rollcall's folder with the component built (`make build`): the component
brings the database up to date by itself, before anybody sends it requests.")]
pub(crate) struct Migrate {
    #[command(flatten)]
    place: Place,
}

/// Write the database, which may be in use, to a file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall backup monday.db
  rollcall backup monday.dump --database postgres://user@host/name

It needs Rollcall's folder, and python3 for SQLite or pg_dump for Postgres. Keep the
setting secret_key with it: without it nobody can sign in with what is in there.")]
pub(crate) struct Backup {
    /// The file, which must not be there yet.
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Make the database what it was in a file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall restore monday.db
  rollcall restore monday.dump --database postgres://user@host/name --yes

It needs Rollcall's folder, and python3 for SQLite or pg_restore for Postgres. Stop the
service first: what it acknowledges meanwhile is gone with the rest.")]
pub(crate) struct Restore {
    /// A file that `backup` has written.
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

impl Migrate {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        self.place.run("migrate", None, context)
    }
}

impl Backup {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        self.place.run("backup", Some(&self.file), context)
    }
}

impl Restore {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let question = format!("Replace everything in the database by {}?", self.file.display());
        prompt::confirm(question, self.yes).await?;
        self.place.run("restore", Some(&self.file), context)
    }
}

impl Place {
    /// Runs a script, which takes the place of this process where that can be.
    fn run(self, script: &str, file: Option<&Path>, context: &Context) -> Outcome {
        let mut command = Command::new(self.app()?.join("scripts").join(script));
        // The script goes to its own folder.
        if let Some(file) = file {
            command.arg(path::absolute(file)?);
        }
        if let Some(state) = self.state {
            command.env("STATE", path::absolute(state)?);
        }
        if let Some(database) = self.database {
            command.env("DATABASE", database);
        }
        if context.out.json {
            // What it says is for people.
            command.stdout(Stdio::from(io::stderr()));
        }
        finish(&mut command)
    }

    /// The folder of Rollcall: the one given, or this one, or one around it.
    fn app(&self) -> Outcome<PathBuf> {
        let here = match &self.app {
            Some(app) => return Ok(path::absolute(app)?),
            None => env::current_dir()?,
        };
        let is_app = |folder: &&Path| {
            folder.join("spin.toml").is_file() && folder.join("scripts/sqlite-copy").is_file()
        };
        here.ancestors().find(is_app).map(Path::to_owned).ok_or_else(|| {
            let text = "this needs Rollcall's own folder, and this is none: --app FOLDER names it";
            Failure::Usage(text.to_owned())
        })
    }
}

#[cfg(unix)]
fn finish(command: &mut Command) -> Outcome {
    let error = std::os::unix::process::CommandExt::exec(command);
    Err(not_run(command, &error))
}

#[cfg(not(unix))]
fn finish(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| not_run(command, &error))?;
    // It has told why.
    if status.success() { Ok(()) } else { Err(Failure::Told) }
}

fn not_run(command: &Command, error: &io::Error) -> Failure {
    Failure::Failed(format!(
        "{} cannot be run: {error}",
        Path::new(command.get_program()).display()
    ))
}
