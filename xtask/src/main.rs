//! The chores of the project: `cargo xtask servers|test|matrix|demo|bench|fuzz`.
//!
//! Each chore is one file. All talk goes to stderr; stdout belongs to what is run, and to the list of servers.

mod bench;
mod demo;
mod fuzz;
mod packages;
mod servers;
mod shell;
mod test;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// The versions that every change must pass.
const USUAL: [u32; 3] = [13, 15, 18];
/// The versions that are supported.
const ALL: [u32; 6] = [13, 14, 15, 16, 17, 18];

/// Tells the tests to try all there is: every point of every run that can come to harm, many hostile names, a long storm, plans
/// between all pairs of real schemas.
const THOROUGH: [(&str, &str); 4] = [
    ("PSQL_CM_FAULTS", "all"),
    ("PSQL_CM_NAMES", "10000"),
    ("PSQL_CM_STORM", "200"),
    ("PSQL_CM_PAIRS", "all"),
];

/// The chores of psql-cm. Each gets what it needs by itself, and says first what it gets and with which program.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run all tests against one scratch server a version
    #[command(after_help = servers::HELP)]
    Test {
        #[command(flatten)]
        versions: Versions,
        /// What goes to `cargo test --workspace`: after a second `--`, what goes to the tests
        #[arg(last = true, value_name = "CARGO TEST ARGS")]
        arguments: Vec<String>,
    },
    /// The same as test, on every supported version of PostgreSQL and with all that takes long: harm at every point of a run,
    /// 10,000 hostile names, 200 captures in a storm, plans between all pairs of real schemas
    #[command(after_help = servers::HELP)]
    Matrix {
        /// What goes to `cargo test --workspace`: after a second `--`, what goes to the tests
        #[arg(last = true, value_name = "CARGO TEST ARGS")]
        arguments: Vec<String>,
    },
    /// Get PostgreSQL servers, and the client programs of version 18, and print where they are
    #[command(after_help = servers::HELP)]
    Servers {
        #[command(flatten)]
        versions: Versions,
    },
    /// Run the walkthrough on a scratch server, the highest version that is installed
    #[command(after_help = servers::HELP)]
    Demo {
        /// What goes to `psql-cm demo`
        #[arg(last = true, value_name = "DEMO ARGS")]
        arguments: Vec<String>,
    },
    /// Measure dump, restore and status beside pg_dump and psql, and print a table
    #[command(after_help = servers::HELP)]
    Bench(bench::Options),
    /// Feed what psql-cm reads with inputs that libFuzzer makes up: scripts, trees, connections, configuration; and plan
    /// between schemas that were changed at random
    Fuzz(fuzz::Options),
}

#[derive(Args)]
struct Versions {
    /// Major versions of PostgreSQL
    #[arg(long, value_delimiter = ',', value_name = "13,15,18", default_values_t = USUAL,
          value_parser = clap::value_parser!(u32).range(13..=18))]
    versions: Vec<u32>,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Test { versions, arguments } => test::run(&versions.versions, &arguments, &[]),
        Chore::Matrix { arguments } => test::run(&ALL, &arguments, &THOROUGH),
        Chore::Servers { versions } => servers::run(&versions.versions),
        Chore::Demo { arguments } => demo::run(&arguments),
        Chore::Bench(options) => bench::run(&options),
        Chore::Fuzz(options) => fuzz::run(&options),
    };
    outcome.unwrap_or_else(|error| {
        shell::say(&format!("error: {error}"));
        ExitCode::FAILURE
    })
}
