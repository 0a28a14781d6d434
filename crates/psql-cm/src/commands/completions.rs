//! `completions`: what a shell needs to complete our command lines.

use clap::CommandFactory;
use clap_complete::Shell;
use psqlcm_core::report::Report;

use crate::args::Cli;
use crate::commands::{Done, Text};
use crate::failure::Failure;
use crate::ui::Ui;

/// Write the completions for a shell to standard output
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// The shell to write for
    pub shell: Shell,
}

const EXAMPLES: &str = "Examples:
  psql-cm completions bash > ~/.local/share/bash-completion/completions/psql-cm
  psql-cm completions zsh > ~/.zfunc/_psql-cm
  psql-cm completions fish > ~/.config/fish/completions/psql-cm.fish";

/// Writes them. They are a script whatever `--format` says.
pub fn run(args: &Args, ui: &Ui) -> Result<Done, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "psql-cm", &mut script);
    ui.data(&String::from_utf8_lossy(&script));
    Ok(Done { report: Report::new("completions"), text: Text::Said })
}
