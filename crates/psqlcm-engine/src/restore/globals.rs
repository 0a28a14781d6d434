//! Gives a cluster the globals of `cluster.sql`: roles, memberships, settings, tablespaces, privileges.
//!
//! It adds what is not there and changes nothing that is, unless it is told to. What a statement does is seen in the
//! catalog after it ran: one that changes what was there before is undone and named. What the server refuses is named,
//! and the rest is done all the same; all in one transaction but for tablespaces, which cannot be made in one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use psqlcm_core::delta::{Delta, FactDelta};
use psqlcm_core::fact::FactId;
use psqlcm_core::globals::{self, Form};
use psqlcm_core::name::{quote_ident, quote_literal};
use psqlcm_core::plan::PlanError;
use psqlcm_core::snapshot::Snapshot;

use super::tree::{Single, Statement};
use super::{Place, RestoreError, cancel_on_interrupt, doing};
use crate::access::Access;
use crate::capture::{CaptureError, globals as captured, globals_within};
use crate::commit::{Settled, commit, look_up};
use crate::files::FilesError;
use crate::interrupt::{Interrupt, Interrupted};
use crate::session::{DbError, Session};

/// What to restore, and how.
pub struct GlobalsRequest<'a> {
    /// The folder of the tree.
    pub root: &'a Path,
    /// Databases to connect to first.
    pub maintenance: &'a [&'a str],
    /// Folders to put in the place of others, for tablespaces.
    pub tablespace_map: &'a BTreeMap<String, String>,
    /// Whether what is there and differs is changed.
    pub alter_existing: bool,
    /// The run's id, a part of the name of a role that is made to be looked at and never kept.
    pub run_id: &'a str,
}

/// What became of the globals.
#[derive(Debug, Default)]
pub struct RestoredGlobals {
    /// How many statements the file has.
    pub statements: usize,
    /// What came or changed.
    pub facts: Vec<FactDelta>,
    /// What is there and differs, and was left as it is.
    pub different: Vec<Different>,
    /// What the server refused.
    pub refused: Vec<Refused>,
}

/// Something that is there and is not what the tree says.
#[derive(Debug)]
pub struct Different {
    /// How it would change.
    pub facts: Vec<FactDelta>,
    /// The statement that would change it; `None` where none can.
    pub statement: Option<String>,
    /// What there is to say where facts do not.
    pub why: Option<String>,
    /// Where the tree says so.
    pub place: Place,
}

/// A statement that the server refused.
#[derive(Debug)]
pub struct Refused {
    /// The statement.
    pub statement: String,
    /// The server's answer.
    pub error: DbError,
    /// Where it stands.
    pub place: Place,
}

