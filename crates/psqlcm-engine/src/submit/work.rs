//! The work on one database: its session, its lock, and one transaction after the other.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use psqlcm_core::ledger::{EntryKind, Origin, own};
use psqlcm_core::name::{quote_ident, quote_literal};
use psqlcm_core::plan::header::Standing;
use psqlcm_core::script::{Statement, is_shared, label};
use psqlcm_core::snapshot::Snapshot;
use psqlcm_core::targets::Target;

use super::effects::{self, Before, Stop, Writing};
use super::error::SubmitError;
use super::estimate::Locks;
use super::locks::{self, HeldLock};
use super::standing::{self, Records};
use super::{Applied, Atomic, Event, Part, PreparedChange, Request, Tell};
use crate::capture::{self, CaptureError, CatalogState};
use crate::commit::look_up;
use crate::interrupt::Guard;
use crate::ledger::{
    Ledger, LedgerError, LockError, RecordedDatabase, State, SubmitLock, origin, work_under,
};
use crate::session::{DbError, Session};

/// The work on one database.
pub(super) struct Work<'a> {
    pub request: &'a Request<'a>,
    database: &'a str,
    schemas: Arc<[String]>,
    pub session: Session,
    lock: SubmitLock,
    pub origin: Origin,
    /// The server process of the session.
    pub pid: String,
    /// `client_connection_check_interval` as the session began; scripts and RESET ALL may take it away.
    check_interval: Option<String>,
    /// Where statements about what all databases share have been run, if not here.
    pub shared_ran_in: Option<Target>,
    /// Whether its schemas are by themselves: those before the first that fails are done.
    pub is_batch: bool,
    /// Whether the run has more than one transaction.
    pub goes_on: bool,
    /// What the last capture found, if more is to come.
    known: Option<Known>,
    /// In a dry run all changes are one transaction.
    in_transaction: bool,
    /// Whether a transaction was committed since the session was last cleaned.
    is_used: bool,
    /// Cancels what runs when a signal comes.
    _cancel: Guard,
}

/// A capture, and the state of the catalogs just before it.
///
/// As long as that state is the same a new capture would find the same: nobody, this run included, has committed or
/// done anything in between that a capture reads. So the capture after one change is the one before the next, and a
/// change of rows only needs none. What others do while a change runs is looked for as ever.
struct Known {
    state: CatalogState,
    snapshot: Snapshot,
}

/// The moment at which a transaction began.
#[derive(Clone, Default)]
pub(super) struct Start {
    /// The server's time.
    pub at: String,
    /// Which transactions had ended by then.
    pub snapshot: String,
}

/// What became of a COMMIT.
pub(super) enum Settled {
    Committed,
    RolledBack(SubmitError),
    Unknown(SubmitError),
}

/// How often a capture within a transaction is tried again when objects vanish while it reads them.
pub(super) const CAPTURE_TRIES: u32 = 5;

