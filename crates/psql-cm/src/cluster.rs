//! The cluster that the settings point to, and what of it a command acts on.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use psqlcm_core::catalogs::Catalogs;
use psqlcm_core::ledger::Origin as LedgerOrigin;
use psqlcm_core::report::{Exit, Outcome, Report, TargetReport};
use psqlcm_core::targets::{
    Databases, SchemaRequest, SchemaRow, Selection, Target, choose_schemas, databases_of_cluster,
};
use psqlcm_engine::access::{self, Access, NO_SUCH_DATABASE};
use psqlcm_engine::conninfo::{ConnInfo, Environment, Given, Origin};
use psqlcm_engine::git;
use psqlcm_engine::interrupt::Guard;
use psqlcm_engine::ledger::{self, Holder, Ledger, LockError, SubmitLock};
use psqlcm_engine::manifests;
use psqlcm_engine::session::{DbError, Session, shown_version};

use crate::commands::dump;
use crate::context::Context;
use crate::failure::Failure;
use crate::password;
use crate::settings::Sourced;
use crate::terminal;

/// The version of this program, as entries record it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long what a standby's replay ended is tried again, and how long to wait in between. Waiting makes the next try no
/// better, but spares the standby.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(300);

/// A cluster, and how to reach it.
pub struct Cluster<'a> {
    context: &'a Context,
    /// Connections to its databases.
    pub access: Access,
    /// A signal cancels what any of the connections is doing.
    guards: Mutex<Vec<Guard>>,
    turn: Mutex<()>,
    told_newer: OnceLock<()>,
}

impl<'a> Cluster<'a> {
    /// Resolves the connection; connects nowhere yet.
    pub fn of(context: &'a Context) -> Result<Self, Failure> {
        let access = access(context)?;
        let info = access.info();
        for warning in info.warnings() {
            context.ui.warn(warning);
        }
        for (name, value, origin) in info.origins() {
            context.ui.verbose(&format!("{name} = {value} from {origin}"));
        }
        Ok(Self {
            context,
            access,
            guards: Mutex::default(),
            turn: Mutex::default(),
            told_newer: OnceLock::new(),
        })
    }

    /// The databases to act on.
    pub fn databases(&self) -> Result<Vec<String>, Failure> {
        self.list(self.context.settings.databases(self.database_of_uri())?)
    }

    /// The databases to act on besides the cluster's globals.
    pub fn databases_besides(&self) -> Result<Vec<String>, Failure> {
        let databases = self.context.settings.databases_besides(self.database_of_uri())?;
        databases.map_or_else(|| Ok(Vec::new()), |databases| self.list(databases))
    }

    fn list(&self, databases: Databases) -> Result<Vec<String>, Failure> {
        match databases {
            Databases::Named(names) => Ok(names),
            Databases::All => {
                let mut session = self.connect_anywhere()?;
                let rows = access::databases(&mut session)
                    .map_err(|error| Failure::because("cannot list the databases", &error))?;
                let selection = databases_of_cluster(&rows);
                self.tell_left_out(&selection, "database");
                Ok(selection.chosen)
            }
        }
    }

    /// Does the work on each database, on as many at once as `--jobs` says, and reports what came of each. One that
    /// fails keeps no other from being done.
    pub fn each_database(
        &self,
        command: &'static str,
        databases: &[String],
        work: impl Fn(&str) -> Result<Vec<TargetReport>, Failure> + Sync,
    ) -> Result<Report, Failure> {
        self.each_database_after(command, None, databases, work)
    }

    /// The same, after work on the cluster itself that came to this.
    pub fn each_database_after(
        &self,
        command: &'static str,
        first: Option<Result<TargetReport, Failure>>,
        databases: &[String],
        work: impl Fn(&str) -> Result<Vec<TargetReport>, Failure> + Sync,
    ) -> Result<Report, Failure> {
        let first = first.map(|first| first.map(|report| vec![report]));
        collect(command, first.into_iter().chain(self.on_each(command, databases, work)))
    }

