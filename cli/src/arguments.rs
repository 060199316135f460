//! The command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;

use crate::commands::{
    audit, bootstrap, completions, doctor, export, import, invitations, keys, login, logout,
    operations, roles, sessions, users,
};
use crate::failure::EXIT_CODES;

const EXAMPLES: &str = "\
Examples:
  rollcall login --url https://users.example.com
  rollcall users list --limit 20
  rollcall users create --email ada@example.com --name 'Ada Lovelace'
  rollcall --json users list --all | jq -r .email
  ROLLCALL_API_KEY=rck_… rollcall audit verify
  rollcall doctor

Environment:
  ROLLCALL_URL      where the service is, as --url
  ROLLCALL_API_KEY  an API key to call with, instead of signing in
  ROLLCALL_TOKEN    an access token to call with, instead of signing in
  NO_COLOR          no colours, also at a terminal
";

/// Administers a Rollcall service.
///
/// Lists are tables at a terminal and elsewhere; with --json every command prints one
/// JSON value a line, as the API tells it, and nothing else on the standard output.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, after_long_help = format!("{EXAMPLES}\n{EXIT_CODES}"))]
#[command(arg_required_else_help = true, subcommand_required = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Where the service is; unless given, where you signed in last, or
    /// http://127.0.0.1:3000.
    #[arg(long, global = true, env = "ROLLCALL_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Print JSON, one value a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How long an answer may take (5m, 500ms); import and export take as long as they
    /// take, but begin within this time, and do not pause for much longer.
    #[arg(long, global = true, value_name = "DURATION", default_value = "60s")]
    #[arg(value_parser = parse_timeout)]
    pub(crate) timeout: Duration,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in, and keep the session for the commands that follow.
    Login(login::Login),
    /// End the session, and forget it.
    Logout(logout::Logout),
    /// Tell who calls.
    Whoami,
    /// Make the first admin of a service.
    Bootstrap(bootstrap::Bootstrap),
    /// Find, create and change users.
    #[command(subcommand, visible_alias = "user")]
    Users(users::Command),
    /// Create and change many users, from a file or the standard input.
    Import(import::Import),
    /// Write all users, or those of a filter, to the standard output or a file.
    Export(export::Export),
    /// Create and change roles.
    #[command(subcommand, visible_alias = "role")]
    Roles(roles::Command),
    /// Make and revoke API keys.
    #[command(subcommand, visible_alias = "key")]
    Keys(keys::Command),
    /// See and end sessions: your own, or those of a user.
    #[command(subcommand, visible_alias = "session")]
    Sessions(sessions::Command),
    /// Invite people.
    #[command(subcommand, visible_alias = "invitation")]
    Invitations(invitations::Command),
    /// Read and verify the audit trail.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Look at a service from outside: is it well, and well set up?
    Doctor(doctor::Doctor),
    /// Apply the migrations that are pending.
    Migrate(operations::Migrate),
    /// Write the database, which may be in use, to a file.
    Backup(operations::Backup),
    /// Make the database what it was in a file.
    Restore(operations::Restore),
    /// Print what a shell needs to complete commands.
    Completions(completions::Completions),
}

/// How much of a list.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Extent {
    /// At most so many.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// All there are.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl Extent {
    /// At most so many; none is all.
    pub(crate) fn limit(self) -> Option<u32> {
        (!self.all).then_some(self.limit)
    }
}

/// Some time, such as 60s.
fn parse_timeout(text: &str) -> Result<Duration, String> {
    let time = text.parse::<SignedDuration>().ok().filter(SignedDuration::is_positive);
    let time = time.and_then(|time| Duration::try_from(time).ok());
    time.ok_or_else(|| "neither 60s nor 5m".to_owned())
}
