//! `setup`: takes schemas under control.

use crate::commands::Done;
use crate::context::Context;
use crate::failure::{Failure, not_built_yet};

/// Take schemas under control: give each a ledger
///
/// Each schema gets one table, pg_psql_cm, with its sequence and a trigger function, and in it a base: the schema
/// as it is now. Nothing else is touched, and nothing is granted on them. A table that version 0.2.2 of psql-cm made
/// is adopted with its rows as they are. Doing it twice changes nothing.
///
/// Without --schema it takes every schema that is neither PostgreSQL's own, temporary nor an extension's, and in
/// which the role may create. The role needs CREATE on each schema.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Take the ledgers away again, after writing their entries to the tree
    #[arg(long)]
    pub remove: bool,
}

const EXAMPLES: &str = r#"Examples:
  psql-cm --database app setup                 every schema of the database app
  psql-cm -d app -m public,billing setup       two schemas of it
  psql-cm --databases app,crm setup --dry-run  what would be done in two databases
  psql-cm -d app -s billing setup --remove     leave one schema alone from now on"#;

/// NOT BUILT YET.
pub fn run(_args: &Args, _context: &Context) -> Result<Done, Failure> {
    Err(not_built_yet("setup"))
}
