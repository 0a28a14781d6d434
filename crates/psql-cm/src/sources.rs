//! The sources of a comparison, as people write them, made ready for the engine.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use psqlcm_core::kinds::VersionChange;
use psqlcm_core::narrow::Scope;
use psqlcm_core::report::Exit;
use psqlcm_core::spec::{Found, Spec, SpecError};
use psqlcm_core::targets::Databases;
use psqlcm_engine::access::Access;
use psqlcm_engine::conninfo::{Given, Origin};
use psqlcm_engine::git::{self, GitError};
use psqlcm_engine::restore::Place as TreePlace;
use psqlcm_engine::run::database::Abandoned;
use psqlcm_engine::scratch::{Scratch, ScratchError};
use psqlcm_engine::session::shown_version;
use psqlcm_engine::sources::{
    Event, LazyScratch, Pair, PairError, Pairing, Request, Sides, Source, SourceError, Tell, TreeFiles, What,
};

use crate::cluster::{self, Cluster};
use crate::context::Context;
use crate::failure::{Failure, Place};
use crate::progress::Meter;
use crate::values::RoleMap;

/// What `diff` and `plan` take: two sides, and what of them counts.
#[derive(Debug, clap::Args)]
pub struct SideArgs {
    /// The side to begin with: a source, as listed below
    #[arg(value_name = "FROM")]
    pub from: String,

    /// The side to get to: another source
    #[arg(value_name = "TO")]
    pub to: String,

    /// A server on which scratch databases can be made [default: PSQLCM_SCRATCH_URI, else a throw-away cluster of local programs]
    #[arg(long, value_name = "URI")]
    pub scratch_uri: Option<String>,

    /// Put one role in the place of another on both sides, old=new; repeatable
    #[arg(long, value_name = "OLD=NEW")]
    pub role_map: Vec<RoleMap>,

    /// Do not compare owners
    #[arg(long)]
    pub no_owner: bool,

    /// Do not compare privileges
    #[arg(long)]
    pub no_privileges: bool,
}

/// What can be a side, for the help.
macro_rules! sources_help {
    () => {
        r#"Sources:
  db:NAME                      a database of the cluster that --uri names
  postgres://..., key=value    a database elsewhere; without one in it, all of that cluster
  service:NAME                 the same by libpq's service file
  tree:DIR[#DATABASE]          a tree as psql-cm dump writes it, edited or not
  file:PATH                    an SQL script, run as it stands
  git:REV[:DIR][#DATABASE]     a tree (--sql-path, or DIR) as a revision has it
  ledger:NAME                  a database of --uri as its ledgers recorded it last
  empty:                       nothing
  Without a prefix, what holds :// or = is a connection, what holds a slash or ends in .sql
  a path, and all else a database on --uri. Of a side with several databases that of the same
  name is compared, or the only one; a tree against a cluster compares all that the tree has.
"#
    };
}
pub(crate) use sources_help;

/// Two sides that are open, and how they are told.
pub struct Opened<'a> {
    /// The sides.
    pub sides: &'a Sides<'a>,
    /// What of them counts.
    pub scope: &'a Scope,
    /// Their names, without secrets.
    pub names: &'a (String, String),
    /// Takes what there is to tell while they are read.
    pub tell: &'a Tell<'a>,
    unseen: &'a Mutex<Vec<BTreeSet<String>>>,
}

impl Opened<'_> {
    /// The pair of that name.
    pub fn pairing(&self, name: &str) -> Option<&Pairing> {
        self.sides.pairings().iter().find(|pairing| pairing.name == name)
    }

    /// The names of all pairs.
    pub fn databases(&self) -> Vec<String> {
        self.sides.pairings().iter().map(|pairing| pairing.name.clone()).collect()
    }

    /// Remembers the schemas that were named and that a database has on neither side.
    pub fn saw(&self, pair: &Pair) {
        let mut unseen = self.unseen.lock().unwrap_or_else(PoisonError::into_inner);
        unseen.push(pair.missing_schemas.iter().cloned().collect());
    }

    /// A name that no database of either side has is a mistake.
    pub fn check_schemas(&self, context: &Context) -> Result<(), Failure> {
        let unseen = self.unseen.lock().unwrap_or_else(PoisonError::into_inner);
        let in_all = unseen.iter().cloned().reduce(|all, next| &all & &next).unwrap_or_default();
        match in_all.first() {
            None => Ok(()),
            Some(_) => {
                let names: Vec<String> = in_all.into_iter().collect();
                let source = &context.settings.schemas.source;
                Err(Failure::new(Exit::Failed, format!("neither side has the schema {}", names.join(", ")))
                    .hint(format!("is the name right? it is from {source}")))
            }
        }
    }
}