/// Why the globals were not restored. The cluster is as it was, but where the error says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum GlobalsError {
    /// The tree has none.
    #[error("there is no {} in {}", globals::FILE, folder.display())]
    NoFile {
        /// Where it was looked for.
        folder: std::path::PathBuf,
    },
    /// A statement has to do with a password. It is not quoted, as it may hold one.
    #[error("{} has a password in line {line}", globals::FILE)]
    Password {
        /// Where the statement begins, from 1.
        line: u32,
    },
    /// No tablespace of the tree lies there.
    #[error("no tablespace of the tree lies in {0}")]
    NotInTree(String),
    /// The file cannot be used, or the server not be reached.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The globals of the cluster could not be read.
    #[error("cannot read the globals of the cluster")]
    Capture(#[from] CaptureError),
    /// The globals of the cluster cannot be put in order.
    #[error("cannot write the globals of the cluster as SQL")]
    Plan(#[from] PlanError),
    /// It failed, and these tablespaces, which it had made, are left.
    #[error("{error}")]
    Left {
        /// Why it failed.
        error: Box<GlobalsError>,
        /// The tablespaces.
        tablespaces: Vec<String>,
    },
}

impl From<FilesError> for GlobalsError {
    fn from(error: FilesError) -> Self {
        Self::Restore(error.into())
    }
}

impl From<Interrupted> for GlobalsError {
    fn from(interrupted: Interrupted) -> Self {
        Self::Restore(RestoreError::Interrupted(interrupted))
    }
}

/// Restores the globals.
///
/// # Errors
/// See [`GlobalsError`].
pub fn restore_globals(
    access: &Access,
    request: &GlobalsRequest<'_>,
    interrupt: &Interrupt,
) -> Result<RestoredGlobals, GlobalsError> {
    let file = Single::read(request.root, globals::FILE)?
        .ok_or_else(|| GlobalsError::NoFile { folder: request.root.to_owned() })?;
    must_hold_no_password(&file)?;
    must_use_all(&file, request.tablespace_map)?;
    let mut session = access.connect_first(request.maintenance).map_err(doing("cannot connect"))?;
    if session.is_standby() {
        return Err(RestoreError::Standby.into());
    }
    let _guard = cancel_on_interrupt(interrupt, &session);
    if session.server_version() >= 160_000 {
        // Else a role that is no superuser is granted what it makes besides.
        session.run("SET createrole_self_grant = ''").map_err(doing("cannot set what restoring needs"))?;
    }
    let before = captured(&mut session)?;
    let mut work = Work { file: &file, request, interrupt, before, done: RestoredGlobals::default() };
    work.done.statements = file.statements.len();
    let plan = work.plan(&mut session)?;
    let mut made = Vec::new();
    let mut connect = || access.connect_first(request.maintenance);
    match work.carry_out(&mut session, plan, &mut made, &mut connect) {
        Ok(()) => Ok(work.done),
        Err(error @ GlobalsError::Restore(RestoreError::InDoubt { .. })) => Err(error),
        Err(error) => {
            // Its transaction may hold locks on the tablespaces; one that is lost has none.
            let _ = session.run("ROLLBACK");
            match drop_tablespaces(access, request, &made) {
                left if left.is_empty() => Err(error),
                left => Err(GlobalsError::Left { error: Box::new(error), tablespaces: left }),
            }
        }
    }
}

/// No tree holds any; and that of a role that is there would be changed unseen.
fn must_hold_no_password(file: &Single) -> Result<(), GlobalsError> {
    match file.statements.iter().find(|statement| globals::sets_password(&statement.sql)) {
        Some(statement) => Err(GlobalsError::Password { line: file.place(statement).line }),
        None => Ok(()),
    }
}

/// A folder that is to be exchanged and is nowhere is a mistake.
fn must_use_all(file: &Single, map: &BTreeMap<String, String>) -> Result<(), GlobalsError> {
    let locations: BTreeSet<String> = file
        .statements
        .iter()
        .filter_map(|statement| match globals::form(&statement.sql) {
            Form::CreateTablespace { location, .. } => Some(location),
            _ => None,
        })
        .collect();
    match map.keys().find(|from| !locations.contains(*from)) {
        Some(from) => Err(GlobalsError::NotInTree(from.clone())),
        None => Ok(()),
    }
}

/// What is to be run.
struct Plan {
    tablespaces: Vec<Statement>,
    rest: Vec<Statement>,
}

/// One restore under way.
struct Work<'a> {
    file: &'a Single,
    request: &'a GlobalsRequest<'a>,
    interrupt: &'a Interrupt,
    /// The globals of the cluster at the beginning.
    before: Snapshot,
    done: RestoredGlobals,
}

