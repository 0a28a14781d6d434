//! The two sides of a comparison, whatever they are: live databases, trees, scripts, revisions, ledgers; read as facts by
//! the same server version.
//!
//! What is not a live database is loaded on scratch and read there, as only PostgreSQL knows what SQL means. So is a live
//! database of another version than the rest: texts that two versions print, minor ones too, cannot be compared. It says
//! nothing of the differences: that is `psqlcm_core::delta`.

mod error;
mod ledger;
mod pairing;
mod versions;

use std::collections::BTreeMap;
use std::path::PathBuf;

use psqlcm_core::fact::FactId;
use psqlcm_core::kinds::{self, VersionChange};
use psqlcm_core::ledger::replay::NotRedone;
use psqlcm_core::narrow::{Covered, Scope};
use psqlcm_core::plan::{self, RenamedFrom};
use psqlcm_core::snapshot::{LeftOut, Snapshot};
use psqlcm_core::targets::{Selection, databases_of_cluster};
use psqlcm_core::{file_name, ledger::own};

pub use error::SourceError;
pub(crate) use ledger::redo;
pub use ledger::{AfterStep, LazyScratch, Place, Rebuilding, Recorded};
pub use pairing::{PairError, Pairing};

use crate::access::{self, Access};
use crate::capture;
use crate::files::read_folders;
use crate::interrupt::Interrupt;
use crate::ledger::{Ledger, State};
use crate::observe::ObserveError;
use crate::restore::cancel_on_interrupt;
use crate::restore::tree::{Shelf, Tree};
use crate::scratch::{Scratch, ScratchDatabase, ScratchError, Sql, Wanted};
use crate::session::{DbError, Session};
use pairing::{Names, pair};

/// One side.
pub struct Source {
    /// As people wrote it, without secrets.
    pub name: String,
    /// What it is.
    pub what: What,
}

/// What a source is.
pub enum What {
    /// Databases of a cluster: that one, or all.
    Live {
        /// The cluster.
        access: Access,
        /// Which of its databases.
        database: Option<String>,
    },
    /// A tree.
    Tree {
        /// Its files.
        files: TreeFiles,
        /// Which of its databases.
        database: Option<String>,
    },
    /// A script.
    Script {
        /// Its text.
        text: String,
    },
    /// A database as its ledgers recorded it last.
    Ledger {
        /// The cluster.
        access: Access,
        /// The database.
        database: String,
    },
    /// Nothing.
    Empty,
}

/// The files of a tree.
pub enum TreeFiles {
    /// Those below a folder.
    Folder(PathBuf),
    /// These, by their paths within the tree.
    Read(BTreeMap<String, Vec<u8>>),
}

/// How to compare.
pub struct Request<'a> {
    /// The server for scratch databases; without one, a cluster of local programs.
    pub scratch: Option<&'a Access>,
    /// Roles that take the place of others, on both sides.
    pub role_map: &'a BTreeMap<String, String>,
    /// The databases to compare, where a side has several.
    pub databases: Option<&'a [String]>,
    /// What of them.
    pub scope: &'a Scope,
    /// The ledgers, which are no part of either side.
    pub ledger: &'a Ledger,
    /// Whose facts say in which order a tree is tried.
    pub environment: &'a str,
}

/// What there is to tell while sides are read.
pub enum Event<'a> {
    /// A source is loaded on scratch.
    Loading {
        /// Which.
        source: &'a str,
        /// The version of the scratch server.
        version: u32,
        /// How many statements it has; 0 where that is not known.
        statements: usize,
    },
    /// So many more statements are loaded.
    Loaded(usize),
    /// A live database is loaded on scratch, as the server there is of another version.
    Relayed {
        /// Which.
        source: &'a str,
        /// Its version.
        from: u32,
        /// The version of the scratch server.
        to: u32,
    },
    /// Something that no kind holds.
    LeftOut {
        /// Where.
        source: &'a str,
        /// What.
        left_out: &'a LeftOut,
    },
    /// The server has no such locale or the like, so that the database's own properties are not compared.
    NoProperties {
        /// Whose.
        source: &'a str,
    },
    /// What a ledger holds that is not done again.
    NotRedone {
        /// Of which database.
        database: &'a str,
        /// What.
        not_redone: &'a NotRedone,
    },
    /// A version of an extension that the server of FROM cannot bring about.
    NoSuchVersion(&'a VersionChange),
    /// Databases of a cluster that the tree does not have.
    NotInTree {
        /// Which.
        databases: &'a [String],
    },
}

