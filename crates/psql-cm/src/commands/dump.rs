//! `dump`: writes schemas to the tree.

use crate::commands::Done;
use crate::context::Context;
use crate::failure::{Failure, not_built_yet};

/// Write schemas as readable SQL to the tree, and commit them to git
///
/// Every object has a file of its own under DIR/DATABASE/SCHEMA/, with all that hangs on it: a table with its
/// columns, constraints, indexes, triggers, policies, grants and comments. The entries of the ledgers, a manifest and
/// restore.sql, which plain psql can run, go to DIR/.facts/ENVIRONMENT/DATABASE/. The same schema gives the same
/// bytes: a dump after which nothing is new changes no file and makes no commit.
///
/// Rows of tables are not dumped. A database with objects that psql-cm does not know is refused before a file is
/// written (exit code 4), and they are named. Only the tool's own files are committed; what was staged stays
/// staged. Reading the schemas needs no privilege but CONNECT; what could not be read is named.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Write the files, and leave git to you
    #[arg(long)]
    pub no_commit: bool,

    /// Go on without the objects psql-cm does not know, which are named in the manifest
    #[arg(long)]
    pub allow_unsupported: bool,

    /// The message of the commit [default: names what was dumped]
    #[arg(long, value_name = "TEXT", conflicts_with = "no_commit")]
    pub message: Option<String>,
}

const EXAMPLES: &str = r#"Examples:
  psql-cm --database app dump                             to ./sql, and commit
  psql-cm -d app dump --sql-path db/schema --no-commit    elsewhere, and look at it first
  psql-cm --all-databases dump --message "After release 7""#;

/// NOT BUILT YET.
pub fn run(_args: &Args, _context: &Context) -> Result<Done, Failure> {
    Err(not_built_yet("dump"))
}