/// Opens both sides, works on them, and lets go of what was made on scratch.
pub fn with_sides<T>(
    args: &SideArgs,
    context: &Context,
    cluster: &Cluster<'_>,
    work: impl FnOnce(&Opened<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let ledger = cluster.ledger()?;
    let from = source(&args.from, context, cluster)?;
    let to = source(&args.to, context, cluster)?;
    let names = (from.name.clone(), to.name.clone());
    let scratch = scratch(args.scratch_uri.as_deref(), context)?;
    let databases = match context.settings.databases_besides(None)? {
        Some(Databases::Named(names)) => Some(names),
        Some(Databases::All) | None => None,
    };
    let scope = Scope {
        schemas: context.settings.schemas.value.clone(),
        ignore: context.settings.ignore.clone(),
        owners: !args.no_owner,
        privileges: !args.no_privileges,
    };
    let request = Request {
        scratch: scratch.as_ref(),
        role_map: &args.role_map.iter().map(|map| (map.from.clone(), map.to.clone())).collect(),
        databases: databases.as_deref(),
        scope: &scope,
        ledger: &ledger,
        environment: &context.settings.environment.value,
    };
    let meter = Meter::new(&context.ui, "load");
    let tell = |event: Event<'_>| tell(context, &meter, &event);
    let sides =
        Sides::open(from, to, &request, &context.interrupt, &tell).map_err(|error| failure(&error))?;
    let scratch = sides.scratch().cloned();
    tell_abandoned(context, scratch.as_ref().map_or(&[], Scratch::abandoned));
    let unseen = Mutex::default();
    let done = work(&Opened { sides: &sides, scope: &scope, names: &names, tell: &tell, unseen: &unseen });
    drop(sides);
    drop(meter);
    tell_abandoned(context, &scratch.map(|scratch| scratch.left()).unwrap_or_default());
    done
}

/// Which side alone has the database.
pub fn only_in(pairing: &Pairing) -> Option<&'static str> {
    match (pairing.is_in_from, pairing.is_in_to) {
        (true, false) => Some("the whole database is only in FROM"),
        (false, true) => Some("the whole database is only in TO"),
        _ => None,
    }
}

/// Reads what somebody wrote for a side; looks at files and at git, and connects nowhere.
pub fn source(text: &str, context: &Context, cluster: &Cluster<'_>) -> Result<Source, Failure> {
    let spec = Spec::parse(text, look).map_err(|error| not_clear(&error))?;
    let name = spec.to_string();
    let on_cluster = || cluster.access.clone();
    let what = match spec {
        Spec::Database(database) => What::Live { access: on_cluster(), database: Some(database) },
        Spec::Ledger(database) => What::Ledger { access: on_cluster(), database },
        Spec::Service(service) => connection(&Given::new().option(&name, "service", &service), context)?,
        Spec::Connection(text) => connection(&Given::new().text("the source", &text), context)?,
        Spec::Tree { folder, database } => {
            if !Path::new(&folder).is_dir() {
                return Err(Failure::usage(format!("{name}: there is no folder {folder:?}"))
                    .hint("psql-cm dump writes a tree; after a # stands a database of it"));
            }
            What::Tree { files: TreeFiles::Folder(folder.into()), database }
        }
        Spec::File(path) => What::Script { text: script(&name, &path)? },
        Spec::Git { revision, path, database } => {
            let root = path.map_or_else(|| cluster.sql_path().to_path_buf(), Into::into);
            let files = git::files(&root, &revision).map_err(|error| no_revision(&name, &error))?;
            What::Tree { files: TreeFiles::Read(files), database }
        }
        Spec::Empty => What::Empty,
    };
    Ok(Source { name, what })
}

/// The server that somebody gives for scratch databases, by the command's option or by the variable.
pub fn scratch(option: Option<&str>, context: &Context) -> Result<Option<Access>, Failure> {
    let variable = context.settings.scratch_uri.as_deref();
    let given = option.map(|uri| ("--scratch-uri", uri)).or(variable.map(|uri| ("PSQLCM_SCRATCH_URI", uri)));
    given.map(|(name, uri)| cluster::access_to(&Given::new().text(name, uri), None, context)).transpose()
}

fn look(path: &str) -> Option<Found> {
    let about = fs::metadata(path).ok()?;
    Some(if about.is_dir() { Found::Folder } else { Found::File })
}