impl<'a> Work<'a> {
    /// Connects, and takes the submit lock on a connection of its own.
    pub fn open(request: &'a Request<'a>, index: usize, tell: &Tell<'_>) -> Result<Self, SubmitError> {
        let (database, schemas) = &request.targets[index];
        let connect = || {
            request
                .access
                .connect(database)
                .map_err(|source| SubmitError::Connect { database: database.clone(), source })
        };
        let interrupt = request.interrupt;
        let mut waiting = |holder: &_| {
            tell(Event::Waiting { database, holder });
            match interrupt.check() {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        };
        let lock = SubmitLock::acquire(connect()?, request.options.lock_wait, &mut waiting);
        let lock = lock.map_err(|source| match source {
            LockError::Interrupted => SubmitError::Interrupted,
            source => SubmitError::Lock { database: database.clone(), source },
        })?;
        let mut session = connect()?;
        work_under(&mut session).map_err(|source| SubmitError::Db {
            database: database.clone(),
            doing: "take the worker's lock",
            source,
        })?;
        let options = &request.options;
        let implementer = options.implementer.as_deref().unwrap_or_default();
        let mut origin =
            origin(&mut session, implementer, &options.run_id, &options.environment, &options.tool_version)
                .map_err(|source| SubmitError::Ledger { database: database.clone(), source })?;
        if origin.implementer.is_empty() {
            origin.implementer.clone_from(&origin.login_role);
        }
        let (pid, check_interval) = about(&mut session).map_err(|source| SubmitError::Db {
            database: database.clone(),
            doing: "begin",
            source,
        })?;
        let cancel = session.cancel_handle();
        // A cancel request that does not arrive leaves the statement to its end: nothing else can be done here.
        let guard = interrupt.on_interrupt(Box::new(move || drop(cancel.cancel())));
        Ok(Self {
            request,
            database,
            schemas: schemas.as_slice().into(),
            shared_ran_in: None,
            is_batch: false,
            session,
            lock,
            origin,
            pid,
            check_interval,
            goes_on: request.changes.len() > 1 || request.options.atomic == Atomic::Schema,
            known: None,
            in_transaction: false,
            is_used: false,
            _cancel: guard,
        })
    }

    pub fn database(&self) -> &'a str {
        self.database
    }

    pub fn schemas(&self) -> Arc<[String]> {
        Arc::clone(&self.schemas)
    }