/// Takes what there is to tell.
pub type Tell<'a> = dyn Fn(Event<'_>) + Sync + 'a;

/// Two sides that are ready to be read, database by database.
pub struct Sides<'a> {
    from: Source,
    to: Source,
    request: &'a Request<'a>,
    interrupt: &'a Interrupt,
    pairings: Vec<Pairing>,
    scratch: Option<Scratch>,
    /// The version by which all is read.
    version: u32,
    /// The role that a live side is read as.
    role: Option<String>,
}

/// A database as both sides have it.
pub struct Pair {
    /// Its name, for people.
    pub name: String,
    /// What it is now.
    pub from: Snapshot,
    /// What it is to be.
    pub to: Snapshot,
    /// What both sides speak of.
    pub covered: Covered,
    /// Schemas that were named, and that neither side has.
    pub missing_schemas: Vec<String>,
    /// What comments say of renames, where the one to be reached is text.
    pub renamed_from: Vec<RenamedFrom>,
    /// Extensions whose versions there is no way back from.
    pub one_way: Vec<FactId>,
}

impl<'a> Sides<'a> {
    /// Looks at both sides and makes scratch ready where it is needed.
    ///
    /// A live side says which version reads: that of `to` if both are live. Without one it is the newest that is installed,
    /// or that of the scratch server.
    ///
    /// # Errors
    /// When a side cannot be had, or it is not clear which databases are to be compared.
    pub fn open(
        from: Source,
        to: Source,
        request: &'a Request<'a>,
        interrupt: &'a Interrupt,
        tell: &Tell<'_>,
    ) -> Result<Self, SourceError> {
        let (from_names, to_names) = (from.names()?, to.names()?);
        let of_tree = databases_of_tree((&from, &from_names), (&to, &to_names), tell);
        let wanted = request.databases.or(of_tree.as_deref());
        let pairings = pair((&from.name, &from_names), (&to.name, &to_names), wanted)?;
        let (from_live, to_live) = (from.look()?, to.look()?);
        let needs_scratch = needs_scratch(&[&from, &to], &from_live, &to_live, request);
        let (version, role) = to_live.or(from_live).map(|live| (live.version, live.role)).unzip();
        let version = version.unwrap_or_default();
        let mut sides = Self { from, to, request, interrupt, pairings, scratch: None, version, role };
        if needs_scratch {
            let scratch = sides.open_scratch()?;
            sides.version = scratch.server_version();
            sides.scratch = Some(scratch);
        }
        Ok(sides)
    }

    /// The scratch server; one that reading did not need is made now, of the version by which all is read.
    ///
    /// # Errors
    /// As [`Scratch::open`].
    pub fn open_scratch(&self) -> Result<Scratch, ScratchError> {
        if let Some(scratch) = &self.scratch {
            return Ok(scratch.clone());
        }
        let wanted = Wanted {
            given: self.request.scratch,
            major: Some(self.version / 10_000).filter(|major| *major > 0),
            role_map: Some(self.request.role_map),
            role: self.role.as_deref(),
        };
        Scratch::open(&wanted, self.interrupt)
    }

    /// The databases to compare.
    pub fn pairings(&self) -> &[Pairing] {
        &self.pairings
    }

    /// The scratch server, where one was needed.
    pub fn scratch(&self) -> Option<&Scratch> {
        self.scratch.as_ref()
    }

    /// The version of the server by which all is read, as `server_version_num`; 0 where nothing is.
    pub fn server_version(&self) -> u32 {
        self.version
    }

    /// Reads a database on both sides, at the same time.
    ///
    /// # Errors
    /// When a side cannot be read; [`SourceError::Side`] says which.
    pub fn read(&self, pairing: &Pairing, tell: &Tell<'_>) -> Result<Pair, SourceError> {
        let (from, to) = self.both(pairing, tell)?;
        Ok(self.pair(pairing, from, to))
    }

    /// The same for a plan, and all of the one side besides: versions of extensions that cannot be had are no difference.
    ///
    /// # Errors
    /// As [`Sides::read`].
    pub fn read_whole(&self, pairing: &Pairing, tell: &Tell<'_>) -> Result<(Pair, Snapshot), SourceError> {
        let (from, to) = self.both(pairing, tell)?;
        let mut whole = from.snapshot.clone();
        let mut pair = self.pair(pairing, from, to);
        self.settle_versions(pairing, &mut pair, &mut whole, tell)?;
        Ok((pair, whole))
    }

