//! psql-cm: the binary that talks to people. It reads the command line, calls the engine and shows what came
//! of it; what is computed and what is done stands in the two other crates.

mod args;
mod cluster;
mod commands;
mod context;
mod defect;
mod differences;
mod explain;
mod failure;
mod password;
mod progress;
#[cfg(test)]
mod reference;
mod render;
mod settings;
mod signals;
mod sources;
mod terminal;
mod ui;
mod values;
mod variables;
mod visible;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use psqlcm_core::report::Exit;
use psqlcm_engine::config::Config;
use psqlcm_engine::interrupt::Interrupt;

use crate::args::{Cli, Common, Format};
use crate::commands::{Command, Done};
use crate::context::Context;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::ui::{Appearance, Ui};
use crate::variables::Variables;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    defect::install();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let variables = Variables::of_process();
    // How to speak must be known before the command line is, to say what is wrong with it.
    let early = Appearance::guess(&arguments, &variables);
    let exit = match Cli::read(&arguments) {
        Ok((common, command)) => run(&common, &command, &variables, early),
        Err(error) => Ui::of_process(early).usage(&error),
    };
    ExitCode::from(exit.code())
}

fn run(common: &Common, command: &Command, variables: &Variables, early: Appearance) -> Exit {
    let name = command.name();
    let early = Ui::of_process(early);
    if let Some(outcome) = command.run_alone(&early) {
        return early.conclude(name, outcome);
    }
    match prepare(common, variables) {
        Ok(context) => context.ui.conclude(name, perform(command, &context)),
        Err(failure) => early.conclude(name, Err(failure)),
    }
}

fn prepare(common: &Common, variables: &Variables) -> Result<Context, Failure> {
    let named = settings::config_path(common, variables)?;
    let config = Config::load(named.as_deref(), Path::new(""))?;
    let settings = Settings::resolve(common, variables, &config)?;
    let ui = Ui::of_process(settings.appearance);
    for name in variables.unknown() {
        ui.warn(&format!("the variable {name} means nothing to psql-cm"));
    }
    for line in settings.origins() {
        ui.verbose(&line);
    }
    let interrupt = Interrupt::default();
    signals::install(&interrupt)?;
    Ok(Context { ui, settings, interrupt })
}

fn perform(command: &Command, context: &Context) -> Result<Done, Failure> {
    if context.ui.format() == Format::Sql && !command.gives_sql() {
        return Err(Failure::usage(format!("{} gives no SQL", command.name())).hint("--format text or json"));
    }
    let outcome = command.run(context).map_err(|failure| explain::explain(failure, context));
    // A statement that was cancelled fails like any other; that a signal was the cause is known here.
    match (outcome, context.interrupt.check()) {
        (Err(failure), Err(interrupted)) => Err(failure.by_signal(interrupted)),
        (outcome, _) => outcome,
    }
}
