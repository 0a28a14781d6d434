//! Builds a database from its tree: beside the target, verified, and only then renamed to it.
//!
//! Nothing that exists is touched. Whatever goes wrong, what this run made is removed, and of what others made only
//! what a killed restore left half built.

mod compare;
mod globals;
pub(crate) mod load;
pub(crate) mod needs;
mod roles;
pub(crate) mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{iter, slice};

use psqlcm_core::name::{quote_ident, quote_literal};
use psqlcm_core::plan::database_for_version;
use psqlcm_core::source::{Source, char_to_byte};
use psqlcm_core::tree::adapt::{self, Concern};
use psqlcm_core::tree::manifest::ManifestError;
use psqlcm_core::tree::{ledger_path, renamed, restore_script};

pub use compare::Comparison;
pub use globals::{Different, GlobalsError, GlobalsRequest, Refused, RestoredGlobals, restore_globals};
use load::{Atomicity, LoadError};
pub use roles::{Roles, SettledRoles};
#[cfg(fuzzing)]
pub use tree::Tree as LoadedTree;
use tree::{Statement, Tree};

use crate::access::{Access, database_exists};
use crate::commit::{Settled, commit, look_up};
use crate::files::FilesError;
use crate::interrupt::{Guard, Interrupt, Interrupted};
use crate::ledger::{Ledger, LedgerError};
use crate::observe::ObserveError;
use crate::run::database::{self as building, Purpose};
use crate::session::{DbError, Session};

pub use crate::run::database::Abandoned;

/// What to restore, and how.
pub struct Request<'a> {
    /// The folder of the tree.
    pub root: &'a Path,
    /// Whose facts to compare with.
    pub environment: &'a str,
    /// The database of the tree.
    pub database: &'a str,
    /// The name it gets.
    pub name: &'a str,
    /// Databases to connect to first, for what concerns the cluster.
    pub maintenance: &'a [&'a str],
    /// Load into `name`, which exists and is empty.
    pub into_empty: bool,
    /// Whether missing roles are made.
    pub make_roles: bool,
    /// Whether owners are set.
    pub owners: bool,
    /// Whether privileges are granted.
    pub privileges: bool,
    /// Roles to put in the place of others.
    pub role_map: BTreeMap<String, String>,
    /// The roles that the run makes, for all its databases.
    pub roles: &'a Roles,
    /// The id of this restore alone, a part of the name the database has while it is built.
    pub run_id: &'a str,
    /// The table of the ledgers, where the tree does not say.
    pub cm_table: &'a str,
    /// How many sessions may build it at once.
    pub sessions: usize,
}

/// More of them would mostly wait for each other, and others have work for the server too.
const MOST_SESSIONS: usize = 4;

/// A database that was restored.
#[derive(Debug)]
pub struct Restored {
    /// How many statements were run.
    pub statements: usize,
    /// How the result compares with the dump.
    pub comparison: Comparison,
    /// Files of the tree that were not loaded, as they are no SQL.
    pub foreign: Vec<String>,
    /// Materialized views without rows, as they could not be refreshed: the statement and the server's answer.
    pub unpopulated: Vec<(String, DbError)>,
    /// Databases that restores of this one were building when they were killed, and what became of them.
    pub abandoned: Vec<Abandoned>,
}

