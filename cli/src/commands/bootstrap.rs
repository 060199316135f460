//! `bootstrap`

use clap::Args;

use crate::context::Context;
use crate::failure::Outcome;
use crate::prompt;

/// Make the first admin of a service.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  . .spin/dev.env     # of `make up`
  ROLLCALL_BOOTSTRAP_TOKEN=$SPIN_VARIABLE_BOOTSTRAP_TOKEN \\
      rollcall bootstrap --email ada@example.com --name 'Ada Lovelace'

The token is the setting bootstrap_token of the service.")]
pub(crate) struct Bootstrap {
    /// The admin's address.
    #[arg(long)]
    email: String,
    /// The admin's name.
    #[arg(long)]
    name: String,
    /// Read the password from the standard input instead of asking for it.
    #[arg(long)]
    password_stdin: bool,
    /// The operator's token; asked for unless given.
    #[arg(long, env = "ROLLCALL_BOOTSTRAP_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl Bootstrap {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let token = match self.token {
            Some(token) => token,
            None => {
                let otherwise = "ROLLCALL_BOOTSTRAP_TOKEN gives the operator's token";
                prompt::ask_secret("Bootstrap token", otherwise).await?
            }
        };
        let password = if self.password_stdin {
            prompt::secret_from_stdin().await?
        } else {
            prompt::ask_new_password().await?
        };
        let service = context.nobody()?;
        let service = service.service();
        let admin = service.bootstrap(&token, &self.email, &self.name, &password).await?;
        if context.out.json {
            return context.out.one(&admin);
        }
        context.out.say(&format!("{} is the first admin of {}.", admin.email, context.url))?;
        context.out.say(&format!("Sign in: rollcall login --url {}", context.url))
    }
}
