//! `dump`: writes schemas to the tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use psqlcm_core::globals;
use psqlcm_core::report::{Exit, Outcome, TargetReport};
use psqlcm_core::snapshot::LeftOut;
use psqlcm_core::targets::Target;
use psqlcm_core::tree;
use psqlcm_core::tree::manifest::Manifest;
use psqlcm_engine::capture;
use psqlcm_engine::dump::{self, Dump, Scope, Stranger};
use psqlcm_engine::files::{Changes, FilesError, Writer};
use psqlcm_engine::git::{self, Committed, GitError};
use psqlcm_engine::manifests::{self, ManifestsError};
use psqlcm_engine::observe::{ObserveError, observe};

use crate::cluster::Cluster;
use crate::commands::Done;
use crate::context::Context;
use crate::failure::Failure;
use crate::visible::visible;

/// Write schemas as readable SQL to the tree, and commit them to git
///
/// Every object has a file of its own under DIR/DATABASE/SCHEMA/, with all that hangs on it: a table with its
/// columns, constraints, indexes, triggers, policies, grants and comments. The entries of the ledgers, a manifest and
/// restore.sql, which plain psql can run, go to DIR/.facts/ENVIRONMENT/DATABASE/. The same schema gives the same
/// bytes: a dump after which nothing is new changes no file and makes no commit.
///
/// Rows of tables are not dumped. A database with objects that psql-cm does not know is refused before a file is
/// written (exit code 4), and they are named, unless [ignore] in psql-cm.toml says otherwise. Only the tool's own files are committed; what was staged stays
/// staged. Reading the schemas needs no privilege but CONNECT; what could not be read is named. Reading the ledgers
/// needs USAGE on every schema under control, and SELECT on its ledger and on the ledger's sequence.
///
/// --globals writes what belongs to no database to DIR/cluster.sql: roles with their attributes, comments, memberships
/// and settings; tablespaces; privileges on parameters. Never passwords. Databases are then dumped as well where
/// --database, --databases, --all-databases, PSQLCM_DATABASES or psql-cm.toml names them; without, the globals alone.
/// Any role may read them. What is set or granted on a database stands in the file of the database.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Write the cluster's globals to cluster.sql, besides the databases that are named
    #[arg(long)]
    pub globals: bool,

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
  psql-cm --all-databases dump --message "After release 7"
  psql-cm dump --globals                                  roles, memberships, tablespaces: no database
  psql-cm --all-databases dump --globals                  the whole cluster"#;

/// Dumps the globals, if they are asked for, and each database.
pub fn run(args: &Args, context: &Context) -> Result<Done, Failure> {
    let cluster = Cluster::of(context)?;
    let options = Options {
        commit: !args.no_commit,
        allow_unsupported: args.allow_unsupported,
        message: args.message.as_deref(),
    };
    let databases = if args.globals { cluster.databases_besides()? } else { cluster.databases()? };
    let globals = args.globals.then(|| dump_globals(context, &cluster, &options));
    let report = cluster.each_database_after("dump", globals, &databases, |database| {
        Ok(vec![dump_database(context, &cluster, database, None, &options)?.report])
    })?;
    Ok(report.into())
}

/// How to dump.
pub struct Options<'a> {
    /// Whether git commits the files.
    pub commit: bool,
    /// Whether what is not supported is left out instead of refused.
    pub allow_unsupported: bool,
    /// The message of the commit.
    pub message: Option<&'a str>,
}

/// A database that was dumped.
pub struct Dumped {
    /// What there is to tell.
    pub report: TargetReport,
    /// What the tree now knows of it.
    pub manifest: Manifest,
}

