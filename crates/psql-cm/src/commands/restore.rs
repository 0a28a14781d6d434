//! `restore`: builds databases from the tree.

mod globals;

use psqlcm_core::name::quote_ident;
use psqlcm_core::report::{Exit, Outcome, TargetReport};
use psqlcm_core::targets::{Target, check_name};
use psqlcm_core::tree::manifest::ManifestError;
use psqlcm_engine::restore::{self, Abandoned, Comparison, RestoreError, Roles};
use psqlcm_engine::run;

use crate::cluster::Cluster;
use crate::commands::Done;
use crate::context::Context;
use crate::failure::{Failure, Place};
use crate::progress::Meter;
use crate::ui::Ui;
use crate::values::{FolderMap, RoleMap};

/// Build databases from the tree, with their ledgers
///
/// Each database is built under a name of its own beside the real one, loaded in the right order, verified against
/// the manifest of the dump, and only then renamed. A database that exists is never touched. Roles that are
/// missing are created without passwords and listed; extensions, locales and tablespaces that are missing are all
/// listed at once before anything is created. Files that were merged or edited since the dump load too, in any order.
///
/// Whatever goes wrong, only what this run made is removed again, and the statement is shown with its file and line.
/// What a killed restore left half built is dropped by the next one of the same database.
/// The role needs CREATEDB, and CREATEROLE where roles are missing.
///
/// --globals first gives the cluster what cluster.sql holds and the cluster does not have: roles without passwords,
/// comments, memberships, settings, tablespaces, privileges on parameters; in one transaction but for tablespaces.
/// What is there and differs is named, with the statement that would change it, and left as it is (exit code 3), unless
/// --alter-existing is given. What the server refuses to this role is named, and the rest is done (exit code 6).
/// Databases are then restored too where they are named. It takes a superuser for all of it; a role with CREATEROLE
/// is given what the server lets it make.
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

    /// Restore the cluster's globals from cluster.sql first, and then the databases that are named
    #[arg(long)]
    pub globals: bool,

    /// Make a tablespace in another folder, old=new; it must be there and be empty; repeatable
    #[arg(long, value_name = "OLD=NEW", requires = "globals")]
    pub tablespace_map: Vec<FolderMap>,

    /// Change globals that are there and differ, too
    #[arg(long, requires = "globals")]
    pub alter_existing: bool,

    /// Put one role in the place of another in the databases, old=new; repeatable
    #[arg(long, value_name = "OLD=NEW")]
    pub role_map: Vec<RoleMap>,
}

const EXAMPLES: &str = r#"Examples:
  psql-cm --database app restore                          from ./sql, under its own name
  psql-cm -d app restore --as app_copy                    beside the original
  psql-cm -d app restore --into-empty                     into a database someone else made
  psql-cm -d app restore --role-map app_owner=me --no-privileges
  psql-cm restore --globals                               roles and the like, and no database
  psql-cm -a app restore --globals --tablespace-map /old/fast=/new/fast"#;

/// Restores the globals, if they are asked for, and the databases, several at once.
pub fn run(args: &Args, context: &Context) -> Result<Done, Failure> {
    if let Some(name) = &args.new_name {
        check_name(name)?;
    }
    let cluster = Cluster::of(context)?;
    let roles = Roles::default();
    let databases = match args.globals {
        true => cluster.databases_of_tree_besides()?,
        false => cluster.databases_of_tree()?,
    };
    if databases.is_empty() && args.is_about_databases() {
        return Err(Failure::usage("there is an option about databases, and no database is named")
            .hint("with --globals, --database or --databases says which databases to restore as well"));
    }
    let globals = match args.globals {
        true => Some(globals::restore(args, context, &cluster)?),
        false => None,
    };
    let shows_statements = databases.len() == 1;
    // Those that have no database of their own help with one.
    let sessions = usize::from(context.settings.jobs.value.get()) / databases.len().max(1);
    let report = cluster.each_database_after("restore", globals, &databases, |database| {
        let meter = shows_statements.then(|| Meter::new(&context.ui, "restore"));
        let progress = |done, total| meter.iter().for_each(|meter| meter.advance(done, total));
        Ok(vec![restore_database(args, context, &cluster, database, &roles, sessions, &progress)?])
    });
    cluster.tell_newer();
    let settled = roles.settle(&cluster.access, &cluster.maintenance());
    for (role, create) in &settled.made {
        context.ui.say(&format!("the role {role} was missing and was made, without a password: {create}"));
    }
    match (report, settled.left.is_empty()) {
        (Err(failure), false) => Err(with_roles_left(failure, &settled.left)),
        (report, _) => {
            let mut report = report?;
            // Else a database would have failed.
            if report.targets.iter().any(|target| target.outcome == Outcome::Different) {
                report.exit_code = Exit::Different;
            }
            Ok(report.into())
        }
    }
}

