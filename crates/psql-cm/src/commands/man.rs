//! `man`: the manual pages.

use std::path::PathBuf;

use clap::CommandFactory;
use psqlcm_core::report::Report;

use crate::args::Cli;
use crate::commands::{Done, Text};
use crate::failure::Failure;
use crate::ui::Ui;

/// Write the manual page to standard output, or all pages to a folder
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Write psql-cm.1 and a page for each command into this folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  psql-cm man | man -l -
  psql-cm man --dir ~/.local/share/man/man1";

/// Writes them. They are pages whatever `--format` says.
pub fn run(args: &Args, ui: &Ui) -> Result<Done, Failure> {
    match &args.dir {
        Some(dir) => {
            let written =
                std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir));
            written.map_err(|error| {
                Failure::because(format!("cannot write the manual pages to {}", dir.display()), &error)
            })?;
        }
        None => ui.data(&top_page()?),
    }
    Ok(Done { report: Report::new("man"), text: Text::Said })
}

fn top_page() -> Result<String, Failure> {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
    rendered.map_err(|error| Failure::because("cannot write the manual page", &error))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