impl Work<'_> {
    /// What of the file is not there yet. What is there and differs, and cannot be told by running the statement, is
    /// noted.
    fn plan(&mut self, session: &mut Session) -> Result<Plan, GlobalsError> {
        let text = globals::text(&self.before)?;
        let there = Single::parse(globals::FILE, text)?;
        let there: BTreeSet<&str> = there.statements.iter().map(|statement| statement.sql.as_str()).collect();
        let mut plan = Plan { tablespaces: Vec::new(), rest: Vec::new() };
        for statement in &self.file.statements {
            let statement = self.moved(statement);
            if there.contains(statement.sql.as_str()) {
                continue;
            }
            match globals::form(&statement.sql) {
                Form::CreateRole { id, options } if self.is_there(&id) => {
                    plan.rest.extend(self.compare_role(session, &statement, &id, options)?);
                }
                // The superuser that initdb makes has another name here.
                Form::AlterRole { id, options } if !self.is_there(&id) && !self.makes(&id) => {
                    let sql = globals::create_role(id.name(), options);
                    plan.rest.push(Statement { sql, ..statement.clone() });
                }
                Form::CreateTablespace { id, location, .. } if self.is_there(&id) => {
                    self.compare_tablespace(&statement, &id, &location);
                }
                Form::CreateTablespace { .. } => plan.tablespaces.push(statement),
                _ => plan.rest.push(statement),
            }
        }
        Ok(plan)
    }

    fn is_there(&self, id: &FactId) -> bool {
        self.before.get(id).is_some()
    }

    /// Whether the file makes the role.
    fn makes(&self, role: &FactId) -> bool {
        let is_it = |statement: &Statement| matches!(globals::form(&statement.sql), Form::CreateRole { id, .. } if id == *role);
        self.file.statements.iter().any(is_it)
    }

    /// The statement with the tablespace where it is to lie.
    fn moved(&self, statement: &Statement) -> Statement {
        let sql = match globals::form(&statement.sql) {
            Form::CreateTablespace { location, before, after, .. } => self
                .request
                .tablespace_map
                .get(&location)
                .map(|to| globals::create_tablespace(before, to, after)),
            _ => None,
        };
        Statement { sql: sql.unwrap_or_else(|| statement.sql.clone()), ..statement.clone() }
    }

    /// Makes a role with the options of the tree to see what they mean, and keeps nothing of it; gives what is to be
    /// run where existing roles may be changed.
    fn compare_role(
        &mut self,
        session: &mut Session,
        statement: &Statement,
        id: &FactId,
        options: &str,
    ) -> Result<Option<Statement>, GlobalsError> {
        self.interrupt.check()?;
        if globals::says_memberships(options) {
            let why = format!(
                "{id} is there, and what CREATE ROLE says of memberships is not compared: write them as GRANT"
            );
            self.differs(statement, Vec::new(), None, Some(why));
            return Ok(None);
        }
        let name = format!("psql_cm_{}", self.request.run_id);
        session.run("BEGIN").map_err(doing("cannot begin"))?;
        let made = session.run(&globals::create_role(&name, options));
        let meant = match &made {
            Ok(()) => Some(globals_within(session)?),
            Err(_) => None,
        };
        session.run("ROLLBACK").map_err(doing("cannot roll back"))?;
        if let Err(error) = made {
            self.interrupt.check()?;
            self.refuse(statement, error);
            return Ok(None);
        }
        let there = self.before.get(id).cloned().unwrap_or_default();
        let probe = globals::role(&name);
        let mut wanted = meant.and_then(|meant| meant.get(&probe).cloned()).unwrap_or_default();
        globals::keep_what_stays(&mut wanted, &there);
        let Some(difference) = globals::difference(id, &there, &wanted) else { return Ok(None) };
        let alter = globals::alteration(id, &there, &wanted);
        if self.request.alter_existing {
            return Ok(Some(Statement { sql: alter, ..statement.clone() }));
        }
        self.differs(statement, vec![difference], Some(alter), None);
        Ok(None)
    }

    fn compare_tablespace(&mut self, statement: &Statement, id: &FactId, location: &str) {
        let there = self.before.get(id).and_then(|fact| fact.get_text("location")).unwrap_or_default();
        if there != location {
            let why = format!(
                "{id} is at {there:?}, and {location:?} is where the tree has it: no statement moves it"
            );
            self.differs(statement, Vec::new(), None, Some(why));
        }
    }

    fn differs(
        &mut self,
        statement: &Statement,
        facts: Vec<FactDelta>,
        alter: Option<String>,
        why: Option<String>,
    ) {
        let place = self.file.place(statement);
        self.done.different.push(Different { facts, statement: alter, why, place });
    }

    fn refuse(&mut self, statement: &Statement, error: DbError) {
        let place = self.file.place(statement);
        self.done.refused.push(Refused { statement: statement.sql.clone(), error, place });
    }

    /// Runs the plan, and notes what came of it.
    fn carry_out(
        &mut self,
        session: &mut Session,
        plan: Plan,
        made: &mut Vec<String>,
        connect: &mut dyn FnMut() -> Result<Session, DbError>,
    ) -> Result<(), GlobalsError> {
        self.make_tablespaces(session, &plan.tablespaces, made, connect)?;
        session.run("BEGIN").map_err(doing("cannot begin"))?;
        self.run(session, plan.rest)?;
        let delta = Delta::between(&self.before, &globals_within(session)?);
        self.done.facts = delta.facts.into_iter().chain(delta.local).collect();
        self.done.facts.sort_by(|left, right| left.id.cmp(&right.id));
        self.interrupt.check()?;
        match commit(session, connect) {
            Settled::Committed => Ok(()),
            Settled::RolledBack(error) => Err(RestoreError::Db { doing: "cannot commit", error }.into()),
            Settled::Unknown(error) => {
                Err(RestoreError::InDoubt { what: "the globals were restored", error }.into())
            }
        }
    }

    /// Makes the tablespaces, each by itself; notes the names of those that are there, or may be.
    fn make_tablespaces(
        &mut self,
        session: &mut Session,
        statements: &[Statement],
        made: &mut Vec<String>,
        connect: &mut dyn FnMut() -> Result<Session, DbError>,
    ) -> Result<(), GlobalsError> {
        for statement in statements {
            self.interrupt.check()?;
            let Form::CreateTablespace { id, location, .. } = globals::form(&statement.sql) else { continue };
            match make_tablespace(session, &statement.sql, &location) {
                Ok(()) => made.push(id.name().to_owned()),
                Err(error) if error.is_connection_lost() || session.is_closed() => {
                    let name = id.name();
                    if may_be_there(connect, session.pid(), name) {
                        made.push(name.to_owned());
                    }
                    return Err(RestoreError::Db { doing: "cannot make a tablespace", error }.into());
                }
                Err(error) => {
                    self.interrupt.check()?;
                    self.refuse(statement, error);
                }
            }
        }
        Ok(())
    }

    /// Runs as many of the statements as run and change nothing that was there.
    fn run(&mut self, session: &mut Session, statements: Vec<Statement>) -> Result<(), GlobalsError> {
        let mut waiting = statements;
        loop {
            let count = waiting.len();
            let mut failed = Vec::new();
            self.run_part(session, &waiting, &mut failed)?;
            // One that needs what stands after it works in the next round.
            let may_go_on =
                failed.len() < count && failed.iter().any(|(_, why)| matches!(why, Why::Refused(_)));
            if !may_go_on {
                self.note(failed);
                return Ok(());
            }
            let (refused, differing): (Vec<_>, Vec<_>) =
                failed.into_iter().partition(|(_, why)| matches!(why, Why::Refused(_)));
            self.note(differing);
            waiting = refused.into_iter().map(|(statement, _)| statement).collect();
        }
    }

    /// Runs the statements together; where that does not do, each half by itself, down to the single ones that fail.
    fn run_part(
        &mut self,
        session: &mut Session,
        statements: &[Statement],
        failed: &mut Vec<(Statement, Why)>,
    ) -> Result<(), GlobalsError> {
        const SAVEPOINT: &str = "SAVEPOINT psqlcm_globals";
        const UNDO: &str = "ROLLBACK TO SAVEPOINT psqlcm_globals; RELEASE SAVEPOINT psqlcm_globals";
        self.interrupt.check()?;
        if statements.is_empty() {
            return Ok(());
        }
        session.run(SAVEPOINT).map_err(doing("cannot begin"))?;
        let texts: Vec<&str> = statements.iter().map(|statement| statement.sql.as_str()).collect();
        let why = match session.run(&texts.join("\n;\n")) {
            Ok(()) => match self.changed(session)? {
                changed if changed.is_empty() => None,
                changed => Some(Why::Changes(changed)),
            },
            Err(error) if error.is_connection_lost() || session.is_closed() => {
                return Err(RestoreError::Db { doing: "the connection was lost", error }.into());
            }
            Err(error) => {
                // One that a signal ended was not refused.
                self.interrupt.check()?;
                Some(Why::Refused(error))
            }
        };
        let Some(why) = why else {
            return Ok(session.run("RELEASE SAVEPOINT psqlcm_globals").map_err(doing("cannot go on"))?);
        };
        session.run(UNDO).map_err(doing("cannot go on"))?;
        match statements {
            [statement] => failed.push((statement.clone(), why)),
            _ => {
                let (first, second) = statements.split_at(statements.len() / 2);
                self.run_part(session, first, failed)?;
                self.run_part(session, second, failed)?;
            }
        }
        Ok(())
    }

    /// What is no longer as it was at the beginning, where that must not be.
    fn changed(&self, session: &mut Session) -> Result<Vec<FactDelta>, GlobalsError> {
        match self.request.alter_existing {
            true => Ok(Vec::new()),
            false => Ok(globals::changed(&self.before, &globals_within(session)?)),
        }
    }

    fn note(&mut self, failed: Vec<(Statement, Why)>) {
        for (statement, why) in failed {
            match why {
                Why::Refused(error) => self.refuse(&statement, error),
                Why::Changes(facts) => {
                    let sql = statement.sql.clone();
                    self.differs(&statement, facts, Some(sql), None);
                }
            }
        }
    }
}