    /// Leaves the versions that the one side's server cannot bring about, and notes those that lead nowhere back.
    fn settle_versions(
        &self,
        pairing: &Pairing,
        pair: &mut Pair,
        whole: &mut Snapshot,
        tell: &Tell<'_>,
    ) -> Result<(), SourceError> {
        let changes = kinds::version_changes(&pair.from, &pair.to);
        let (What::Live { access, .. }, Some(database)) = (&self.from.what, &pairing.from) else {
            return Ok(());
        };
        if changes.is_empty() {
            return Ok(());
        }
        let mut session = access.connect(database)?;
        for change in changes {
            if !versions::has_way(&mut session, &change)? {
                tell(Event::NoSuchVersion(&change));
                for side in [&mut pair.from, &mut pair.to, &mut *whole] {
                    kinds::leave_version(side, &change.id);
                }
            } else if !versions::has_way_back(&mut session, &change)? {
                pair.one_way.push(change.id);
            }
        }
        Ok(())
    }

    fn both(&self, pairing: &Pairing, tell: &Tell<'_>) -> Result<(Read, Read), SourceError> {
        let (from, to) = std::thread::scope(|scope| {
            let from =
                scope.spawn(|| self.side(&self.from, pairing.from.as_deref(), pairing.is_in_from, tell));
            let to = self.side(&self.to, pairing.to.as_deref(), pairing.is_in_to, tell);
            let from = from.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (from, to)
        });
        let (mut from, mut to) = (from?, to?);
        if from.is_live && to.is_live {
            kinds::say_versions(&mut from.snapshot, &mut to.snapshot);
        }
        Ok((from, to))
    }

    fn pair(&self, pairing: &Pairing, from: Read, to: Read) -> Pair {
        let covered = from.covered.and(&to.covered);
        let scope = self.request.scope;
        let there = scope.missing(&to.snapshot);
        let missing_schemas =
            scope.missing(&from.snapshot).into_iter().filter(|name| there.contains(name)).collect();
        Pair {
            name: pairing.name.clone(),
            missing_schemas,
            from: scope.narrow(from.snapshot, &[&covered]),
            to: scope.narrow(to.snapshot, &[&covered]),
            covered,
            renamed_from: to.renamed_from,
            one_way: Vec::new(),
        }
    }

    fn side(
        &self,
        source: &Source,
        database: Option<&str>,
        is_there: bool,
        tell: &Tell<'_>,
    ) -> Result<Read, SourceError> {
        if !is_there {
            return Ok(Read::new(Snapshot::new(self.version), Covered::INSIDE));
        }
        let name = match database {
            Some(database) if source.has_several() => format!("{}#{database}", source.name),
            _ => source.name.clone(),
        };
        let read = self.read_side(source, &name, database.unwrap_or_default(), tell);
        let read = read.map_err(|error| SourceError::Side { name: name.clone(), error: Box::new(error) })?;
        for left_out in &read.snapshot.left_out {
            if !self.request.scope.ignore.is_ignored(left_out) {
                tell(Event::LeftOut { source: &name, left_out });
            }
        }
        Ok(read)
    }

    fn read_side(
        &self,
        source: &Source,
        name: &str,
        database: &str,
        tell: &Tell<'_>,
    ) -> Result<Read, SourceError> {
        match &source.what {
            What::Empty => Ok(Read::new(Snapshot::new(self.version), Covered::INSIDE)),
            What::Live { access, .. } => {
                let snapshot = self.read_live(access, database)?;
                let is_fitting = snapshot.server_version == self.version && self.request.role_map.is_empty();
                match is_fitting {
                    true => Ok(Read { is_live: true, ..Read::new(snapshot, Covered::ALL) }),
                    false => self.relay(&snapshot, name, database, tell),
                }
            }
            What::Tree { files, .. } => {
                let shelf = match files {
                    TreeFiles::Folder(root) => Shelf::Folder(root),
                    TreeFiles::Read(files) => Shelf::Read(&source.name, files),
                };
                let tree = Tree::read_from(shelf, self.request.environment, database)?;
                let renamed_from =
                    tree.files.iter().flat_map(|file| plan::renamed_from(&file.text)).collect();
                let read = self.load(&Sql::of_tree(tree, database), name, database, tell)?;
                Ok(Read { renamed_from, ..read })
            }
            What::Script { text } => {
                tell(Event::Loading { source: name, version: self.version, statements: 0 });
                let mut scratch = self.scratch_database()?;
                scratch.session().run(SEARCH_PATH)?;
                scratch.run_script(name.strip_prefix("file:").unwrap_or(name), text)?;
                let read = Read::new(self.capture(&mut scratch)?, Covered::INSIDE);
                Ok(Read { renamed_from: plan::renamed_from(text), ..read })
            }
            What::Ledger { access, database } => {
                tell(Event::Loading { source: name, version: self.version, statements: 0 });
                ledger::replay(self, access, database, tell)
            }
        }
    }

