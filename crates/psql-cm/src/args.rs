//! The command line: the options all commands share, each documented once, before or after the action.
//!
//! clap's global options are not used for that: given on both sides of the action, the second silently
//! replaces the first, and a list of databases would lose half of its names. Variables and defaults are not
//! looked at here either; `settings.rs` does that.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, CommandFactory, Parser, ValueEnum};
use psqlcm_core::targets::Glob;

use crate::commands::Command;
use crate::values::{Jobs, NameList};

/// Change management for the schemas of PostgreSQL databases
///
/// psql-cm lets a team change the schemas of a PostgreSQL cluster, many databases and many schemas, in a way that
/// can be reviewed, rehearsed and proved. git holds what is intended, a ledger in each schema holds what
/// happened, and this one binary does the work: no daemon, no account, no pg_dump.
#[derive(Debug, Parser)]
#[command(name = "psql-cm", version, after_long_help = FIRST_STEPS, max_term_width = 110)]
pub struct Cli {
    #[command(flatten, next_help_heading = COMMON_HEADING)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What the common options stand under in every help.
pub const COMMON_HEADING: &str = "Common options";

const FIRST_STEPS: &str = r#"First steps:
  1. Take the schemas of a database under control; each gets a ledger, the table pg_psql_cm:
       psql-cm --uri postgres://127.0.0.1:5432 --database app setup
  2. Write them as readable SQL to ./sql and commit that to git:
       psql-cm --uri postgres://127.0.0.1:5432 --database app dump
  3. Change a schema and record the change, both or neither:
       psql-cm --database app --schema public submit --change "ALTER TABLE t ADD COLUMN a int"
  4. Build the database again elsewhere from ./sql:
       psql-cm --uri postgres://other-host --database app restore
  `psql-cm demo` shows all of it on a throw-away cluster.

Exit codes:
    0  done
    1  failed, nothing changed; also a broken chain
    2  usage: the command line, a variable or psql-cm.toml is wrong
    3  there are differences, there is drift, or something is pending; doctor: something would not work
    4  refused by policy
    5  a lock was not had in time
    6  partly done; the report says what
    7  in doubt: COMMIT was sent, no answer came, and the entry could not be looked up
  130  interrupted by Ctrl-C, all rolled back; 143 the same by SIGTERM

psql-cm.toml, in this folder or named by --config, never with a password:
  environment = "dev"              # the one that is meant when none is named
  sql_path = "sql"                 # beside this file
  cm_table = "pg_psql_cm"
  [ignore]                         # in every environment, see docs/servers.md
  schemas = ["scratch_*"]          # left alone, as by --exclude-schema
  objects = ["app.tmp_*", "table:app.log_*"]  # no drift: [KIND:]SCHEMA.NAME
  [tables."app.log"]
  partitions = "ignored"           # a job makes and drops them; else "managed"
  [environments.dev]
  uri = "postgres://127.0.0.1:5432"
  role = "app_owner"
  databases = ["app", "crm"]
  schemas = ["public", "billing"]  # what is managed; all that can be, without this line
  exclude_schemas = ["tmp_*"]

Environment:
  PSQLCM_URI, PSQLCM_DATABASES, PSQLCM_SCHEMAS, PSQLCM_EXCLUDE_SCHEMAS, PSQLCM_SQL_PATH,
  PSQLCM_CM_TABLE, PSQLCM_ENVIRONMENT, PSQLCM_ROLE, PSQLCM_JOBS, PSQLCM_FORMAT, PSQLCM_COLOR,
  PSQLCM_SCRATCH_URI and PSQLCM_CONFIG say what the options of these names say. An option wins over
  its variable, the variable over psql-cm.toml.
  PGHOST, PGPORT, PGUSER, PGDATABASE, PGSERVICE and the other variables of libpq, its service file
  and ~/.pgpass fill what then is missing of the connection.
  DEBUG=1 is --debug. NO_COLOR turns colour off."#;

impl Cli {
    /// Reads a command line: the common options of both sides of the action as one, and the action.
    pub fn read(arguments: &[OsString]) -> Result<(Common, Command), clap::Error> {
        let Self { common, command } = Self::try_parse_from(arguments)?;
        let common = match command.common() {
            Some(after) => common.merge(after)?,
            None => common,
        };
        match command.contradiction(&common) {
            Some(message) => Err(Self::command().error(ErrorKind::ArgumentConflict, message)),
            None => Ok((common, command)),
        }
    }
}

// The options of one command, and the common ones after the action. No doc comment, as for `Common`: the one
// of `A` is to be the command's help.
#[derive(Debug, Args)]
pub struct WithCommon<A: Args> {
    // First, for a heading holds for all that follows it.
    #[command(flatten)]
    pub own: A,
    #[command(flatten, next_help_heading = COMMON_HEADING)]
    pub common: Common,
}

// No doc comment: clap would make it the help of the command the options are flattened into.
#[derive(Clone, Debug, Default, Args)]
pub struct Common {
    /// Where the cluster is: a URI (postgres://user@host:port/database) or libpq's `key=value` pairs
    ///
    /// What it does not say comes from PGHOST and libpq's other variables, the service file and ~/.pgpass. A
    /// password in it can be read in the process list: prefer ~/.pgpass or PGPASSWORD.
    #[arg(long, value_name = "URI")]
    pub uri: Option<String>,

