//! `status`: says how the targets are.

use crate::commands::Done;
use crate::context::Context;
use crate::failure::{Failure, not_built_yet};

/// Show each schema: under control or not, its last entry, and whether it drifted
///
/// Drift is a schema that differs from what its last entry recorded: someone changed it past psql-cm. Exit code 0
/// when all is as recorded, 3 when something drifted, is pending or came after setup and is not under control. It
/// changes nothing and works on a standby.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {}

const EXAMPLES: &str = r#"Examples:
  psql-cm --database app status
  psql-cm --all-databases status --format json"#;

/// NOT BUILT YET.
pub fn run(_args: &Args, _context: &Context) -> Result<Done, Failure> {
    Err(not_built_yet("status"))
}