impl Args {
    /// Whether there are options that say nothing of globals.
    fn is_about_databases(&self) -> bool {
        let is_some = self.into_empty || self.no_roles || self.no_owner || self.no_privileges;
        is_some || self.new_name.is_some() || !self.role_map.is_empty()
    }
}

/// A failure that left roles behind besides.
fn with_roles_left(failure: Failure, left: &[(String, String)]) -> Failure {
    let exit = if failure.exit == Exit::InDoubt { Exit::InDoubt } else { Exit::Partly };
    let failure = Failure { exit, ..failure };
    left.iter().fold(failure, |failure, (role, why)| {
        failure.hint(format!("see to the role {}, which was made for it ({why})", quote_ident(role)))
    })
}

fn restore_database(
    args: &Args,
    context: &Context,
    cluster: &Cluster<'_>,
    database: &str,
    roles: &Roles,
    sessions: usize,
    progress: &dyn Fn(usize, usize),
) -> Result<TargetReport, Failure> {
    let maintenance = cluster.maintenance();
    let request = restore::Request {
        root: cluster.sql_path(),
        environment: &context.settings.environment.value,
        database,
        name: args.new_name.as_deref().unwrap_or(database),
        maintenance: &maintenance,
        into_empty: args.into_empty,
        make_roles: !args.no_roles,
        owners: !args.no_owner,
        privileges: !args.no_privileges,
        role_map: args.role_map.iter().map(|map| (map.from.clone(), map.to.clone())).collect(),
        roles,
        run_id: &run::new_id(),
        cm_table: &context.settings.cm_table.value,
        sessions,
    };
    let target = Target::database(request.name);
    let restored = restore::restore(&cluster.access, &request, &context.interrupt, progress)
        .map_err(|error| failure(&error).on(&target).below(request.root))?;
    for path in &restored.foreign {
        context.ui.warn(&format!("{path} is no SQL file and was not loaded"));
    }
    for (statement, error) in &restored.unpopulated {
        context.ui.warn(&format!("without rows, as it cannot be populated now: {statement}: {error}"));
    }
    for abandoned in &restored.abandoned {
        tell_abandoned(&context.ui, abandoned);
    }
    let comparison = told(&restored.comparison);
    let outcome = TargetReport::new(&target, Outcome::Done);
    Ok(outcome.because(format!("{} statements; {comparison}", restored.statements)))
}

fn tell_abandoned(ui: &Ui, abandoned: &Abandoned) {
    let name = quote_ident(&abandoned.name);
    match &abandoned.left {
        None => ui.say(&format!("dropped the database {name}, which a killed restore had left half built")),
        Some(why) => ui.warn(&format!(
            "a killed restore left the database {name} half built, and it could not be dropped: {why}; to remove it: DROP DATABASE {name}"
        )),
    }
}

fn told(comparison: &Comparison) -> String {
    match comparison {
        Comparison::Equal => "equal to what was dumped".to_owned(),
        Comparison::NotCompared(why) => format!("not compared: {why}"),
        Comparison::StructureEqual { dumped, restored, different } => {
            let versions = format!("dumped on version {}, restored on {}", shown(*dumped), shown(*restored));
            match different.is_empty() {
                true => {
                    format!("{versions}: equal but for texts that the server prints, which are not compared")
                }
                false => format!(
                    "{versions}: texts that the server prints are not compared; seen otherwise: {}",
                    different.join(", ")
                ),
            }
        }
    }
}

