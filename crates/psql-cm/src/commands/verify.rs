//! `verify`: proves the ledgers.

use crate::commands::Done;
use crate::context::Context;
use crate::failure::{Failure, not_built_yet};

/// Prove that the ledgers are whole, by themselves and against their anchors in the tree
///
/// Every entry carries a hash of itself and of the one before; git holds the head of each chain as the last dump saw
/// it, in the tree (--sql-path). Told apart are: an entry that was edited, removed or slipped in; a chain behind its
/// anchor (the database was restored from an older backup); a fork (the database is a copy of another); and a chain
/// rewritten as a whole. Exit code 0 when every chain is whole, 1 when one is not. It changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {}

const EXAMPLES: &str = r#"Examples:
  psql-cm --database app verify
  psql-cm --all-databases verify --sql-path db/schema"#;

/// NOT BUILT YET.
pub fn run(_args: &Args, _context: &Context) -> Result<Done, Failure> {
    Err(not_built_yet("verify"))
}
