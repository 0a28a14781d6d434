//! `submit`: runs changes and records them.

use std::time::Duration;

use crate::commands::Done;
use crate::context::Context;
use crate::failure::{Failure, not_built_yet};
use crate::values::duration;

/// Run a change and record it in the ledger, both or neither
///
/// --change is the SQL itself, a file, or a folder whose .sql files are taken in natural order; repeated, each is a
/// change of its own with one transaction and one entry. A value that names a file or folder is taken for it, and one
/// without white space is never taken for SQL: a misspelt file name is an error. The change runs with search_path set
/// to the schema (public unless named otherwise), and what it changed is shown fact by fact.
///
/// Refused (exit code 4, nothing changed): BEGIN, COMMIT and the like, psql's backslash commands, a change the
/// ledger has already, and one that alters schemas that were not named. Statements that cannot run in a transaction,
/// such as CREATE INDEX CONCURRENTLY, run one by one with an entry before and after each. Submits to one database
/// wait for each other.
///
/// The role needs the privileges of the change, and INSERT on the ledger as its owner or a member of its owner.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// The change: SQL, a file or a folder; repeatable
    #[arg(long, short, value_name = "SQL|FILE|DIR", required = true, allow_hyphen_values = true)]
    pub change: Vec<String>,

    /// Run it in every schema under control, instead of public
    #[arg(long)]
    pub all_schemas: bool,

    /// Run it although the ledger has it already
    #[arg(long)]
    pub again: bool,

    /// Do all of it, show what would change and which locks it takes, and roll back
    #[arg(long)]
    pub dry_run: bool,

    /// How long a statement waits for a lock before the transaction is tried again
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    pub lock_timeout: Duration,

    /// How long to wait for another submit to the same database (exit code 5 after that)
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1min")]
    pub lock_wait: Duration,

    /// How often to try the whole transaction again after a lock timeout or a deadlock
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub retries: u32,

    /// Why the change is made; recorded
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// The way back: SQL or a file; recorded, not run
    #[arg(long, value_name = "SQL|FILE", allow_hyphen_values = true)]
    pub revert: Option<String>,

    /// Who makes the change; recorded [default: git's user name and address, else the login]
    #[arg(long, value_name = "NAME")]
    pub implementer: Option<String>,

    /// Let the change alter what belongs to no schema that was named
    #[arg(long)]
    pub allow_outside: bool,
}

const EXAMPLES: &str = r#"Examples:
  psql-cm -d app submit --change "ALTER TABLE t ADD COLUMN a int"       in public
  psql-cm submit -d app -s billing -c change.sql --reason "ticket 4711"
  psql-cm submit -d app -c changes/ --dry-run                           see it first
  psql-cm submit -d app -c up.sql --revert down.sql"#;

/// NOT BUILT YET.
pub fn run(_args: &Args, _context: &Context) -> Result<Done, Failure> {
    Err(not_built_yet("submit"))
}