    /// A database to act on; repeatable. Without any, the URI's, else PGDATABASE
    #[arg(long, short, value_name = "NAME")]
    pub database: Vec<String>,

    /// Databases to act on, as a list: a,b,"My, Database"
    #[arg(long, short = 'a', value_name = "LIST")]
    pub databases: Vec<NameList>,

    /// Act on every database of the cluster that takes connections and is no template
    #[arg(long)]
    pub all_databases: bool,

    /// A schema to act on; repeatable. Without any, all that can be managed
    ///
    /// Those are the schemas that are neither PostgreSQL's own, temporary nor an extension's, and in which the
    /// role may create. Each one left out is listed with the reason; one that is named here and cannot be
    /// had is an error before anything is done.
    #[arg(long, short, value_name = "NAME")]
    pub schema: Vec<String>,

    /// Schemas to act on, as a list: a,b,"My, Schema"
    #[arg(long, short = 'm', value_name = "LIST")]
    pub schemas: Vec<NameList>,

    /// Leave out the schemas whose names fit; repeatable. `*` is any text, `?` any one character
    ///
    /// It adds to what PSQLCM_EXCLUDE_SCHEMAS and psql-cm.toml leave out.
    #[arg(long, value_name = "GLOB")]
    pub exclude_schema: Vec<Glob>,

    /// The folder of the SQL tree [default: sql]
    #[arg(long, short = 'p', value_name = "DIR")]
    pub sql_path: Option<PathBuf>,

    /// The name of the ledger's table in each schema [default: pg_psql_cm]
    #[arg(long, short = 't', value_name = "NAME")]
    pub cm_table: Option<String>,

    /// Which installation of the databases this is, as psql-cm.toml names it [default: default]
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,

    /// Act as this role (SET ROLE) once connected
    #[arg(long, value_name = "NAME")]
    pub role: Option<String>,

    /// Never ask for a password
    ///
    /// Otherwise a server that wants one which nobody gave makes psql-cm ask, where standard input is a terminal.
    #[arg(long, short = 'w')]
    pub no_password: bool,

    /// How many databases to work on at once, or sessions that restore one (at most 4) [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub jobs: Option<Jobs>,

    /// Read this file instead of ./psql-cm.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The form of what goes to standard output: text, one JSON object, or (diff, plan) SQL [default: text; of plan sql]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,

    /// When to use colour, which never is the only sign of anything [default: auto]
    #[arg(long, value_name = "WHEN")]
    pub color: Option<Color>,

    /// Say more of what is done, and where each setting comes from
    #[arg(long, short)]
    pub verbose: bool,

    /// Say everything, each connection too
    #[arg(long, short = 'D', action = ArgAction::SetTrue)]
    pub debug: bool,
}

impl Common {
    /// How many databases the command line names.
    pub fn databases_named(&self) -> usize {
        self.database.len() + self.databases.iter().map(|list| list.0.len()).sum::<usize>()
    }

