//! `login`

use clap::Args;
use rollcall_client::sessions::SignIn;
use rollcall_client::{Client, Credential, SecondFactorRequired, SignedIn, Tokens};

use crate::context::Context;
use crate::failure::Outcome;
use crate::output::printable;
use crate::prompt;

/// Sign in, and keep the session for the commands that follow.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall login --url https://users.example.com
  rollcall login --email ada@example.com --password-stdin <password.txt

The session is kept in sessions.json in your folder of configuration, for you alone,
and refreshed when it is used.")]
pub(crate) struct Login {
    /// The address to sign in with; asked for unless given.
    #[arg(long)]
    email: Option<String>,
    /// Read the password from the standard input instead of asking for it.
    #[arg(long)]
    password_stdin: bool,
    /// A code of the authenticator app, or a recovery code, where one is needed; asked
    /// for unless given.
    #[arg(long)]
    code: Option<String>,
}

impl Login {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.nobody()?;
        let email = match self.email {
            Some(email) => email,
            None => prompt::ask("Email", "--email says who signs in").await?,
        };
        let password = if self.password_stdin {
            prompt::secret_from_stdin().await?
        } else {
            let otherwise = "--password-stdin takes the password from the standard input";
            prompt::ask_secret("Password", otherwise).await?
        };
        let done = match client.sessions().sign_in(&email, &password).await? {
            SignIn::Done(done) => *done,
            SignIn::SecondFactor(question) => answer(&client, &question, self.code).await?,
        };
        keep(context, &done).await?;
        let text = format!("Signed in to {} as {}.", context.url, done.user.email);
        context.out.say(&text)?;
        if context.out.json { context.out.one(&done.user) } else { Ok(()) }
    }
}

/// Answers the question for a second factor.
async fn answer(
    client: &Client,
    question: &SecondFactorRequired,
    code: Option<String>,
) -> Outcome<SignedIn> {
    let code = match code {
        Some(code) => code,
        None => prompt::ask("Code of the app, or a recovery code", "--code gives it").await?,
    };
    Ok(client.sessions().answer(question, &code).await?)
}

/// Keeps the new session, and ends the one that it replaces.
async fn keep(context: &Context, done: &SignedIn) -> Outcome {
    let former = context.keyring.get(&context.url)?;
    if former.is_some() {
        let former = Credential::session(context.keyring.at(&context.url))?;
        // It may have ended by itself.
        let _ = context.client_with(former)?.sessions().sign_out().await;
    }
    let email = printable(&done.user.email, false);
    Ok(context.keyring.add(&context.url, &email, Tokens::from(done))?)
}
