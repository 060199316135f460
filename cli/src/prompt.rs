//! What is asked at a terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::failure::{Failure, Outcome};

/// How the terminal was at the start: Ctrl-C while a password is typed must not
/// leave it silent.
pub(crate) struct Terminal {
    #[cfg(unix)]
    modes: Option<rustix::termios::Termios>,
}

#[cfg(unix)]
impl Terminal {
    /// Remembers it, if there is one.
    pub(crate) fn remember() -> Self {
        Self { modes: rustix::termios::tcgetattr(io::stdin()).ok() }
    }

    /// Makes it what it was.
    pub(crate) fn restore(&self) {
        if let Some(modes) = &self.modes {
            let now = rustix::termios::OptionalActions::Now;
            // There is nobody left to tell that it failed.
            let _ = rustix::termios::tcsetattr(io::stdin(), now, modes);
            let _ = writeln!(io::stderr());
        }
    }
}

#[cfg(not(unix))]
impl Terminal {
    /// There it needs no care.
    pub(crate) fn remember() -> Self {
        Self {}
    }

    /// See [`Terminal::remember`].
    pub(crate) fn restore(&self) {}
}

/// A line; `otherwise` says what to give on the command line where nobody is asked.
pub(crate) async fn ask(question: &'static str, otherwise: &str) -> Outcome<String> {
    require_terminal(otherwise)?;
    blocking(move || {
        write!(io::stderr(), "{question}: ")?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        Ok(line.trim().to_owned())
    })
    .await
}

/// A line that is not shown.
pub(crate) async fn ask_secret(question: &'static str, otherwise: &str) -> Outcome<String> {
    require_terminal(otherwise)?;
    blocking(move || rpassword::prompt_password(format!("{question}: "))).await
}

/// A new password, twice.
pub(crate) async fn ask_new_password() -> Outcome<String> {
    let otherwise = "--password-stdin takes the password from the standard input";
    let password = ask_secret("Password", otherwise).await?;
    let again = ask_secret("The same again", otherwise).await?;
    if password == again {
        Ok(password)
    } else {
        Err(Failure::Usage("the two passwords differ".to_owned()))
    }
}

/// The first line of the standard input.
pub(crate) async fn secret_from_stdin() -> Outcome<String> {
    blocking(|| {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    })
    .await
}

/// Whether somebody who was asked says yes. Where nobody is asked, `--yes` must say it.
pub(crate) async fn confirm(question: String, yes: bool) -> Outcome {
    if yes {
        return Ok(());
    }
    require_terminal("--yes confirms it")?;
    let answer = blocking(move || {
        write!(io::stderr(), "{} [y/N] ", crate::output::printable(&question, false))?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        Ok(line)
    })
    .await?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Failed("nothing was changed".to_owned())),
    }
}

fn require_terminal(otherwise: &str) -> Outcome {
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        Ok(())
    } else {
        Err(Failure::Usage(format!("there is no terminal to ask at: {otherwise}")))
    }
}

/// On a thread of its own, so that Ctrl-C is heard meanwhile.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Outcome<T> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(io::Error::other)??)
}