/// Why a database was not restored. Nothing of it is left, but where the error says so.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The tree has no such database.
    #[error("there is no tree of the database {database} in {}", folder.display())]
    NoTree {
        /// Where it was looked for.
        folder: PathBuf,
        /// The database.
        database: String,
    },
    /// The server takes no changes.
    #[error("the server is a standby")]
    Standby,
    /// The files could not be read.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A file is not UTF-8.
    #[error("{path} is not UTF-8")]
    NotUtf8 {
        /// The file.
        path: String,
    },
    /// A file holds what cannot be loaded.
    #[error("{message}")]
    Unreadable {
        /// What is wrong.
        message: String,
        /// Where.
        place: Place,
    },
    /// The manifest cannot be used.
    #[error("cannot use {path}")]
    Manifest {
        /// The file.
        path: String,
        /// Why.
        source: ManifestError,
    },
    /// A database of that name is there.
    #[error("the database {name} exists")]
    Exists {
        /// Its name.
        name: String,
    },
    /// The database to load into is not there.
    #[error("the database {name} does not exist")]
    NotThere {
        /// Its name.
        name: String,
    },
    /// The database to load into holds something.
    #[error("the database {name} is not empty: it has {}", found.join(", "))]
    NotEmpty {
        /// Its name.
        name: String,
        /// What it has; the first few.
        found: Vec<String>,
    },
    /// The cluster lacks what only its administrator can bring.
    #[error("the cluster lacks {}", .0.join(", "))]
    Lacking(Vec<String>),
    /// Roles are missing, and must not be made.
    #[error("the cluster lacks the roles {}", .0.join(", "))]
    LackingRoles(Vec<String>),
    /// A role could not be made.
    #[error("cannot make the role {role}")]
    Role {
        /// The role.
        role: String,
        /// The server's answer.
        #[source]
        error: DbError,
    },
    /// The database could not be made.
    #[error("cannot create the database")]
    Create(#[source] DbError),
    /// A statement failed, in whatever order it was tried.
    #[error("a statement failed{}", if *others == 0 { String::new() } else { format!(", and {others} more") })]
    Statement {
        /// Where it stands.
        place: Box<Place>,
        /// The server's answer.
        #[source]
        error: DbError,
        /// How many others failed.
        others: usize,
    },
    /// The result is not what was dumped.
    #[error("the restored database is not what was dumped: {}", .0.join("; "))]
    Different(Vec<String>),
    /// The result could not be looked at.
    #[error("cannot look at the restored database")]
    Observe(#[from] ObserveError),
    /// The ledgers could not be read back.
    #[error("the ledgers were not restored as they were")]
    Ledger(#[from] LedgerError),
    /// The server refused, or was lost.
    #[error("{doing}")]
    Db {
        /// What was being done.
        doing: &'static str,
        /// The server's answer.
        #[source]
        error: DbError,
    },
    /// The answer to the last step was lost, and nobody can tell whether it happened.
    #[error("it is not known whether {what}")]
    InDoubt {
        /// What may have happened.
        what: &'static str,
        /// How the answer was lost.
        #[source]
        error: DbError,
    },
    /// A signal came.
    #[error("interrupted")]
    Interrupted(Interrupted),
    /// It failed, and what this run had made could not be removed.
    #[error("{error}")]
    Left {
        /// Why it failed.
        error: Box<RestoreError>,
        /// What may be left, and why it could not be removed.
        left: String,
    },
}

/// Where something stands in the tree.
#[derive(Debug)]
pub struct Place {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The line's text.
    pub text: String,
}

impl Place {
    pub(crate) fn of(source: Source<'_>, offset: usize) -> Self {
        let (line, column) = source.line_column(offset);
        Self { path: source.name.to_owned(), line, column, text: source.line(line).to_owned() }
    }
}

impl RestoreError {
    pub(crate) fn unreadable(source: Source<'_>, offset: usize, message: &str) -> Self {
        Self::Unreadable { message: message.to_owned(), place: Place::of(source, offset) }
    }
}

/// For errors of single statements that concern the cluster.
fn doing(doing: &'static str) -> impl Fn(DbError) -> RestoreError {
    move |error| RestoreError::Db { doing, error }
}

/// Restores a database.
///
/// # Errors
/// See [`RestoreError`]; the cluster is then as it was, but for [`RestoreError::Left`] and [`RestoreError::InDoubt`].
pub fn restore(
    access: &Access,
    request: &Request<'_>,
    interrupt: &Interrupt,
    progress: &dyn Fn(usize, usize),
) -> Result<Restored, RestoreError> {
    let mut tree = Tree::read(request.root, request.environment, request.database)?;
    let work = Work::plan(&mut tree, request);
    let mut maintenance = access.connect_first(request.maintenance).map_err(doing("cannot connect"))?;
    if maintenance.is_standby() {
        return Err(RestoreError::Standby);
    }
    let _guard = cancel_on_interrupt(interrupt, &maintenance);
    let exists =
        database_exists(&mut maintenance, request.name).map_err(doing("cannot list the databases"))?;
    match (exists, request.into_empty) {
        (true, false) => return Err(RestoreError::Exists { name: request.name.to_owned() }),
        (false, true) => return Err(RestoreError::NotThere { name: request.name.to_owned() }),
        _ => {}
    }
    let needing: Vec<&Statement> = work.inside.iter().chain(&work.ledgers).chain(&work.last).collect();
    let create = work.create.as_ref().filter(|_| !request.into_empty).map(|create| create.sql.as_str());
    let turn = request.roles.turn();
    let missing = needs::missing(&mut maintenance, &needing, create)
        .map_err(doing("cannot look for what is needed"))?;
    if !missing.things.is_empty() {
        return Err(RestoreError::Lacking(missing.things));
    }
    if !request.make_roles && !missing.roles.is_empty() {
        return Err(RestoreError::LackingRoles(missing.roles.into_iter().collect()));
    }
    interrupt.check().map_err(RestoreError::Interrupted)?;
    let mut connect = || access.connect_first(request.maintenance);
    turn.make(
        &mut maintenance,
        &mut connect,
        &request.adapted(std::mem::take(&mut tree.roles)),
        &missing.roles,
    )?;
    let abandoned = building::clear(access, &mut maintenance, request.name)
        .map_err(doing("cannot look for what killed restores left"))?;
    building::hold(&mut maintenance, request.run_id).map_err(doing("cannot take the lock of the run"))?;
    let mut made = None;
    let target = Target { access, request, tree: &tree, work: &work, interrupt, progress };
    let result = match request.into_empty {
        true => target.fill(),
        false => target.build(&mut maintenance, &mut made),
    };
    // With it goes the lock, which says that the database may still be made.
    drop(maintenance);
    match result {
        Ok((unpopulated, comparison)) => {
            request.roles.need(&missing.all_roles);
            let (statements, foreign) = (work.count(), tree.foreign);
            Ok(Restored { statements, comparison, foreign, unpopulated, abandoned })
        }
        Err(error @ RestoreError::InDoubt { .. }) => {
            request.roles.need(&missing.all_roles);
            Err(error)
        }
        Err(error) => match made.and_then(|name| undo(access, request, &name)) {
            None => Err(error),
            Some(left) => Err(RestoreError::Left { error: Box::new(error), left }),
        },
    }
}

/// The statements of a restore, sorted by when and where they run.
struct Work {
    create: Option<Statement>,
    inside: Vec<Statement>,
    ledgers: Vec<Statement>,
    /// What brings a state back, which may depend on data that is not there.
    states: Vec<Statement>,
    /// Settings, grants, owner and comment of the database itself.
    last: Vec<Statement>,
}

impl Work {
    fn plan(tree: &mut Tree, request: &Request<'_>) -> Self {
        let mut work = Self {
            create: None,
            inside: Vec::new(),
            ledgers: request.adapted(std::mem::take(&mut tree.ledgers)),
            states: Vec::new(),
            last: Vec::new(),
        };
        for statement in request.adapted(std::mem::take(&mut tree.statements)) {
            let of_database = renamed(&statement.sql, request.database, request.database).is_some();
            match of_database {
                true if adapt::names_after(&statement.sql, "CREATE") == ["database"] => {
                    work.create = Some(statement);
                }
                true => work.last.push(statement),
                false if adapt::brings_state(&statement.sql) => work.states.push(statement),
                false => work.inside.push(statement),
            }
        }
        work
    }

    fn count(&self) -> usize {
        self.inside.len() + self.ledgers.len() + self.states.len() + self.last.len()
    }
}

impl Request<'_> {
    /// The statements as the options want them.
    fn adapted(&self, mut statements: Vec<Statement>) -> Vec<Statement> {
        if !(self.owners && self.privileges) {
            statements.retain(|statement| match adapt::concern(&statement.sql) {
                Concern::Owner => self.owners,
                Concern::Privilege => self.privileges,
                Concern::Role | Concern::Other => true,
            });
        }
        if !self.role_map.is_empty() {
            for statement in &mut statements {
                statement.sql = adapt::with_roles(&statement.sql, &self.role_map);
            }
        }
        statements
    }

    /// Why the result cannot be what was dumped, if the options make it so.
    fn alteration(&self) -> Option<&'static str> {
        match () {
            () if !self.owners => Some("owners were left out"),
            () if !self.privileges => Some("privileges were left out"),
            () if !self.role_map.is_empty() => Some("roles were exchanged"),
            () => None,
        }
    }
}