/// `server_version_num` as people write it.
fn shown(version: u32) -> String {
    format!("{}.{}", version / 10_000, version % 10_000)
}

const MEND: &str = "mend the file, or take it from git: git checkout FILE";
const OUT_OF_LOCKS: &str = "53200";
const INSUFFICIENT_PRIVILEGE: &str = "42501";

fn failure(error: &RestoreError) -> Failure {
    match error {
        RestoreError::Left { error, left } => {
            let failure = failure_of("not restored, and something of it may be left", error);
            Failure { exit: Exit::Partly, ..failure }.hint(format!("see to {left}"))
        }
        RestoreError::InDoubt { .. } => {
            Failure::new(Exit::InDoubt, "it is not known whether it was restored")
                .cause(error)
                .hint("if the database is there under its name, it is whole; else restore it again")
        }
        _ => failure_of("not restored; nothing of it is left", error),
    }
}

fn failure_of(message: &str, error: &RestoreError) -> Failure {
    let base = Failure::because(message, error);
    match error {
        RestoreError::Exists { .. } => base.hint(
            "drop it first, or give another name with --as, or load into an empty database with --into-empty",
        ),
        RestoreError::Standby => Failure::standby("the server"),
        RestoreError::NotThere { .. } => {
            base.hint("--into-empty loads into a database that exists; without it the database is made")
        }
        RestoreError::NoTree { .. } => base.hint("is --sql-path right? psql-cm dump writes the tree"),
        RestoreError::Lacking(_) => base.hint("an administrator has to install or create them"),
        RestoreError::LackingRoles(_) => {
            base.hint("create them, map them with --role-map, or leave --no-roles out to have them created")
        }
        RestoreError::Different(_) => base.hint(
            "what belongs to no schema stands in database.sql: with --into-empty the database must have been made \
             with the same encoding and locale",
        ),
        RestoreError::NotEmpty { .. } => base.hint("--into-empty takes a database with nothing in it"),
        RestoreError::Unreadable { place, .. } => at(base, place).hint(MEND),
        RestoreError::NotUtf8 { .. } => base.hint("save it as UTF-8, or take it from git: git checkout FILE"),
        RestoreError::Manifest { source: ManifestError::Malformed(_), .. } => {
            base.hint("take it from git: git checkout FILE; without the file nothing is compared")
        }
        RestoreError::Statement { place, error, .. } => {
            let hint = match error.sqlstate() {
                Some(INSUFFICIENT_PRIVILEGE) => Some(
                    "--no-owner and --no-privileges leave out what belongs to other roles, --role-map exchanges them",
                ),
                Some(OUT_OF_LOCKS) => {
                    Some("without --into-empty each statement commits by itself, which takes few locks")
                }
                Some(_) if place.text.starts_with("SECURITY LABEL") => Some(
                    "load the library of its provider: session_preload_libraries or shared_preload_libraries in postgresql.conf",
                ),
                _ => None,
            };
            at(base, place).hint_if(hint)
        }
        RestoreError::Create(error) if error.sqlstate() == Some(INSUFFICIENT_PRIVILEGE) => {
            base.hint("it takes CREATEDB; or let somebody make the database, and load it with --into-empty")
        }
        RestoreError::Role { error, .. } if error.sqlstate() == Some(INSUFFICIENT_PRIVILEGE) => {
            base.hint("it takes CREATEROLE; or let somebody make the role, or exchange it with --role-map")
        }
        RestoreError::Files(error) => base.hint_if(error.hint()),
        RestoreError::Interrupted(interrupted) => Failure::from(*interrupted),
        _ => base,
    }
}

fn at(failure: Failure, place: &restore::Place) -> Failure {
    let (file, line, column) = (place.path.clone(), place.line, Some(place.column));
    failure.at(Place { file, line, column, text: Some(place.text.clone()) })
}