    pub fn ledger(&self) -> &'a Ledger {
        self.request.ledger
    }

    pub fn target(&self, schema: &str) -> Target {
        Target::schema(self.database, schema)
    }

    /// All target schemas must have a ledger that is whole.
    pub fn check_targets(&mut self) -> Result<(), SubmitError> {
        let missing = standing::missing(&mut self.session, self.request.ledger, self.database, &self.schemas);
        let missing = missing.map_err(self.ledger_error())?;
        if missing.is_empty() { Ok(()) } else { Err(SubmitError::NotUnderControl { missing }) }
    }

    /// What the ledgers of the targets know of the changes.
    pub fn records(&mut self) -> Result<Records, SubmitError> {
        let Request { ledger, changes, .. } = self.request;
        let records = standing::records(&mut self.session, ledger, &self.schemas, changes);
        records.map_err(self.db_error("look the change up in the ledger"))
    }

    /// From now on changes run in these schemas.
    pub fn turn_to(&mut self, schemas: &[String]) {
        self.schemas = schemas.into();
    }

    /// Runs a change in every target schema and writes its entries; the transaction stays open.
    pub fn stage(&mut self, change: &PreparedChange<'_>, tell: &Tell<'_>) -> Result<Applied, SubmitError> {
        let part = Part::Together(0..change.script.statements.len());
        let applied = self.run_part(change, &part, &Writing::whole(change), tell)?;
        if !self.request.options.dry_run {
            return Ok(applied);
        }
        Ok(Applied { locks: self.locks()?, ..applied })
    }

    /// Runs statements of a change in one transaction, which stays open, and writes what `writing` says.
    pub fn run_part(
        &mut self,
        change: &PreparedChange<'_>,
        part: &Part,
        writing: &Writing<'_>,
        tell: &Tell<'_>,
    ) -> Result<Applied, SubmitError> {
        let statements = change.script.statements_of(part);
        let mut needs_copies = Vec::new();
        // What a change drops is seen when it is gone; then its ledger is read first, and the change runs again.
        for _ in 0..2 {
            match self.try_part(change, statements, writing, &needs_copies, tell) {
                Err(Stop::Copies(schemas)) => {
                    self.run("roll back", "ROLLBACK TO SAVEPOINT psql_cm")?;
                    needs_copies = schemas;
                }
                Err(Stop::Error(error)) => return Err(error),
                Ok(applied) => return Ok(applied),
            }
        }
        unreachable!("the second run has the copies it needs")
    }

    fn try_part(
        &mut self,
        change: &PreparedChange<'_>,
        statements: &[Statement<'_>],
        writing: &Writing<'_>,
        copied: &[String],
        tell: &Tell<'_>,
    ) -> Result<Applied, Stop> {
        let started = Instant::now();
        let start = self.begin()?;
        let before = self.look()?;
        self.check_plan(change, statements.first(), &before)?;
        let copies = effects::copies(self, copied)?;
        self.run_bodies(change, statements, tell)?;
        let shared = statements.iter().filter(|statement| is_shared(statement.text));
        let shared = shared.map(|statement| statement.line).collect();
        let writing = Writing { start, duration: started.elapsed(), shared, ..writing.clone() };
        let places = effects::record(self, &before, &writing, &copies, tell)?;
        Ok(Applied {
            change: change.index,
            database: self.database.to_owned(),
            part: None,
            places,
            locks: Vec::new(),
            not_rehearsed: Vec::new(),
        })
    }

    /// A plan begins on what it was made for, or not at all.
    pub fn check_plan(
        &self,
        change: &PreparedChange<'_>,
        first: Option<&Statement<'_>>,
        before: &Before,
    ) -> Result<(), SubmitError> {
        let is_begin =
            first.map(|first| first.offset) == change.script.statements.first().map(|first| first.offset);
        let Some(plan) = change.script.plan.as_ref().filter(|_| is_begin) else { return Ok(()) };
        let differing = match plan.standing(&before.facts) {
            Standing::From => return Ok(()),
            Standing::To => None,
            Standing::Other(differing) => Some(differing),
        };
        Err(SubmitError::NotFrom { change: change.index, database: self.database.to_owned(), differing })
    }

    /// The statements in all schemas; of a batch in those before the first that fails, to which it then turns.
    fn run_bodies(
        &mut self,
        change: &PreparedChange<'_>,
        statements: &[Statement<'_>],
        tell: &Tell<'_>,
    ) -> Result<(), SubmitError> {
        let mut shared_ran_in = self.shared_ran_in.clone();
        let locks = Locks::before(self)?;
        let schemas = self.schemas();
        for (index, schema) in schemas.iter().enumerate() {
            if self.is_batch {
                self.run("set a savepoint", "SAVEPOINT psql_cm_schema")?;
            }
            match self.run_body(change, schema, statements, shared_ran_in.as_ref(), tell) {
                Ok(()) => {}
                Err(_) if self.is_batch && index > 0 && self.goes_on_after_failure() => {
                    self.run("roll back", "ROLLBACK TO SAVEPOINT psql_cm_schema")?;
                    self.turn_to(&schemas[..index]);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            shared_ran_in.get_or_insert_with(|| self.target(schema));
            if index == 0
                && let Some(locks) = &locks
            {
                locks.check(self)?;
            }
        }
        Ok(())
    }

    fn goes_on_after_failure(&self) -> bool {
        !self.session.is_closed() && self.request.check_interrupt().is_ok()
    }

    /// The statements in one schema. Whatever they set is given back afterwards.
    fn run_body(
        &mut self,
        change: &PreparedChange<'_>,
        schema: &str,
        statements: &[Statement<'_>],
        shared_ran_in: Option<&Target>,
        tell: &Tell<'_>,
    ) -> Result<(), SubmitError> {
        self.run("prepare the session", &self.settings_of_body(schema, "LOCAL", true))?;
        for statement in statements.iter().filter(|statement| change.script.is_run(statement)) {
            self.request.check_interrupt()?;
            if let Some(place) = shared_ran_in.filter(|_| is_shared(statement.text)) {
                self.tell_shared(statement, place, tell);
                continue;
            }
            self.tell_statement(statement, tell);
            let outcome = self.session.run(statement.text);
            self.tell_notices(tell);
            outcome.map_err(|source| self.statement_error(change, schema, statement, source))?;
        }
        // As the role and with the settings that the change has at its end, as COMMIT would.
        self.session.run("SET CONSTRAINTS ALL IMMEDIATE").map_err(|source| SubmitError::Deferred {
            change: change.index,
            target: self.target(schema),
            source,
        })?;
        self.tell_notices(tell);
        self.reset()
    }

    pub fn statement_error(
        &self,
        change: &PreparedChange<'_>,
        schema: &str,
        statement: &Statement<'_>,
        source: DbError,
    ) -> SubmitError {
        SubmitError::Statement {
            change: change.index,
            target: self.target(schema),
            offset: statement.offset,
            statement: statement.text.to_owned(),
            source,
        }
    }

    /// The settings a change finds: names without a schema are those of its schema, then of `public`.
    pub fn settings_of_body(&self, schema: &str, scope: &str, has_lock_timeout: bool) -> String {
        let public = if schema == "public" { "" } else { "public, " };
        let timeout = if has_lock_timeout { self.request.options.lock_timeout.as_millis() } else { 0 };
        format!(
            "SET {scope} search_path = {}, {public}pg_temp; SET {scope} lock_timeout = {timeout}; \
             SET {scope} row_security = on",
            quote_ident(schema)
        )
    }

    pub fn tell_statement(&self, statement: &Statement<'_>, tell: &Tell<'_>) {
        let (line, label) = in_one_line(statement);
        tell(Event::Statement { database: self.database, line, label });
    }

    /// A statement about what all databases share runs once.
    pub fn tell_shared(&self, statement: &Statement<'_>, ran_in: &Target, tell: &Tell<'_>) {
        let (line, label) = in_one_line(statement);
        let text = format!("line {line}: {label}: run once for all databases, in {ran_in}");
        tell(Event::Detail { database: self.database, text });
    }

    pub fn tell_notices(&mut self, tell: &Tell<'_>) {
        for notice in self.session.notices() {
            tell(Event::Notice { database: self.database, notice });
        }
    }

    /// Gives role, `search_path`, timeouts and all other settings back, within a transaction too.
    pub fn reset(&mut self) -> Result<(), SubmitError> {
        // One message: between two of them a timeout that a role or a database has set could end the session.
        let sql = format!("RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; {}", self.preparation());
        self.run("reset the session", &sql)
    }

    fn preparation(&self) -> String {
        let settings = self.request.access.preparation(self.session.server_version());
        let check_interval = self.check_interval.as_ref().map(|value| {
            let value = quote_literal(value);
            format!("; SELECT pg_catalog.set_config('client_connection_check_interval', {value}, false)")
        });
        settings + &check_interval.unwrap_or_default()
    }

    /// Before another transaction: nothing of the last is left in the session, be it a temporary table or an
    /// advisory lock.
    pub fn clean(&mut self) -> Result<(), SubmitError> {
        if !std::mem::take(&mut self.is_used) {
            return Ok(());
        }
        let cleaned = self.session.run("DISCARD ALL");
        let cleaned = cleaned.and_then(|()| self.session.run(&self.preparation()));
        let cleaned = cleaned.and_then(|()| work_under(&mut self.session));
        cleaned.map_err(self.db_error("reset the session"))
    }

    /// Begins the transaction, or in a dry run goes on with it.
    pub fn begin(&mut self) -> Result<Start, SubmitError> {
        if !self.in_transaction {
            self.run("begin a transaction", "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE")?;
            self.in_transaction = true;
        }
        let sql = concat!(
            "SAVEPOINT psql_cm; SELECT pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', ",
            "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), pg_catalog.pg_current_snapshot()"
        );
        let rows = self.session.rows(sql).map_err(self.db_error("begin a transaction"))?;
        let mut cells = rows.into_iter().flatten().map(Option::unwrap_or_default);
        Ok(Start { at: cells.next().unwrap_or_default(), snapshot: cells.next().unwrap_or_default() })
    }

    /// The ledgers and the facts, as the transaction sees them.
    pub fn look(&mut self) -> Result<Before, SubmitError> {
        let captured = if self.goes_on { self.capture_unless_known()? } else { self.capture()? };
        self.with_ledgers(captured)
    }

    fn capture_unless_known(&mut self) -> Result<Snapshot, SubmitError> {
        let state = self.catalog_state()?;
        if let Some(known) = &self.known
            && known.state == state
        {
            return Ok(known.snapshot.clone());
        }
        let snapshot = self.capture()?;
        self.known = Some(Known { state, snapshot: snapshot.clone() });
        Ok(snapshot)
    }

    pub fn catalog_state(&mut self) -> Result<CatalogState, SubmitError> {
        capture::catalog_state(&mut self.session).map_err(self.db_error("look at the catalogs"))
    }

    fn with_ledgers(&mut self, captured: Snapshot) -> Result<Before, SubmitError> {
        let managed = self.ledger().managed(&mut self.session).map_err(self.ledger_error())?;
        let with_chain: Vec<&str> = managed
            .iter()
            .filter(|(_, state)| *state != State::Original)
            .map(|(schema, _)| schema.as_str())
            .collect();
        let heads = self.ledger().heads_of(&mut self.session, &with_chain);
        let heads = heads.map_err(self.ledger_error())?;
        let schemas = managed.iter().map(|(schema, _)| schema.as_str());
        let (facts, own) = own::split(captured, self.ledger().table(), schemas);
        Ok(Before { managed: managed.into_iter().collect(), heads, facts, own })
    }

    /// What the ledgers say of what belongs to no schema.
    pub fn recorded_database(&mut self) -> Result<Option<RecordedDatabase>, SubmitError> {
        let ledger = self.ledger();
        let managed = ledger.managed(&mut self.session).map_err(self.ledger_error())?;
        let chained = managed.iter().filter(|(_, state)| *state != State::Original);
        let chained: Vec<&str> = chained.map(|(schema, _)| schema.as_str()).collect();
        ledger.recorded_database(&mut self.session, &chained).map_err(self.ledger_error())
    }

    /// What other sessions have written of the catalog, and committed, since then: schema and name.
    pub fn written_by_others(&mut self, start: &Start) -> Result<BTreeSet<(String, String)>, SubmitError> {
        let sql = include_str!("meanwhile.sql").replace(":'snapshot'", &quote_literal(&start.snapshot));
        let rows = self.rows("look for changes by others", &sql)?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                let [schema, name] = row.try_into().ok()?;
                Some((schema?, name?))
            })
            .collect())
    }

    /// Captures under a savepoint, so that neither its settings nor its locks stay.
    fn capture(&mut self) -> Result<Snapshot, SubmitError> {
        let mut tries = 0;
        loop {
            tries += 1;
            self.run("capture", "SAVEPOINT psql_cm_capture")?;
            let captured = capture::within(&mut self.session);
            let back = "ROLLBACK TO SAVEPOINT psql_cm_capture; RELEASE SAVEPOINT psql_cm_capture";
            self.run("capture", back)?;
            match captured {
                Err(error) if error.is_passing() && tries < CAPTURE_TRIES => {}
                captured => return captured.map_err(self.capture_error()),
            }
        }
    }

    /// Whether connection and lock are there.
    pub fn check_alive(&mut self) -> Result<(), SubmitError> {
        self.session.check().map_err(self.db_error("reach the server before COMMIT"))?;
        match self.lock.is_held() {
            Ok(true) => Ok(()),
            _ => Err(SubmitError::LockLost { database: self.database.to_owned() }),
        }
    }

    /// Commits; where no answer comes, looks for the entry.
    pub fn commit(&mut self, applied: &Applied) -> Settled {
        self.in_transaction = false;
        self.is_used = true;
        let Err(source) = self.session.run("COMMIT") else {
            return Settled::Committed;
        };
        let error = |source| SubmitError::Db { database: self.database.to_owned(), doing: "commit", source };
        if !source.is_connection_lost() {
            return Settled::RolledBack(error(source));
        }
        let entry = applied.places.iter().flat_map(|place| &place.entries).next();
        let Some((schema, hash)) = entry.and_then(|(schema, entry)| Some((schema, entry.hash.as_ref()?)))
        else {
            return Settled::RolledBack(error(source));
        };
        match self.look_for(schema, hash) {
            Some(true) => Settled::Committed,
            Some(false) => Settled::RolledBack(error(source)),
            None => Settled::Unknown(SubmitError::InDoubt {
                database: self.database.to_owned(),
                schema: schema.clone(),
                hash: hash.clone(),
                source,
            }),
        }
    }

    /// Whether the entry is there; `None` if nobody can tell. If so, the connection that told it takes the place of the
    /// lost one.
    fn look_for(&mut self, schema: &str, hash: &str) -> Option<bool> {
        let table = self.ledger().at(schema).qualified();
        let is_there =
            format!("SELECT EXISTS (SELECT FROM ONLY {table} WHERE hash = {})", quote_literal(hash));
        let mut connect = || self.request.access.connect(self.database);
        let (is_there, mut session) = look_up(&mut connect, self.session.pid(), &is_there)?;
        if let (true, Ok((pid, check_interval))) = (is_there, about(&mut session)) {
            (self.session, self.pid, self.check_interval) = (session, pid, check_interval);
        }
        Some(is_there)
    }

    /// Undoes whatever is open. A lost connection has nothing open.
    pub fn roll_back(&mut self) {
        self.in_transaction = false;
        self.known = None;
        // A signal has cancelled what ran; the rollback itself must not be lost to a late cancel request.
        for _ in 0..2 {
            if self.session.run("ROLLBACK").is_ok() || self.session.is_closed() {
                break;
            }
        }
        let _ = self.reset();
    }

    /// The locks of the open transaction, seen from outside.
    pub fn locks(&mut self) -> Result<Vec<HeldLock>, SubmitError> {
        let observer = self.request.access.connect(self.database);
        let mut observer =
            observer.map_err(|source| SubmitError::Connect { database: self.database.to_owned(), source })?;
        let held = locks::held_by(&mut observer, &self.pid, self.ledger().table());
        held.map_err(self.db_error("look at locks"))
    }

    pub fn run(&mut self, doing: &'static str, sql: &str) -> Result<(), SubmitError> {
        self.session.run(sql).map_err(self.db_error(doing))
    }

    pub fn rows(&mut self, doing: &'static str, sql: &str) -> Result<Vec<Vec<Option<String>>>, SubmitError> {
        self.session.rows(sql).map_err(self.db_error(doing))
    }

    pub fn db_error(&self, doing: &'static str) -> impl Fn(DbError) -> SubmitError + use<> {
        let database = self.database.to_owned();
        move |source| SubmitError::Db { database: database.clone(), doing, source }
    }

    pub fn ledger_error(&self) -> impl Fn(LedgerError) -> SubmitError + use<> {
        let database = self.database.to_owned();
        move |source| SubmitError::Ledger { database: database.clone(), source }
    }

    pub fn capture_error(&self) -> impl Fn(CaptureError) -> SubmitError + use<> {
        let database = self.database.to_owned();
        move |source| SubmitError::Capture { database: database.clone(), source }
    }
}

impl<'c> Writing<'c> {
    /// The entry of a whole change.
    fn whole(change: &PreparedChange<'c>) -> Self {
        Self::new(change, EntryKind::Change, change.script.text)
    }
}

/// A statement in one line, for lists.
pub(super) fn in_one_line(statement: &Statement<'_>) -> (u32, String) {
    (statement.line, label(statement.text))
}

fn about(session: &mut Session) -> Result<(String, Option<String>), DbError> {
    let sql = "SELECT pg_catalog.pg_backend_pid(), \
               pg_catalog.current_setting('client_connection_check_interval', true)";
    let mut cells = session.rows(sql)?.into_iter().flatten();
    Ok((cells.next().flatten().unwrap_or_default(), cells.next().flatten()))
}
