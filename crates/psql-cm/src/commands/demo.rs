//! `demo`: the walkthrough on a throw-away cluster.

use std::path::PathBuf;

use crate::commands::Done;
use crate::context::Context;
use crate::failure::{Failure, not_built_yet};

/// Show all of it on a throw-away cluster, with a word on each step
///
/// It starts a PostgreSQL server of its own in a temporary folder, makes a database with three schemas, takes them
/// under control, dumps, drops and restores the database, submits a change, and removes the cluster. The tree it wrote is
/// left to look at. It needs PostgreSQL's server programs (initdb, pg_ctl) on this machine.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// The folder of initdb and pg_ctl [default: the newest that is found]
    #[arg(long, value_name = "DIR")]
    pub server_bin: Option<PathBuf>,

    /// Leave the cluster running, and say how to connect and how to stop it
    #[arg(long)]
    pub keep: bool,
}

const EXAMPLES: &str = r#"Examples:
  psql-cm demo
  psql-cm demo --server-bin /usr/lib/postgresql/15/bin --keep"#;

/// NOT BUILT YET.
pub fn run(_args: &Args, _context: &Context) -> Result<Done, Failure> {
    Err(not_built_yet("demo"))
}