/// Dumps a database: the schemas of the settings, or those given.
pub fn dump_database(
    context: &Context,
    cluster: &Cluster<'_>,
    database: &str,
    schemas: Option<&[String]>,
    options: &Options<'_>,
) -> Result<Dumped, Failure> {
    let target = Target::database(database);
    let ledger = cluster.ledger()?;
    let selection = &context.settings.schemas.value;
    let (selected, observed) = cluster.read(database, |session| {
        let selected = cluster.readable_schemas(session, database)?;
        let named = if selection.named.is_empty() { None } else { Some(selected.as_slice()) };
        let observed =
            observe(session, &ledger, schemas.or(named)).map_err(|error| unread(&target, &error))?;
        Ok((selected, observed))
    })?;
    let covered = schemas.or(if selection.named.is_empty() { None } else { Some(&selected) });
    let is_excluded = |name: &&str| selection.excluded.iter().any(|glob| glob.matches(name));
    let excluded: Vec<String> =
        observed.facts.schemas().into_iter().filter(is_excluded).map(str::to_owned).collect();
    let scope = covered.map_or(Scope::AllBut(&excluded), Scope::Only);
    let left_out = not_ignored(context, database, dump::left_out(&observed));
    if !left_out.is_empty() && !options.allow_unsupported {
        return Err(refused(&target, &left_out));
    }
    tell_left_out(context, database, &left_out, "left out of the tree");
    tell_left_out(context, database, &observed.facts.mentions, "not in the tree");
    let root = cluster.sql_path();
    let environment = &context.settings.environment.value;
    let _turn = cluster.turn();
    let mut writer = Writer::open(root, "psql-cm dump").map_err(|error| files_failure(&target, &error))?;
    let manifests = manifests(root, database)?;
    let request = dump::Request { database, scope, environment, ledger: &ledger, manifests: &manifests };
    match dump::stranger(&observed, &request) {
        Some(Stranger::Other { instance }) => {
            return Err(another(&target, environment, &instance, &observed.instance));
        }
        Some(Stranger::Unknown { instance }) => context.ui.warn(&format!(
            "{database}: the tree was written from a database of another cluster (instance {instance}); neither has a \
             ledger that would tell whether this one is a copy of it"
        )),
        None => {}
    }
    let dumped = dump::dump(observed, &request)
        .map_err(|error| Failure::because("cannot write the database as SQL", &error).on(&target))?;
    for finding in &dumped.broken {
        let what = finding.message();
        context
            .ui
            .warn(&format!("{database}: {what}; only the history of git keeps what the tree knew before"));
    }
    let changes = write(&mut writer, root, &dumped).map_err(|error| files_failure(&target, &error))?;
    let earlier = if options.commit { removed_earlier(root, &dumped.manifest) } else { Vec::new() };
    let report = published(context, &target, root, changes, earlier, options)?;
    Ok(Dumped { report, manifest: dumped.manifest })
}

/// Dumps what belongs to no database.
fn dump_globals(
    context: &Context,
    cluster: &Cluster<'_>,
    options: &Options<'_>,
) -> Result<TargetReport, Failure> {
    let target = Target::cluster();
    let globals = cluster.read_globals(|session| {
        capture::globals(session)
            .map_err(|error| Failure::because("cannot read the globals of the cluster", &error).on(&target))
    })?;
    let label = target.to_string();
    let left_out = not_ignored(context, &label, globals.left_out.clone());
    if !left_out.is_empty() && !options.allow_unsupported {
        return Err(refused(&target, &left_out));
    }
    tell_left_out(context, &label, &left_out, "left out of the tree");
    let text = globals::text(&globals)
        .map_err(|error| Failure::because("cannot write the globals as SQL", &error).on(&target))?;
    let root = cluster.sql_path();
    let _turn = cluster.turn();
    let written = Writer::open(root, "psql-cm dump").and_then(|mut writer| {
        write_files(&mut writer, root, &BTreeMap::from([(globals::FILE.to_owned(), text)]))?;
        writer.publish()
    });
    let changes = written.map_err(|error| files_failure(&target, &error))?;
    published(context, &target, root, changes, Vec::new(), options)
}

/// Commits what was written, if that is wanted, and reports it.
fn published(
    context: &Context,
    target: &Target,
    root: &Path,
    changes: Changes,
    earlier: Vec<PathBuf>,
    options: &Options<'_>,
) -> Result<TargetReport, Failure> {
    let count = changes.written.len() + changes.removed.len();
    let mut reason = match count {
        0 => "no file changed".to_owned(),
        _ => format!("{} files written, {} removed", changes.written.len(), changes.removed.len()),
    };
    if options.commit {
        let files: Vec<PathBuf> = [changes.written, changes.unchanged, changes.removed, earlier].concat();
        let message = options.message.map_or_else(|| usual_message(target), str::to_owned);
        let committed = git::commit(root, &files, &message).map_err(|error| {
            let exit = if count == 0 { Exit::Failed } else { Exit::Partly };
            Failure { exit, ..git_failure(target, &error) }
        })?;
        if let Some(warning) = committed.warning() {
            context.ui.warn(&warning);
        }
        if let Committed::Commit { id, .. } = &committed {
            reason += &format!(", commit {}", id.get(..12).unwrap_or(id));
        }
    }
    let outcome = if count == 0 { Outcome::Unchanged } else { Outcome::Done };
    Ok(TargetReport::new(target, outcome).because(reason))
}

/// What a commit is called where nobody says: `git log` shows it on a terminal.
fn usual_message(target: &Target) -> String {
    let what = if *target == Target::cluster() { "the globals".into() } else { visible(&target.database) };
    format!("psql-cm: dump {what}")
}

fn write(writer: &mut Writer, root: &Path, dump: &Dump) -> Result<Changes, FilesError> {
    write_files(writer, root, &dump.files)?;
    for path in &dump.removed {
        writer.remove(Path::new(path))?;
    }
    writer.publish()
}

