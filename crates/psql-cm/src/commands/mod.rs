//! The commands, one file each: the options whose doc comment is the help, and `run`, which calls one engine
//! function and says what came of it.

pub mod completions;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod dump;
pub mod log;
pub mod man;
pub mod plan;
pub mod restore;
pub mod setup;
pub mod status;
pub mod submit;
pub mod verify;

use clap::Subcommand;
use psqlcm_core::report::Report;

use crate::args::{Common, WithCommon};
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::Ui;

/// What can be done, in the order people need it.
#[derive(Debug, Subcommand)]
pub enum Command {
    Setup(WithCommon<setup::Args>),
    Dump(WithCommon<dump::Args>),
    Restore(WithCommon<restore::Args>),
    Submit(WithCommon<submit::Args>),
    Diff(WithCommon<diff::Args>),
    Plan(WithCommon<plan::Args>),
    Status(WithCommon<status::Args>),
    Verify(WithCommon<verify::Args>),
    Log(WithCommon<log::Args>),
    Doctor(WithCommon<doctor::Args>),
    Demo(WithCommon<demo::Args>),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    /// The word on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Setup(_) => "setup",
            Self::Dump(_) => "dump",
            Self::Restore(_) => "restore",
            Self::Submit(_) => "submit",
            Self::Diff(_) => "diff",
            Self::Plan(_) => "plan",
            Self::Status(_) => "status",
            Self::Verify(_) => "verify",
            Self::Log(_) => "log",
            Self::Doctor(_) => "doctor",
            Self::Demo(_) => "demo",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }

    /// The common options that stood after the action, where it takes any.
    pub fn common(&self) -> Option<&Common> {
        match self {
            Self::Setup(args) => Some(&args.common),
            Self::Dump(args) => Some(&args.common),
            Self::Restore(args) => Some(&args.common),
            Self::Submit(args) => Some(&args.common),
            Self::Diff(args) => Some(&args.common),
            Self::Plan(args) => Some(&args.common),
            Self::Status(args) => Some(&args.common),
            Self::Verify(args) => Some(&args.common),
            Self::Log(args) => Some(&args.common),
            Self::Doctor(args) => Some(&args.common),
            Self::Demo(args) => Some(&args.common),
            Self::Completions(_) | Self::Man(_) => None,
        }
    }

    /// What its own options and the common ones, on whichever side of the action, say against each other.
    pub fn contradiction(&self, common: &Common) -> Option<&'static str> {
        match self {
            Self::Submit(args) if args.own.all_schemas && common.names_schema() => {
                Some("the argument '--all-schemas' cannot be used with a named schema")
            }
            Self::Restore(args)
                if args.own.new_name.is_some() && (common.all_databases || common.databases_named() > 1) =>
            {
                Some("the argument '--as' cannot be used with more than one database")
            }
            _ => None,
        }
    }

    /// Whether it takes `--format sql`.
    pub fn gives_sql(&self) -> bool {
        matches!(self, Self::Diff(_) | Self::Plan(_))
    }

    /// Does what speaks of the tool itself: a broken `psql-cm.toml` must not keep anybody from it.
    pub fn run_alone(&self, ui: &Ui) -> Option<Result<Done, Failure>> {
        match self {
            Self::Completions(args) => Some(completions::run(args, ui)),
            Self::Man(args) => Some(man::run(args, ui)),
            _ => None,
        }
    }

    /// Does it.
    pub fn run(&self, context: &Context) -> Result<Done, Failure> {
        match self {
            Self::Setup(args) => setup::run(&args.own, context),
            Self::Dump(args) => dump::run(&args.own, context),
            Self::Restore(args) => restore::run(&args.own, context),
            Self::Submit(args) => submit::run(&args.own, context),
            Self::Diff(args) => diff::run(&args.own, context),
            Self::Plan(args) => plan::run(&args.own, context),
            Self::Status(args) => status::run(&args.own, context),
            Self::Verify(args) => verify::run(&args.own, context),
            Self::Log(args) => log::run(&args.own, context),
            Self::Doctor(args) => doctor::run(&args.own, context),
            Self::Demo(args) => demo::run(&args.own, context),
            Self::Completions(args) => completions::run(args, &context.ui),
            Self::Man(args) => man::run(args, &context.ui),
        }
    }
}

/// What a command has to tell when it ended well, be it with differences.
#[derive(Debug)]
pub struct Done {
    /// The report, which is all there is under `--format json`.
    pub report: Report,
    /// How it is told to people.
    pub text: Text,
}

/// How a report is told to people.
#[derive(Debug)]
pub enum Text {
    /// As `render::report` does it.
    OfReport,
    /// With these words.
    Own(String),
    /// It was said already.
    Said,
}

impl From<Report> for Done {
    fn from(report: Report) -> Self {
        Self { report, text: Text::OfReport }
    }
}