/// Removes a database that was not finished, on a connection of its own; gives what could not be removed, and why.
fn undo(access: &Access, request: &Request<'_>, database: &str) -> Option<String> {
    let removed = undoing(access, request).and_then(|mut session| {
        building::drop_database(access, &mut session, database, true).map_err(|error| error.to_string())
    });
    removed.err().map(|why| format!("the database {} ({why})", quote_ident(database)))
}

/// A session to undo with, once nothing more comes of what is to be undone: the answer to CREATE DATABASE may be
/// lost, and the server still be at it.
fn undoing(access: &Access, request: &Request<'_>) -> Result<Session, String> {
    let mut session = access.connect_first(request.maintenance).map_err(|error| error.to_string())?;
    match building::wait_for_end(&mut session, request.run_id) {
        Ok(true) => Ok(session),
        Ok(false) => Err("the server is still at work on it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// What could not be populated, and why.
type Unpopulated = Vec<(String, DbError)>;

/// What a finished restore tells.
type Outcome = (Unpopulated, Comparison);

/// A signal cancels what the session is doing, as long as the guard is there.
pub(crate) fn cancel_on_interrupt(interrupt: &Interrupt, session: &Session) -> Guard {
    let cancel = session.cancel_handle();
    interrupt.on_interrupt(Box::new(move || {
        let _ = cancel.cancel();
    }))
}

/// One restore under way.
struct Target<'a> {
    access: &'a Access,
    request: &'a Request<'a>,
    tree: &'a Tree,
    work: &'a Work,
    interrupt: &'a Interrupt,
    progress: &'a dyn Fn(usize, usize),
}

impl Target<'_> {
    /// Builds the database under a name of its own and renames it.
    fn build(&self, maintenance: &mut Session, made: &mut Option<String>) -> Result<Outcome, RestoreError> {
        let building = building::name(Purpose::Restore, self.request.name, self.request.run_id);
        let create = match &self.work.create {
            Some(create) => renamed(&create.sql, self.request.database, &building),
            None => None,
        };
        let create = create.unwrap_or_else(|| {
            format!("CREATE DATABASE {} WITH TEMPLATE = template0", quote_ident(&building))
        });
        let create = database_for_version(&create, maintenance.server_version());
        // Before it is made: the answer may get lost.
        *made = Some(building.clone());
        maintenance.run(&create).map_err(RestoreError::Create)?;
        let session = self.access.connect(&building).map_err(doing("cannot connect to the new database"))?;
        let mut sessions = self.with_others(session, &building);
        let _guards: Vec<Guard> =
            sessions.iter().map(|session| cancel_on_interrupt(self.interrupt, session)).collect();
        let unpopulated = self.load_all(&mut sessions, Atomicity::Parts, &building)?;
        sessions[0].run("BEGIN").map_err(doing("cannot begin"))?;
        let comparison = self.compare(&mut sessions[0])?;
        drop(sessions);
        self.interrupt.check().map_err(RestoreError::Interrupted)?;
        self.rename(maintenance, &building)?;
        *made = None;
        Ok((unpopulated, comparison))
    }

    /// A session with those that help it, where there is much to do. Where the server takes no more of them, fewer do.
    fn with_others(&self, session: Session, database: &str) -> Vec<Session> {
        let wanted = match load::is_worth_sharing(&self.work.inside) {
            true => self.request.sessions.clamp(1, MOST_SESSIONS),
            false => 1,
        };
        let others = (1..wanted).map_while(|_| self.access.connect(database).ok());
        iter::once(session).chain(others).collect()
    }

    /// Gives the finished database its name.
    fn rename(&self, maintenance: &mut Session, building: &str) -> Result<(), RestoreError> {
        let renaming = doing("cannot rename the new database");
        // A database in use cannot be renamed; if it still is, the server says so.
        building::wait_for_backends(maintenance, building).map_err(&renaming)?;
        let sql =
            format!("SELECT oid FROM pg_catalog.pg_database WHERE datname = {}", quote_literal(building));
        let oid = maintenance.rows(&sql).map_err(&renaming)?.into_iter().flatten().next().flatten();
        let oid = oid.unwrap_or_else(|| "0".to_owned());
        let (from, to) = (quote_ident(building), quote_ident(self.request.name));
        let Err(error) = maintenance.run(&format!("ALTER DATABASE {from} RENAME TO {to}")) else {
            return Ok(());
        };
        if !error.is_connection_lost() {
            return Err(renaming(error));
        }
        let is_done = format!(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE oid = {oid} AND datname = {})",
            quote_literal(self.request.name)
        );
        let mut connect = || self.access.connect_first(self.request.maintenance);
        match look_up(&mut connect, maintenance.pid(), &is_done) {
            Some((true, _)) => Ok(()),
            Some((false, _)) => Err(renaming(error)),
            None => Err(RestoreError::InDoubt { what: "the new database got its name", error }),
        }
    }

    /// Loads into a database that is there and empty, in one transaction.
    fn fill(&self) -> Result<Outcome, RestoreError> {
        let name = self.request.name;
        let mut session = self.access.connect(name).map_err(doing("cannot connect to the database"))?;
        let _guard = cancel_on_interrupt(self.interrupt, &session);
        compare::must_be_empty(&mut session, name)?;
        session.run("BEGIN").map_err(doing("cannot begin"))?;
        let unpopulated = self.load_all(slice::from_mut(&mut session), Atomicity::Whole, name)?;
        let comparison = self.compare(&mut session)?;
        match commit(&mut session, &mut || self.access.connect(name)) {
            Settled::Committed => Ok((unpopulated, comparison)),
            Settled::RolledBack(error) => Err(doing("cannot commit")(error)),
            Settled::Unknown(error) => Err(RestoreError::InDoubt { what: "it was committed", error }),
        }
    }

    fn load_all(
        &self,
        sessions: &mut [Session],
        atomicity: Atomicity,
        name: &str,
    ) -> Result<Unpopulated, RestoreError> {
        for session in &mut *sessions {
            session.run(restore_script::SETTINGS).map_err(doing("cannot set what loading needs"))?;
            if atomicity == Atomicity::Parts {
                // What is lost in a crash is not renamed yet; renaming makes all before it durable.
                session
                    .run("SET synchronous_commit = off")
                    .map_err(doing("cannot set what loading needs"))?;
            }
        }
        let (late, inside): (Vec<Statement>, Vec<Statement>) =
            self.work.inside.iter().cloned().partition(|statement| statement.place.is_late());
        let renamed = |statement: &Statement| {
            let sql =
                renamed(&statement.sql, self.request.database, name).unwrap_or_else(|| statement.sql.clone());
            Statement { sql, ..statement.clone() }
        };
        let last: Vec<Statement> = self.work.last.iter().map(renamed).collect();
        self.run_all(sessions, &inside, atomicity)?;
        // Before what is late: default privileges must not reach the ledgers.
        self.run_all(sessions, &self.work.ledgers, atomicity)?;
        self.set_sequences(&mut sessions[0])?;
        // Event triggers, the last of what is late, would fire at what is done for the states.
        let states = self.work.states.iter().map(|statement| statement.place).max();
        let (late, latest): (Vec<Statement>, Vec<Statement>) =
            late.into_iter().partition(|statement| Some(statement.place) < states);
        self.run_all(sessions, &late, atomicity)?;
        let progress = |done| (self.progress)(done, self.work.count());
        let unpopulated = load::attempt(sessions, &self.work.states, atomicity, self.interrupt, &progress);
        let unpopulated = unpopulated.map_err(|error| self.load_error(&self.work.states, error))?;
        self.run_all(sessions, &latest, atomicity)?;
        self.run_all(sessions, &last, atomicity)?;
        let named = |(index, error): (usize, DbError)| (self.work.states[index].sql.clone(), error);
        Ok(unpopulated.into_iter().map(named).collect())
    }

    fn run_all(
        &self,
        sessions: &mut [Session],
        statements: &[Statement],
        atomicity: Atomicity,
    ) -> Result<(), RestoreError> {
        let progress = |done| (self.progress)(done, self.work.count());
        load::load(sessions, statements, atomicity, self.interrupt, &progress)
            .map_err(|error| self.load_error(statements, error))
    }

    fn load_error(&self, statements: &[Statement], error: LoadError) -> RestoreError {
        match error {
            LoadError::Db(error) => RestoreError::Db { doing: "the connection was lost", error },
            LoadError::Interrupted(interrupted) => RestoreError::Interrupted(interrupted),
            LoadError::Statement { index, error, others } => {
                let place = Box::new(self.place(&statements[index], &error));
                RestoreError::Statement { place, error, others }
            }
        }
    }

    /// Where the server found the error; the statement's start where it does not say, or where the statement was
    /// adapted and positions do not fit.
    fn place(&self, statement: &Statement, error: &DbError) -> Place {
        let source = self.tree.source(statement);
        let is_as_written = source.text[statement.offset..].starts_with(&statement.sql);
        let within = error.position().filter(|_| is_as_written).map(|at| char_to_byte(&statement.sql, at));
        Place::of(source, statement.offset + within.unwrap_or_default())
    }

    fn set_sequences(&self, session: &mut Session) -> Result<(), RestoreError> {
        let Some(manifest) = &self.tree.manifest else { return Ok(()) };
        let ledger = Ledger::new(&manifest.cm_table)?;
        let has_file = |schema: &str| {
            let path = ledger_path(self.request.environment, self.request.database, schema);
            self.tree.files.iter().any(|file| file.path == path)
        };
        let ledgers = manifest.ledgers.iter().filter(|(schema, _)| has_file(schema));
        let sequences = ledgers.filter_map(|(schema, head)| Some((schema, head.sequence?)));
        let sql: String = sequences.map(|(schema, last)| ledger.at(schema).set_sequence(last)).collect();
        session.run(&sql).map_err(doing("cannot set the sequences of the ledgers"))
    }

    fn compare(&self, session: &mut Session) -> Result<Comparison, RestoreError> {
        let table = self.tree.manifest.as_ref().map_or(self.request.cm_table, |manifest| &manifest.cm_table);
        let ledger = Ledger::new(table)?;
        compare::compare(session, &ledger, self.tree, self.request.alteration())
    }
}