/// The files, and what keeps git from changing them.
fn write_files(writer: &mut Writer, root: &Path, files: &BTreeMap<String, String>) -> Result<(), FilesError> {
    let (attributes, text) = tree::ATTRIBUTES;
    // What somebody wrote there themselves is theirs.
    let is_theirs = std::fs::read(root.join(attributes)).is_ok_and(|found| found != text.as_bytes());
    if !is_theirs {
        writer.write(Path::new(attributes), text.as_bytes())?;
    }
    let files: Vec<_> = files.iter().map(|(path, text)| (Path::new(path), text.as_bytes())).collect();
    writer.write_all(&files)
}

/// Files that git still has and the tree does not: an earlier dump removed them, and was killed before its commit.
/// The tree no longer knows of them; what git knows of the environment does.
fn removed_earlier(root: &Path, manifest: &Manifest) -> Vec<PathBuf> {
    let folder = tree::facts_folder(&manifest.environment, &manifest.database);
    let path = format!("{folder}/{}", tree::manifest::FILE);
    // Before the first commit there is none, and one that cannot be read names none.
    let committed = git::show(root, "HEAD", Path::new(&path)).unwrap_or_default();
    let Ok(committed) = Manifest::parse(&String::from_utf8_lossy(&committed)) else {
        return Vec::new();
    };
    let files = committed.files.into_keys().filter(|path| !manifest.files.contains_key(path));
    files.map(PathBuf::from).filter(|path| std::fs::symlink_metadata(root.join(path)).is_err()).collect()
}

/// What all environments know of the database.
pub(super) fn manifests(root: &Path, database: &str) -> Result<BTreeMap<String, Manifest>, Failure> {
    manifests::of_database(root, database)
        .map_err(|error| manifests_failure(&error).on(&Target::database(database)))
}

/// Manifests that cannot be read.
pub fn manifests_failure(error: &ManifestsError) -> Failure {
    Failure::because("cannot read what the tree knows", error).hint_if(error.hint())
}

/// What was left out but for what is ignored, of which only the count is told, and only to whom wants to hear more.
pub fn not_ignored(context: &Context, database: &str, left_out: Vec<LeftOut>) -> Vec<LeftOut> {
    let all = left_out.len();
    let ignore = &context.settings.ignore;
    let told: Vec<_> = left_out.into_iter().filter(|left_out| !ignore.is_ignored(left_out)).collect();
    let count = all - told.len();
    if count > 0 {
        let objects = if count == 1 { "object" } else { "objects" };
        context.ui.verbose(&format!("{database}: [ignore] covers {count} {objects} that cannot be captured"));
    }
    told
}

/// Names each thing that was left out.
pub fn tell_left_out(context: &Context, database: &str, left_out: &[LeftOut], how: &str) {
    for LeftOut { kind, identity, reason } in left_out {
        context.ui.warn(&format!("{database}: {how}: {kind} {identity} ({reason})"));
    }
}

fn unread(target: &Target, error: &ObserveError) -> Failure {
    let failure = Failure::because("cannot read the database", error).on(target);
    match error {
        ObserveError::Ledger(_) => failure.hint(
            "a dump holds the ledgers of all schemas: it needs USAGE on the schemas, SELECT on the ledgers and their sequences",
        ),
        _ => failure,
    }
}

fn refused(target: &Target, left_out: &[LeftOut]) -> Failure {
    let names: Vec<_> = left_out
        .iter()
        .map(|LeftOut { kind, identity, reason }| format!("{kind} {identity}: {reason}"))
        .collect();
    let holder = if *target == Target::cluster() { "the cluster" } else { "the database" };
    let message = format!("{holder} holds what psql-cm cannot write to the tree; no file was written");
    let mut failure = Failure::new(Exit::Refused, message);
    for name in names {
        failure = failure.detail("object", name);
    }
    failure
        .on(target)
        .hint("--allow-unsupported goes on without these objects, and names them in the manifest")
}

/// Its facts would take the place of the other's, whose ledgers then have no anchors.
fn another(target: &Target, environment: &str, theirs: &str, ours: &str) -> Failure {
    Failure::new(Exit::Refused, "the tree holds another database of this name; no file was written")
        .on(target)
        .detail("in the tree", format!("instance {theirs}, in the environment {environment}"))
        .detail(
            "connected to",
            format!("instance {ours}, whose ledgers have no entry in common with the tree's"),
        )
        .hint(
            "is it the right server? two clusters are told apart by --environment, or by another --sql-path",
        )
        .hint(format!(
            "if it is to take the other's place, remove what the tree knows of that: {}",
            tree::facts_folder(environment, &target.database)
        ))
}

fn files_failure(target: &Target, error: &FilesError) -> Failure {
    let exit = match error {
        FilesError::Busy { .. } => Exit::LockNotHad,
        // The rest of the tree is as it was, and will not stay so.
        FilesError::Unfinished { .. } => Exit::Partly,
        _ => Exit::Failed,
    };
    Failure::new(exit, "cannot write the tree").cause(error).on(target).hint_if(error.hint())
}

fn git_failure(target: &Target, error: &GitError) -> Failure {
    Failure::because("the files are written, and not committed", error).on(target).hint_if(error.hint())
}
