//! `docs/cli.md` is the whole command line as its help tells it; this keeps the two the same.
//! `UPDATE=1 cargo test -p psql-cm` writes it anew.

use std::fmt::Write;
use std::path::Path;

use clap::{Command, CommandFactory};

use crate::args::{COMMON_HEADING, Cli};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
const HEAD: &str = "# The command line\n\nThis page is the tool's own help, written by `UPDATE=1 cargo test -p psql-cm`.\n\
                    The common options can stand before or after the action.\n";

#[test]
fn the_reference_is_what_the_help_says() {
    let reference = reference();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PATH, &reference).unwrap();
    }
    let written = std::fs::read_to_string(Path::new(PATH)).unwrap_or_default();
    assert!(written == reference, "docs/cli.md is out of date: UPDATE=1 cargo test -p psql-cm");
}

fn reference() -> String {
    let mut command = Cli::command().term_width(100).version("").disable_version_flag(true);
    command.build();
    let mut text = HEAD.to_owned();
    section(&mut text, command.clone());
    for action in command.get_subcommands().filter(|action| action.get_name() != "help") {
        section(&mut text, without_common(action));
    }
    text
}

fn section(text: &mut String, mut command: Command) {
    let name = command.get_bin_name().unwrap_or("psql-cm").to_owned();
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    write!(text, "\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end()).unwrap();
}

/// The common options are documented once, at the top.
fn without_common(action: &Command) -> Command {
    action.clone().mut_args(|arg| {
        let is_common = arg.get_help_heading() == Some(COMMON_HEADING);
        arg.hide(is_common)
    })
}

#[test]
fn every_command_teaches() {
    let reference = reference();
    for section in reference.split("\n## psql-cm ").skip(1) {
        let name = section.lines().next().unwrap();
        assert!(section.contains("Examples:\n  psql-cm "), "{name} has no examples");
        assert!(!section.contains("Common options:"), "{name} documents the common options again");
    }
    assert_eq!(reference.matches("--cm-table <NAME>").count(), 1);
    assert!(reference.contains("--lock-wait <TIME>") && reference.contains("--server-bin <DIR>"));
}