fn not_clear(error: &SpecError) -> Failure {
    Failure::usage(error.to_string()).hint(error.hint())
}

/// A connection that names no database means all of the cluster.
fn connection(given: &Given, context: &Context) -> Result<What, Failure> {
    let access = cluster::access_to(given, context.settings.role.as_ref(), context)?;
    let info = access.info();
    let is_named =
        info.origins().iter().any(|(name, _, origin)| *name == "dbname" && *origin != Origin::Default);
    let database = is_named.then(|| info.database().to_owned());
    Ok(What::Live { access, database })
}

fn script(name: &str, path: &str) -> Result<String, Failure> {
    let bytes = fs::read(path).map_err(|error| {
        Failure::because(format!("cannot read {name}"), &error).hint("is the path right?")
    })?;
    String::from_utf8(bytes)
        .map_err(|error| Failure::because(format!("cannot read {name}"), &error).hint("save it as UTF-8"))
}

/// Tells what happens while sides are read.
pub fn tell(context: &Context, meter: &Meter<'_>, event: &Event<'_>) {
    let ui = &context.ui;
    match event {
        Event::Loading { source, version, statements } => {
            meter.expect(*statements);
            ui.verbose(&format!(
                "{source}: loading it on a scratch server, PostgreSQL {}",
                shown_version(*version)
            ));
        }
        Event::Loaded(statements) => meter.advance(*statements, 0),
        Event::Relayed { source, from, to } => {
            let line = format!(
                "{source} is of PostgreSQL {}, and is read as PostgreSQL {} sees it: it is loaded on the scratch server",
                shown_version(*from),
                shown_version(*to)
            );
            // Minor releases differ more often than not, and mean the same by the same words.
            if from / 10_000 == to / 10_000 { ui.verbose(&line) } else { ui.say(&line) }
        }
        Event::LeftOut { source, left_out } => ui.warn(&format!(
            "{source}: not compared: {} {} ({})",
            left_out.kind, left_out.identity, left_out.reason
        )),
        Event::NoProperties { source } => ui.say(&format!(
            "{source}: the scratch server cannot give a database its encoding or locale: these are not compared"
        )),
        Event::NotRedone { database, not_redone } => {
            ui.say(&format!("ledger:{database}: not done again: {not_redone}"));
        }
        Event::NoSuchVersion(change) => ui.warn(&no_such_version(change)),
        Event::NotInTree { databases } => {
            ui.say(&format!("not in the tree, and not compared: {}", databases.join(", ")));
        }
    }
}

fn no_such_version(change: &VersionChange) -> String {
    let (name, new) = (change.id.name(), &change.new);
    match &change.old {
        Some(old) => format!(
            "extension {name}: the server knows no update from version {old} to {new}, which TO has: the plan leaves it as it is"
        ),
        None => format!(
            "extension {name}: the server does not offer version {new}, which TO has: the plan takes the one that it offers"
        ),
    }
}

/// Tells what became of databases that were to be thrown away.
pub fn tell_abandoned(context: &Context, abandoned: &[Abandoned]) {
    for Abandoned { name, left } in abandoned {
        match left {
            None => {
                let what = "which a killed run had left";
                context.ui.say(&format!("dropped the scratch database {name:?}, {what}"));
            }
            Some(why) => {
                context
                    .ui
                    .warn(&format!("the scratch database {name:?} is left, and could not be dropped: {why}"));
            }
        }
    }
}

/// The same of a place that may have been needed, once all databases there are dropped.
pub fn tell_scratch(context: &Context, scratch: &LazyScratch<'_>) {
    if let Some(scratch) = scratch.opened() {
        tell_abandoned(context, scratch.abandoned());
        tell_abandoned(context, &scratch.left());
    }
}

/// What it says that git does not give a tree.
fn no_revision(name: &str, error: &GitError) -> Failure {
    let failure = Failure::because(format!("cannot read {name}"), error);
    match error {
        GitError::NoGit => failure.hint("install git: revisions are read with it"),
        GitError::NoSuchRevision { .. } | GitError::DubiousOwnership { .. } => failure.hint_if(error.hint()),
        GitError::NoSuchFile { .. } => failure.hint(
            "after the revision stands the folder of the tree, seen from here; without one it is --sql-path",
        ),
        _ => failure,
    }
}

