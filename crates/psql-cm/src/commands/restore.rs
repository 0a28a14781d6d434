//! `restore`: builds databases from the tree.

use crate::commands::Done;
use crate::context::Context;
use crate::failure::{Failure, not_built_yet};
use crate::values::RoleMap;

/// Build databases from the tree, with their ledgers
///
/// Each database is built under a name of its own beside the real one, loaded in the right order, verified against
/// the manifest of the dump, and only then renamed. A database that exists is never touched. Roles that are
/// missing are created without passwords and listed; extensions, locales and tablespaces that are missing are all
/// listed at once before anything is created. Files that were merged or edited since the dump load too, in any order.
///
/// Whatever goes wrong, only what this run made is removed again, and the statement is shown with its file and line.
/// The role needs CREATEDB, and CREATEROLE where roles are missing.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Give the database another name; for one database
    #[arg(long = "as", value_name = "NAME")]
    pub new_name: Option<String>,

    /// Load into a database that exists and is empty, in one transaction
    #[arg(long)]
    pub into_empty: bool,

    /// Refuse when a role is missing, instead of creating it
    #[arg(long)]
    pub no_roles: bool,

    /// Let everything belong to the role that restores
    #[arg(long)]
    pub no_owner: bool,

    /// Leave out grants and default privileges
    #[arg(long)]
    pub no_privileges: bool,

    /// Put one role in the place of another, old=new; repeatable
    #[arg(long, value_name = "OLD=NEW")]
    pub role_map: Vec<RoleMap>,
}

const EXAMPLES: &str = r#"Examples:
  psql-cm --database app restore                          from ./sql, under its own name
  psql-cm -d app restore --as app_copy                    beside the original
  psql-cm -d app restore --into-empty                     into a database someone else made
  psql-cm -d app restore --role-map app_owner=me --no-privileges"#;

/// NOT BUILT YET.
pub fn run(_args: &Args, _context: &Context) -> Result<Done, Failure> {
    Err(not_built_yet("restore"))
}
