//! `log`: shows what happened.

use crate::commands::Done;
use crate::context::Context;
use crate::failure::{Failure, not_built_yet};

/// Show what happened: the entries of the ledgers, the newest last
///
/// Each entry tells when, by whom, in which schema and what was done. --format json gives them whole, with the SQL,
/// hashes and evidence.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Only entries from this moment on; any form PostgreSQL takes for a timestamp
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Only entries before this moment
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// Only the entries of this change
    #[arg(long, value_name = "ID")]
    pub change_id: Option<String>,

    /// Only entries of this kind, such as base or change; repeatable
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<String>,

    /// Only the last N entries that fit
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

const EXAMPLES: &str = r#"Examples:
  psql-cm --database app log
  psql-cm -d app -s billing log --since 2026-01-01 --kind change
  psql-cm -d app log --limit 10 --format json"#;

/// NOT BUILT YET.
pub fn run(_args: &Args, _context: &Context) -> Result<Done, Failure> {
    Err(not_built_yet("log"))
}