    /// Whether the command line names a schema.
    pub fn names_schema(&self) -> bool {
        !self.schema.is_empty() || !self.schemas.is_empty()
    }

    /// Makes one of what stood before the action and what stood `after` it.
    fn merge(self, after: &Self) -> Result<Self, clap::Error> {
        Ok(Self {
            uri: once("--uri", self.uri, &after.uri)?,
            database: both(self.database, &after.database),
            databases: both(self.databases, &after.databases),
            all_databases: self.all_databases || after.all_databases,
            schema: both(self.schema, &after.schema),
            schemas: both(self.schemas, &after.schemas),
            exclude_schema: both(self.exclude_schema, &after.exclude_schema),
            sql_path: once("--sql-path", self.sql_path, &after.sql_path)?,
            cm_table: once("--cm-table", self.cm_table, &after.cm_table)?,
            environment: once("--environment", self.environment, &after.environment)?,
            role: once("--role", self.role, &after.role)?,
            no_password: self.no_password || after.no_password,
            jobs: once("--jobs", self.jobs, &after.jobs)?,
            config: once("--config", self.config, &after.config)?,
            format: once("--format", self.format, &after.format)?,
            color: once("--color", self.color, &after.color)?,
            verbose: self.verbose || after.verbose,
            debug: self.debug || after.debug,
        })
    }
}

fn both<T: Clone>(mut before: Vec<T>, after: &[T]) -> Vec<T> {
    before.extend_from_slice(after);
    before
}

fn once<T: Clone>(name: &str, before: Option<T>, after: &Option<T>) -> Result<Option<T>, clap::Error> {
    if before.is_some() && after.is_some() {
        let message = format!("the argument '{name}' cannot be used multiple times");
        return Err(Cli::command().error(ErrorKind::ArgumentConflict, message));
    }
    Ok(before.or_else(|| after.clone()))
}

/// The form of the data on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// What the command gives unless told otherwise.
    #[default]
    #[value(skip)]
    Usual,
    /// For people.
    Text,
    /// One object, see docs/report.schema.json.
    Json,
    /// The SQL that leads from one side to the other (diff, plan).
    Sql,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Even into a pipe.
    Always,
    /// Not at all.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;
    use psqlcm_core::report::Exit;
    use psqlcm_engine::config::Config;
    use std::path::Path;

    #[test]
    fn clap_finds_no_fault_with_the_command_line() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_tells_every_exit_code_and_a_configuration_that_is_taken() {
        for exit in Exit::ALL {
            assert!(FIRST_STEPS.contains(&format!("{} ", exit.code())), "{exit:?}");
        }
        let (_, example) = FIRST_STEPS.split_once("password:\n").unwrap();
        let (example, _) = example.split_once("\n\n").unwrap();
        let config = Config::parse(example, Path::new("psql-cm.toml")).unwrap();
        assert_eq!(config.environments["dev"].schemas, ["public", "billing"]);
        assert_eq!(config.ignore.objects.len(), 3);
    }

    #[test]
    fn a_change_may_begin_with_a_comment() {
        let arguments =
            ["psql-cm", "submit", "-c", "-- why\nSELECT 1", "--change", "--x", "--revert", "-- back"];
        let (_, command) = Cli::read(&arguments.map(OsString::from)).unwrap();
        let Command::Submit(args) = command else { panic!("{command:?}") };
        assert_eq!(args.own.change, ["-- why\nSELECT 1", "--x"]);
        assert_eq!(args.own.revert.as_deref(), Some("-- back"));
    }

    #[test]
    fn common_options_of_both_sides_are_one() {
        let arguments = "psql-cm -d a --databases b,c -v setup --database d --schema s -p tree --dry-run";
        let arguments: Vec<OsString> = arguments.split(' ').map(OsString::from).collect();
        let (common, command) = Cli::read(&arguments).unwrap();
        assert_eq!(common.database, ["a", "d"]);
        assert_eq!(common.databases[0].0, ["b", "c"]);
        assert_eq!(common.schema, ["s"]);
        assert_eq!(common.sql_path.as_deref(), Some("tree".as_ref()));
        assert!(common.verbose);
        assert!(matches!(command, Command::Setup(args) if args.own.dry_run && !args.own.remove));
    }
}
