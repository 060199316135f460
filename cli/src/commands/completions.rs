//! `completions`

use std::io::{self, Write};

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};

use crate::arguments::Arguments;
use crate::failure::Outcome;

/// Print what a shell needs to complete commands.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall completions bash >~/.local/share/bash-completion/completions/rollcall
  rollcall completions zsh >\"${fpath[1]}/_rollcall\"
  rollcall completions fish >~/.config/fish/completions/rollcall.fish
  rollcall completions powershell >>$PROFILE")]
pub(crate) struct Completions {
    /// Of which shell.
    shell: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

impl Completions {
    pub(crate) fn run(self) -> Outcome {
        let shell = match self.shell {
            Kind::Bash => Shell::Bash,
            Kind::Zsh => Shell::Zsh,
            Kind::Fish => Shell::Fish,
            Kind::Powershell => Shell::PowerShell,
        };
        // It panics when a pipe is gone, and memory never is.
        let mut script = Vec::new();
        generate(shell, &mut Arguments::command(), "rollcall", &mut script);
        Ok(io::stdout().write_all(&script)?)
    }
}