/// Why a statement is not run.
enum Why {
    /// The server refused it.
    Refused(DbError),
    /// It changes what was there.
    Changes(Vec<FactDelta>),
}

/// An empty location is one within the data directory, which has to be allowed.
fn make_tablespace(session: &mut Session, sql: &str, location: &str) -> Result<(), DbError> {
    if !location.is_empty() {
        return session.run(sql);
    }
    session.run("SET allow_in_place_tablespaces = on")?;
    let made = session.run(sql);
    session.run("RESET allow_in_place_tablespaces")?;
    made
}

/// Whether a tablespace is there, once the server process that was to make it is gone; it may be, where nobody can tell.
fn may_be_there(connect: &mut dyn FnMut() -> Result<Session, DbError>, pid: i32, name: &str) -> bool {
    let name = quote_literal(name);
    let is_there = format!("SELECT EXISTS (SELECT FROM pg_catalog.pg_tablespace WHERE spcname = {name})");
    look_up(connect, pid, &is_there).is_none_or(|(is_there, _)| is_there)
}

/// Removes the tablespaces that a failed run made; gives those that are left, and why.
fn drop_tablespaces(access: &Access, request: &GlobalsRequest<'_>, names: &[String]) -> Vec<String> {
    if names.is_empty() {
        return Vec::new();
    }
    let mut session = access.connect_first(request.maintenance).and_then(|mut session| {
        // Somebody else may use what is to be removed.
        session.run("SET lock_timeout = '10s'")?;
        Ok(session)
    });
    let drop = |name: &String| match session.as_mut() {
        Ok(session) => session
            .run(&format!("DROP TABLESPACE IF EXISTS {}", quote_ident(name)))
            .err()
            .map(|error| format!("{} ({error})", quote_ident(name))),
        Err(error) => Some(format!("{} ({error})", quote_ident(name))),
    };
    names.iter().filter_map(drop).collect()
}