/// What it says that two sides cannot be compared.
pub fn failure(error: &SourceError) -> Failure {
    match error {
        SourceError::Pair(error) => return pair_failure(error),
        SourceError::Side { name, error: inner } => {
            let place = inner.place().map(|place| at(name, place));
            let failure = match inner.inner() {
                SourceError::Scratch(ScratchError::Interrupted(interrupted))
                | SourceError::Interrupted(interrupted) => {
                    return Failure::from(*interrupted);
                }
                _ => Failure::because(format!("cannot read {name}"), &**inner),
            };
            let failure = place.map_or_else(|| failure.clone(), |place| failure.clone().at(place));
            return failure.hint_if(hint(inner.inner()));
        }
        SourceError::Scratch(ScratchError::Interrupted(interrupted))
        | SourceError::Interrupted(interrupted) => {
            return Failure::from(*interrupted);
        }
        _ => {}
    }
    Failure::because("nothing can be compared", error).hint_if(hint(error))
}

/// What it says that the ledgers of a database cannot be done again, and what was to come of it.
pub fn not_rebuilt(message: &str, error: &SourceError) -> Failure {
    if let Some(interrupted) = error.interrupted() {
        return Failure::from(interrupted);
    }
    let failure = Failure::because(message, error);
    let failure = error.place().map_or_else(|| failure.clone(), |place| failure.clone().at(at("", place)));
    let lacking = match error.inner() {
        SourceError::Scratch(error) => error.lacking_roles(),
        SourceError::Replay { error, .. } => error.lacking_roles(),
        _ => None,
    };
    match lacking {
        Some(_) => failure.hint(
            "somebody has to create them on the server of --scratch-uri; without it they are made on a scratch \
             cluster",
        ),
        None => failure.hint_if(hint(error)),
    }
}

fn pair_failure(error: &PairError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        PairError::Which { .. } => {
            failure.hint("say which: after a # for a tree, in the URI, or with --database")
        }
        PairError::None { .. } => {
            failure.hint("is the folder right? below it each database has a folder of its own")
        }
        PairError::NotThere(_) => {
            failure.hint("is the name right? --database and --databases say what is compared")
        }
    }
}

fn hint(error: &SourceError) -> Option<String> {
    let SourceError::Scratch(error) = error else {
        return match error {
            SourceError::Tree(_) => Some("is it the folder of a tree, as psql-cm dump writes it?".to_owned()),
            SourceError::NoLedger => Some("psql-cm setup takes schemas under control".to_owned()),
            SourceError::Replay { .. } => {
                Some("psql-cm log shows the entry; what it needs may have been made past psql-cm".to_owned())
            }
            _ => None,
        };
    };
    Some(match error {
        ScratchError::NoServer { wanted, .. } => format!(
            "install the server of PostgreSQL{}, name its folder in PSQL_CM_PG_BIN, or name a server for scratch \
             databases with --scratch-uri",
            wanted.map(|major| format!(" {major}")).unwrap_or_default()
        ),
        ScratchError::Start(_) => "name a server for scratch databases with --scratch-uri".to_owned(),
        ScratchError::Connect(_) | ScratchError::Standby => {
            "it is the server of --scratch-uri, or of PSQLCM_SCRATCH_URI: the role must be able to create databases there"
                .to_owned()
        }
        ScratchError::Create(_) => "the role of --scratch-uri needs CREATEDB".to_owned(),
        ScratchError::Lacking { is_own: true, version, .. } => format!(
            "install its packages for PostgreSQL {} on this machine, or name a server that has it with --scratch-uri",
            version / 10_000
        ),
        ScratchError::Lacking { .. } => {
            "an administrator of the scratch server has to install or create them".to_owned()
        }
        ScratchError::LackingRoles(roles) => format!(
            "--role-map {}=ROLE puts a role of that server in its place; without --scratch-uri the roles are made on a \
             scratch cluster",
            roles.first().map(String::as_str).unwrap_or_default()
        ),
        ScratchError::Refused { hint, .. } => (*hint).to_owned(),
        ScratchError::Statement { error, .. } if error.sqlstate() == Some(UNDEFINED_FILE) => {
            "the scratch server has no such library: install its package there, or name a server that has it with \
             --scratch-uri"
                .to_owned()
        }
        _ => return None,
    })
}

/// `could not access file`: a library of functions in C.
const UNDEFINED_FILE: &str = "58P01";

/// Paths of a tree are told with its folder.
fn at(source: &str, place: &TreePlace) -> Place {
    let folder = source.strip_prefix("tree:").map(|rest| rest.split('#').next().unwrap_or(rest));
    let file = match folder {
        Some(folder) => Path::new(folder).join(&place.path).display().to_string(),
        None => place.path.clone(),
    };
    Place { file, line: place.line, column: Some(place.column), text: Some(place.text.clone()) }
}