    /// What came of the work on each database, in their order; on as many at once as `--jobs` says.
    pub fn on_each<T: Send + Sync>(
        &self,
        command: &'static str,
        databases: &[String],
        work: impl Fn(&str) -> Result<T, Failure> + Sync,
    ) -> Vec<Result<T, Failure>> {
        let progress = (databases.len() > 1).then(|| self.context.ui.progress(command, databases.len()));
        let next = AtomicUsize::new(0);
        let done: Vec<OnceLock<_>> = databases.iter().map(|_| OnceLock::new()).collect();
        let take = || {
            let at = next.fetch_add(1, Ordering::Relaxed);
            databases.get(at).zip(done.get(at))
        };
        let worker = || {
            while let Some((database, slot)) = take() {
                let result =
                    self.context.interrupt.check().map_err(Failure::from).and_then(|()| work(database));
                let _ = slot.set(result);
                if let Some(progress) = &progress {
                    progress.step(database);
                }
            }
        };
        let jobs = usize::from(self.context.settings.jobs.value.get()).min(databases.len());
        std::thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(worker))));
        drop(progress);
        done.into_iter().filter_map(OnceLock::into_inner).collect()
    }

    /// The databases to act on that the tree has; with `--all-databases` all that the environment dumped into it.
    pub fn databases_of_tree(&self) -> Result<Vec<String>, Failure> {
        self.list_of_tree(self.context.settings.databases(self.database_of_uri())?)
    }

    /// The databases to restore besides the cluster's globals.
    pub fn databases_of_tree_besides(&self) -> Result<Vec<String>, Failure> {
        let databases = self.context.settings.databases_besides(self.database_of_uri())?;
        databases.map_or_else(|| Ok(Vec::new()), |databases| self.list_of_tree(databases))
    }

    fn list_of_tree(&self, databases: Databases) -> Result<Vec<String>, Failure> {
        match databases {
            Databases::Named(names) => Ok(names),
            Databases::All => manifests::databases(self.sql_path(), &self.context.settings.environment.value)
                .map_err(|error| dump::manifests_failure(&error)),
        }
    }

    /// Where to connect for what concerns the cluster, in this order.
    pub fn maintenance(&self) -> Vec<&str> {
        self.database_of_uri().into_iter().chain(["postgres", "template1"]).collect()
    }

    /// The folder of the tree.
    pub fn sql_path(&self) -> &Path {
        &self.context.settings.sql_path.value
    }

    /// Connects to one of the targets. A signal cancels what the session is doing.
    pub fn connect(&self, database: &str) -> Result<Session, Failure> {
        let session = self.access.connect(database);
        self.tell_newer();
        if let Ok(session) = &session {
            let cancel = session.cancel_handle();
            let guard = self.context.interrupt.on_interrupt(Box::new(move || {
                // Whether it arrives is seen by whether the statement ends.
                let _ = cancel.cancel();
            }));
            let shown = self.access.info().with_database(database).describe();
            self.context
                .ui
                .debug(&format!("connected to {shown}, server version {}", session.server_version()));
            self.guards.lock().unwrap_or_else(PoisonError::into_inner).push(guard);
        }
        session.map_err(|error| {
            if is_uri(database) {
                let message = match error.sqlstate() {
                    Some(NO_SUCH_DATABASE) => "no database has the name that is given, which is a URI",
                    _ => "cannot connect to the database whose name is given, which is a URI",
                };
                return Failure::new(Exit::Failed, message)
                    .hint("give the URI with --uri; the database in it is the one to act on");
            }
            let failure = self.not_connected(&self.access.info().with_database(database), &error);
            let failure = failure.on(&Target::database(database));
            match error.sqlstate() {
                Some(NO_SUCH_DATABASE) if database.contains(',') => {
                    failure.hint("--database takes one name, and --databases a list")
                }
                Some(NO_SUCH_DATABASE) => {
                    failure.hint("create it, or restore it from the tree with psql-cm restore")
                }
                _ => failure,
            }
        })
    }

    /// Connects to one of the targets that is to be changed.
    pub fn connect_to_change(&self, database: &str) -> Result<Session, Failure> {
        let session = self.connect(database)?;
        match session.is_standby() {
            true => {
                let place = self.access.info().with_database(database).describe();
                Err(Failure::standby(&place).on(&Target::database(database)))
            }
            false => Ok(session),
        }
    }

    /// Reads from one of the targets, in a session of its own. A standby ends what is in the way of its replay; then it is
    /// done again, for a minute.
    pub fn read<T>(
        &self,
        database: &str,
        work: impl Fn(&mut Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.read_by(database, || self.connect(database), work)
    }

    /// Reads what belongs to the cluster, in the same way.
    pub fn read_globals<T>(&self, work: impl Fn(&mut Session) -> Result<T, Failure>) -> Result<T, Failure> {
        self.read_by("the cluster", || self.connect_anywhere(), work)
    }

    fn read_by<T>(
        &self,
        what: &str,
        connect: impl Fn() -> Result<Session, Failure>,
        work: impl Fn(&mut Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut pause = FIRST_PAUSE;
        let begin = Instant::now();
        loop {
            self.context.interrupt.check()?;
            match connect().and_then(|mut session| work(&mut session)) {
                Err(failure) if failure.is_replay_conflict() && begin.elapsed() < PATIENCE => {
                    let why = "the replay of the standby needed what was being read";
                    self.context.ui.verbose(&format!("{what}: {why}; trying again in {pause:?}"));
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(failure) if failure.is_replay_conflict() => {
                    return Err(failure.hint(
                        "the standby replays changes that are in the way; read from the primary, or let the standby wait for its \
                         readers with max_standby_streaming_delay, or hot_standby_feedback",
                    ));
                }
                outcome => return outcome,
            }
        }
    }

    /// Waits until nobody else is at what databases share: the tree. Databases are read side by side; it is changed by one
    /// after the other.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects to whatever database there is, for what concerns the cluster: that of the connection string if it
    /// exists, else `postgres`, else `template1`.
    pub fn connect_anywhere(&self) -> Result<Session, Failure> {
        let session = self.access.connect_first(&self.maintenance());
        self.tell_newer();
        session.map_err(|error| self.not_connected(self.access.info(), &error))
    }

    /// Warns, once a run, of a server that is newer than what is known.
    pub fn tell_newer(&self) {
        let (version, known) = (self.access.server_version(), Catalogs::known());
        if known.is_older_than(version) && self.told_newer.set(()).is_ok() {
            self.context.ui.warn(&format!(
                "the server is of version {}, newer than {}, the newest that this psql-cm knows: what is new in it is \
                 looked for, and named where it is used",
                shown_version(version),
                known.newest()
            ));
        }
    }

    fn not_connected(&self, info: &ConnInfo, error: &DbError) -> Failure {
        let place = info.describe();
        match &self.context.settings.role {
            Some(role) if !error.is_connecting() => {
                Failure::because(format!("cannot act as the role {} at {place}", role.value), error)
                    .hint(format!("the role is from {}; the login must be a member of it", role.source))
            }
            _ => Failure::because(format!("cannot connect to {place}"), error),
        }
    }

    /// The schemas of a database to act on; those left out are told.
    pub fn schemas(
        &self,
        session: &mut Session,
        database: &str,
        request: &SchemaRequest,
    ) -> Result<Vec<String>, Failure> {
        self.choose_schemas(session, database, request, |_| {})
    }

    /// The schemas to read: what a role may not create in, it may still read.
    pub fn readable_schemas(&self, session: &mut Session, database: &str) -> Result<Vec<String>, Failure> {
        let request = &self.context.settings.schemas.value;
        self.choose_schemas(session, database, request, |row| row.may_create = true)
    }

    /// Whether somebody named the schemas to act on.
    pub fn names_schemas(&self) -> bool {
        !self.context.settings.schemas.value.named.is_empty()
    }

    fn choose_schemas(
        &self,
        session: &mut Session,
        database: &str,
        request: &SchemaRequest,
        see: impl Fn(&mut SchemaRow),
    ) -> Result<Vec<String>, Failure> {
        let target = Target::database(database);
        let rows = access::schemas(session);
        let mut rows =
            rows.map_err(|error| Failure::because("cannot list the schemas", &error).on(&target))?;
        rows.iter_mut().for_each(see);
        let selection = choose_schemas(request, &rows).map_err(|error| Failure::from(error).on(&target))?;
        self.tell_left_out(&selection, &format!("schema of {database}"));
        Ok(selection.chosen)
    }

    /// The ledgers of that table name.
    pub fn ledger(&self) -> Result<Ledger, Failure> {
        let table = &self.context.settings.cm_table;
        Ledger::new(&table.value).map_err(|error| {
            Failure::usage(format!("the name of the ledgers' table, from {}: {error}", table.source))
        })
    }

    /// Waits for the lock that those who write to a database's ledgers take.
    pub fn submit_lock(&self, database: &str, wait: Duration) -> Result<SubmitLock, Failure> {
        let session = self.connect_to_change(database)?;
        let mut told = false;
        let mut waiting = |holder: &Holder| {
            if !std::mem::replace(&mut told, true) {
                self.context.ui.say(&format!("{database}: waiting for {holder}"));
            }
            match self.context.interrupt.check() {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        };
        SubmitLock::acquire(session, wait, &mut waiting).map_err(|error| {
            let exit = if matches!(error, LockError::Busy { .. }) { Exit::LockNotHad } else { Exit::Failed };
            Failure::new(exit, error.to_string()).on(&Target::database(database))
        })
    }

    /// Who git says works here.
    pub fn identity(&self) -> Option<String> {
        git::identity(self.sql_path()).or_else(|| git::identity(Path::new(".")))
    }

    /// Who acts, for the ledger: git's identity, else the login role.
    pub fn origin(&self, session: &mut Session, run_id: &str) -> Result<LedgerOrigin, Failure> {
        let environment = &self.context.settings.environment.value;
        let identity = self.identity();
        let origin =
            ledger::origin(session, identity.as_deref().unwrap_or_default(), run_id, environment, VERSION);
        let mut origin = origin.map_err(|error| Failure::because("cannot ask who we are", &error))?;
        if origin.implementer.is_empty() {
            origin.implementer.clone_from(&origin.login_role);
        }
        Ok(origin)
    }

    fn tell_left_out(&self, selection: &Selection, what: &str) {
        for left_out in &selection.left_out {
            let line = format!("{what} {} is left out: {}", left_out.name, left_out.reason);
            match left_out.reason.is_routine() {
                true => self.context.ui.verbose(&line),
                false => self.context.ui.say(&line),
            }
        }
    }

    /// The database that somebody typed into the connection string; libpq's other sources are defaults.
    fn database_of_uri(&self) -> Option<&str> {
        let info = self.access.info();
        let typed = |(name, _, origin): &(&str, String, Origin)| {
            *name == "dbname" && !matches!(origin, Origin::Default | Origin::Variable(_))
        };
        info.origins().iter().any(typed).then(|| info.database())
    }
}

/// A database may have such a name, but as a rule it is meant for --uri, and there may be a password in it.
fn is_uri(name: &str) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| name.starts_with(scheme))
}

/// Resolves the connection.
pub fn access(context: &Context) -> Result<Access, Failure> {
    let settings = &context.settings;
    let given = match &settings.uri {
        Some(uri) => Given::new().text(&uri.source.to_string(), &uri.value),
        None => Given::new(),
    };
    access_to(&given, settings.role.as_ref(), context)
}

/// Resolves a connection to somewhere, to act there as that role.
pub fn access_to(
    given: &Given,
    role: Option<&Sourced<String>>,
    context: &Context,
) -> Result<Access, Failure> {
    let info = ConnInfo::resolve(given, &Environment::of_process());
    let info = info.map_err(|error| Failure::usage("the connection is not clear").cause(&error))?;
    let info = match context.settings.may_ask && terminal::somebody_is_there() {
        true => {
            let interrupt = context.interrupt.clone();
            info.asking(move |user| password::ask(user, &interrupt))
        }
        false => info,
    };
    Ok(Access::new(info, role.map(|role| role.value.clone())))
}

/// One report of all databases: a failure if one failed, and a partial one if another was done.
fn collect(
    command: &'static str,
    results: impl Iterator<Item = Result<Vec<TargetReport>, Failure>>,
) -> Result<Report, Failure> {
    let mut report = Report::new(command);
    let mut failed: Option<Failure> = None;
    for result in results {
        match (result, failed.take()) {
            (Ok(targets), before) => {
                report.targets.extend(targets);
                failed = before;
            }
            (Err(failure), None) => failed = Some(failure),
            (Err(failure), Some(before)) => {
                // What was done, or may have been, weighs more than what was not.
                let weighs = |exit| {
                    [Exit::InDoubt, Exit::Partly].iter().position(|graver| *graver == exit).unwrap_or(2)
                };
                let exit =
                    if weighs(failure.exit) < weighs(before.exit) { failure.exit } else { before.exit };
                failed = Some(Failure { exit, ..before.and(failure) });
            }
        }
    }
    let Some(failure) = failed else { return Ok(report) };
    let did_something = report.targets.iter().any(|target| target.outcome == Outcome::Done);
    let exit = if did_something && failure.exit != Exit::InDoubt { Exit::Partly } else { failure.exit };
    Err(Failure { exit, ..failure }.with_targets(report.targets))
}