    /// The facts of a live database, without the tool's own.
    fn read_live(&self, access: &Access, database: &str) -> Result<Snapshot, SourceError> {
        let mut session = access.connect(database)?;
        let _guard = cancel_on_interrupt(self.interrupt, &session);
        let facts = facts(&mut session, self.request.ledger);
        self.interrupt.check().map_err(SourceError::Interrupted)?;
        facts
    }

    /// A live database as the scratch server sees it.
    fn relay(
        &self,
        live: &Snapshot,
        name: &str,
        database: &str,
        tell: &Tell<'_>,
    ) -> Result<Read, SourceError> {
        if live.server_version != self.version {
            tell(Event::Relayed { source: name, from: live.server_version, to: self.version });
        }
        let steps = plan::from_empty(live)?;
        let text = format!("{name} as SQL");
        let mut read = self.load(&Sql::of_steps(&text, database, &steps), name, database, tell)?;
        read.snapshot.left_out.extend(live.left_out.iter().cloned());
        Ok(read)
    }

    fn load(&self, sql: &Sql, name: &str, database: &str, tell: &Tell<'_>) -> Result<Read, SourceError> {
        let scratch = self.scratch.as_ref().ok_or(SourceError::NoScratch)?;
        tell(Event::Loading { source: name, version: self.version, statements: sql.len() });
        let (mut made, has_properties) = scratch.database_for(sql, database)?;
        let covered = match has_properties {
            None => Covered::INSIDE,
            Some(properties) => Covered { properties, ..Covered::ALL },
        };
        if has_properties == Some(false) {
            tell(Event::NoProperties { source: name });
        }
        made.load(sql, &|done| tell(Event::Loaded(done)))?;
        Ok(Read::new(self.capture(&mut made)?, covered))
    }

    fn scratch_database(&self) -> Result<ScratchDatabase, SourceError> {
        let scratch = self.scratch.as_ref().ok_or(SourceError::NoScratch)?;
        Ok(scratch.database()?)
    }

    /// What is in a scratch database, without ledgers that a script may have made.
    fn capture(&self, scratch: &mut ScratchDatabase) -> Result<Snapshot, SourceError> {
        let captured = scratch.capture()?;
        let managed = self.request.ledger.managed(scratch.session()).map_err(ObserveError::from)?;
        Ok(without_own(captured, self.request.ledger, &managed))
    }
}

/// A script begins as in psql.
const SEARCH_PATH: &str = "SET search_path = \"$user\", public";

/// One side as it was read, and what it speaks of.
struct Read {
    snapshot: Snapshot,
    covered: Covered,
    /// Whether it is a live database, read as it is.
    is_live: bool,
    /// What comments say.
    renamed_from: Vec<RenamedFrom>,
}

impl Read {
    fn new(snapshot: Snapshot, covered: Covered) -> Self {
        Self { snapshot, covered, is_live: false, renamed_from: Vec::new() }
    }
}

/// What there is to know of a live server before anything is read.
struct Live {
    version: u32,
    role: String,
}

impl Source {
    fn has_several(&self) -> bool {
        matches!(&self.what, What::Live { database: None, .. } | What::Tree { database: None, .. })
    }

