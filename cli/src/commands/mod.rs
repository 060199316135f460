//! What is done.

pub(crate) mod audit;
pub(crate) mod bootstrap;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod operations;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod users;
pub(crate) mod whoami;

mod refusals;
mod token;

use crate::arguments::{Arguments, Command};
use crate::context::Context;
use crate::failure::Outcome;
use crate::keyring::Keyring;

/// Does what the command line says.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let keyring = match &arguments.command {
        Command::Login(_) => Keyring::open_for_login()?,
        _ => Keyring::open()?,
    };
    let context = Context::new(arguments.common, keyring)?;
    let outcome = dispatch(&context, arguments.command).await;
    outcome.map_err(|failure| context.locate(failure))
}

async fn dispatch(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Login(login) => login.run(context).await,
        Command::Logout(logout) => logout.run(context).await,
        Command::Whoami => whoami::run(context).await,
        Command::Bootstrap(bootstrap) => bootstrap.run(context).await,
        Command::Users(command) => command.run(context).await,
        Command::Roles(command) => command.run(context).await,
        Command::Keys(command) => command.run(context).await,
        Command::Sessions(command) => command.run(context).await,
        Command::Invitations(command) => command.run(context).await,
        Command::Import(import) => import.run(context).await,
        Command::Export(export) => export.run(context).await,
        Command::Audit(command) => command.run(context).await,
        Command::Doctor(doctor) => doctor.run(context).await,
        Command::Migrate(migrate) => migrate.run(context),
        Command::Backup(backup) => backup.run(context),
        Command::Restore(restore) => restore.run(context).await,
        Command::Completions(completions) => completions.run(),
    }
}