    fn names(&self) -> Result<Names, SourceError> {
        let failed =
            |error: SourceError| SourceError::Side { name: self.name.clone(), error: Box::new(error) };
        Ok(match &self.what {
            What::Live { database: Some(name), .. }
            | What::Tree { database: Some(name), .. }
            | What::Ledger { database: name, .. } => Names::One(name.clone()),
            What::Live { access, database: None } => {
                Names::Several(cluster_databases(access).map_err(|error| failed(error.into()))?)
            }
            What::Tree { files, database: None } => Names::Several(files.databases().map_err(failed)?),
            What::Script { .. } => Names::Nameless,
            What::Empty => Names::Nothing,
        })
    }

    /// Looks at the server of a live side.
    fn look(&self) -> Result<Option<Live>, SourceError> {
        let looked = match &self.what {
            What::Live { access, database: Some(database) } => access.connect(database),
            What::Ledger { access, database } => access.connect(database),
            What::Live { access, database: None } => access.connect_anywhere(),
            What::Tree { .. } | What::Script { .. } | What::Empty => return Ok(None),
        };
        let live = looked.and_then(|mut session| {
            let role = session.rows("SELECT current_user")?.into_iter().flatten().flatten().next();
            Ok(Live { version: session.server_version(), role: role.unwrap_or_default() })
        });
        let named =
            |error: DbError| SourceError::Side { name: self.name.clone(), error: Box::new(error.into()) };
        live.map(Some).map_err(named)
    }
}

fn cluster_databases(access: &Access) -> Result<Vec<String>, DbError> {
    let mut session = access.connect_anywhere()?;
    let Selection { chosen, .. } = databases_of_cluster(&access::databases(&mut session)?);
    Ok(chosen)
}

impl TreeFiles {
    /// The databases that have a folder in the tree.
    fn databases(&self) -> Result<Vec<String>, SourceError> {
        let mut folders: Vec<String> = match self {
            Self::Folder(root) => read_folders(root).map_err(SourceError::Files)?,
            Self::Read(files) => {
                let first = |path: &String| path.split_once('/').map(|(folder, _)| folder.to_owned());
                files.keys().filter_map(first).collect()
            }
        };
        folders.dedup();
        Ok(folders
            .iter()
            .filter(|folder| !folder.starts_with('.'))
            .filter_map(|folder| decoded(folder))
            .collect())
    }
}

/// The database that a folder was made for. One that somebody else made in another spelling is none.
fn decoded(folder: &str) -> Option<String> {
    file_name::decode(&folder.replace("%2e", "."))
}

/// A tree against a cluster: the databases of the tree are compared. What else the cluster has is told.
fn databases_of_tree(
    (from, from_names): (&Source, &Names),
    (to, to_names): (&Source, &Names),
    tell: &Tell<'_>,
) -> Option<Vec<String>> {
    let is_cluster = |source: &Source| matches!(source.what, What::Live { database: None, .. });
    let (cluster, tree) = match (from_names, to_names) {
        (Names::Several(cluster), Names::Several(tree)) if is_cluster(from) && !is_cluster(to) => {
            (cluster, tree)
        }
        (Names::Several(tree), Names::Several(cluster)) if is_cluster(to) && !is_cluster(from) => {
            (cluster, tree)
        }
        _ => return None,
    };
    let databases: Vec<String> = cluster.iter().filter(|name| !tree.contains(name)).cloned().collect();
    if !databases.is_empty() {
        tell(Event::NotInTree { databases: &databases });
    }
    Some(tree.clone())
}

/// Live databases of one version are read where they are.
fn needs_scratch(sources: &[&Source], from: &Option<Live>, to: &Option<Live>, request: &Request<'_>) -> bool {
    let is_loaded = |source: &&&Source| {
        matches!(source.what, What::Tree { .. } | What::Script { .. } | What::Ledger { .. })
    };
    let differ = matches!((from, to), (Some(from), Some(to)) if from.version != to.version);
    sources.iter().any(|source| is_loaded(&source)) || differ || !request.role_map.is_empty()
}

/// The facts of a database at one moment, without the tool's own.
fn facts(session: &mut Session, ledger: &Ledger) -> Result<Snapshot, SourceError> {
    let (captured, managed) =
        capture::captured_with(session, |session| ledger.managed(session).map_err(ObserveError::from))?;
    Ok(without_own(captured, ledger, &managed))
}

/// What was captured without the ledgers of those schemas.
fn without_own(captured: Snapshot, ledger: &Ledger, managed: &[(String, State)]) -> Snapshot {
    let schemas = managed.iter().map(|(schema, _)| schema.as_str());
    own::split(captured, ledger.table(), schemas).0
}
