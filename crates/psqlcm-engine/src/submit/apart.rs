//! Databases or schemas apart: each is finished by itself. What has a change already is skipped, so that the same
//! submit, said again, goes on where it stopped.
//!
//! The first target that lacks a change goes first and alone: what fails there has done no harm elsewhere. Then
//! databases are worked on at once, and within a database its schemas one after the other. Schemas by themselves share
//! transactions all the same, as every transaction needs two looks at the whole database: the change runs in each
//! under a savepoint, those before the first that fails commit, and the rest of such a batch is done one by one.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use psqlcm_core::change::Script;
use psqlcm_core::targets::Target;

use super::attempt::with_retries;
use super::error::{Recorded, SubmitError};
use super::once::Once;
use super::standing::{self, Record, Records, Standing};
use super::work::Work;
use super::{Atomic, Event, Failed, Left, Outcome, PreparedChange, Request, Tell, alone, targets};

/// Runs the changes, all of them in one target after the other; what became of it goes to `outcome`.
///
/// # Errors
/// When a target cannot be had at all: then nothing was begun.
pub(super) fn run(
    request: &Request<'_>,
    scripts: &[Script<'_>],
    tell: &Tell<'_>,
    outcome: &mut Outcome,
) -> Result<(), SubmitError> {
    let once = Once::new(scripts);
    let first = survey(request, scripts, &once)?;
    let run = Run {
        request,
        scripts,
        tell,
        once,
        outcome: Mutex::new(std::mem::take(outcome)),
        failures: AtomicUsize::new(0),
        is_stopped: AtomicBool::new(false),
    };
    if let Some((database, group)) = &first {
        run.database(*database, std::slice::from_ref(group));
    }
    run.all(&groups(request, first.as_ref()));
    *outcome = run.outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    let place = |name: &str| request.targets.iter().position(|(database, _)| database == name);
    outcome.done.sort_by_key(|applied| place(&applied.database));
    // A signal between two targets fails neither of them.
    if outcome.failures.is_empty() && !outcome.left.is_empty() && request.interrupt.check().is_err() {
        outcome.failures.push(Failed { targets: Vec::new(), error: SubmitError::Interrupted });
    }
    Ok(())
}

/// How many schemas share a transaction though each is by itself: enough that the looks at the whole database do not
/// count, and few enough that a schema is not locked for long.
const BATCH: usize = 50;

/// Schemas of a database that share a transaction.
type Group = Vec<String>;

/// The changes that this run has done in a database, each with its schema.
type DoneHere = BTreeSet<(usize, String)>;

/// The groups of each database, but for the schemas that go before all others.
fn groups(request: &Request<'_>, first: Option<&(usize, Group)>) -> Vec<Vec<Group>> {
    let size = match request.options.atomic {
        Atomic::Schema if request.options.is_sequential => 1,
        Atomic::Schema => BATCH,
        Atomic::Database | Atomic::All => usize::MAX,
    };
    let of_database = |(index, (_, schemas)): (usize, &(String, Group))| {
        let is_first = |schema: &&String| {
            first.is_some_and(|(database, group)| *database == index && group.contains(schema))
        };
        let schemas: Group = schemas.iter().filter(|schema| !is_first(schema)).cloned().collect();
        schemas.chunks(size).map(<[String]>::to_vec).collect()
    };
    request.targets.iter().enumerate().map(of_database).collect()
}

/// Looks at all targets before anything is begun: each must be able to take a change. Finds the first one that
/// lacks one, with the place of its database, and where shared statements have been run already.
fn survey(
    request: &Request<'_>,
    scripts: &[Script<'_>],
    once: &Once,
) -> Result<Option<(usize, Group)>, SubmitError> {
    let mut first = None;
    let mut missing = Vec::new();
    for (index, (database, schemas)) in request.targets.iter().enumerate() {
        request.check_interrupt()?;
        let connect = |source| SubmitError::Connect { database: database.clone(), source };
        let mut session = request.access.connect(database).map_err(connect)?;
        let unfit = standing::missing(&mut session, request.ledger, database, schemas)
            .map_err(|source| SubmitError::Ledger { database: database.clone(), source })?;
        if !unfit.is_empty() {
            missing.extend(unfit);
            continue;
        }
        let records = standing::records(&mut session, request.ledger, schemas, &request.changes);
        let records = records.map_err(|source| SubmitError::Db {
            database: database.clone(),
            doing: "look the change up in the ledger",
            source,
        })?;
        for (schema, rows) in &records {
            for (change, script) in scripts.iter().enumerate() {
                match standing::record(rows, &request.changes[change], script) {
                    Some(Record::Done { .. }) if !request.options.again => {
                        once.ran(change, &Target::schema(database, schema));
                    }
                    _ if request.options.atomic == Atomic::Schema => {
                        first.get_or_insert_with(|| (index, vec![schema.clone()]));
                    }
                    _ => {
                        first.get_or_insert_with(|| (index, schemas.clone()));
                    }
                }
            }
        }
    }
    if missing.is_empty() { Ok(first) } else { Err(SubmitError::NotUnderControl { missing }) }
}

/// The work on one database.
struct Open<'r> {
    work: Work<'r>,
    /// What the ledgers had of the changes when it was begun, under the submit lock.
    records: Records,
}

/// A run, shared by the threads that work on databases.
struct Run<'r> {
    request: &'r Request<'r>,
    scripts: &'r [Script<'r>],
    tell: &'r Tell<'r>,
    once: Once,
    outcome: Mutex<Outcome>,
    failures: AtomicUsize,
    /// Too many failed, a signal came, or nobody knows what became of a COMMIT.
    is_stopped: AtomicBool,
}

impl<'r> Run<'r> {
    /// Works on the databases, on as many at once as `--jobs` says.
    fn all(&self, groups: &[Vec<Group>]) {
        let next = AtomicUsize::new(0);
        let worker = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                match groups.get(index) {
                    Some(groups) => self.database(index, groups),
                    None => return,
                }
            }
        };
        let jobs = usize::from(self.request.options.jobs.get()).min(groups.len());
        thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(worker))));
    }

    /// Works on the groups of one database, one after the other.
    fn database(&self, index: usize, groups: &[Group]) {
        let mut open = None;
        let mut done = DoneHere::new();
        for group in groups {
            let is_batch = self.request.options.atomic == Atomic::Schema && group.len() > 1;
            let is_finished = is_batch && !self.is_over() && self.batch(index, &mut open, group, &mut done);
            match is_batch {
                true if is_finished => {}
                true => group.chunks(1).for_each(|one| self.one(index, &mut open, one, &mut done)),
                false => self.one(index, &mut open, group, &mut done),
            }
            for target in targets(&self.request.targets[index].0, group) {
                (self.tell)(Event::Finished { target: &target });
            }
        }
    }

    /// Works on one group, and tells of it if it fails or is left.
    fn one(&self, index: usize, open: &mut Option<Open<'r>>, group: &[String], done: &mut DoneHere) {
        let targets = targets(&self.request.targets[index].0, group);
        if self.is_over() {
            let left = targets.into_iter().map(|target| Left { target, is_rolled_back: false });
            self.outcome().left.extend(left);
        } else if let Err(error) = self.open(index, open).and_then(|open| self.group(open, group, done)) {
            self.fail(&targets, error);
            // Whatever state it is in, the next group begins afresh.
            *open = None;
        }
    }

    /// Works on a batch; whether that is all there is to do. If not, its schemas are to be done one by one, which
    /// also tells what is wrong.
    fn batch(
        &self,
        index: usize,
        open: &mut Option<Open<'r>>,
        group: &[String],
        done: &mut DoneHere,
    ) -> bool {
        match self.open(index, open).and_then(|open| self.group(open, group, done)) {
            Ok(is_finished) => is_finished,
            Err(error) => {
                *open = None;
                let is_last = stops(&error) || self.is_over();
                if is_last {
                    self.fail(&targets(&self.request.targets[index].0, group), error);
                }
                is_last
            }
        }
    }

    /// The work on a database, begun unless it is under way.
    fn open<'w>(
        &self,
        index: usize,
        open: &'w mut Option<Open<'r>>,
    ) -> Result<&'w mut Open<'r>, SubmitError> {
        let opened = match open.take() {
            Some(opened) => opened,
            None => {
                let mut work = Work::open(self.request, index, self.tell)?;
                work.check_targets()?;
                let records = work.records()?;
                Open { work, records }
            }
        };
        Ok(open.insert(opened))
    }

    /// All changes in one group; whether all of them are done in all of it.
    fn group(
        &self,
        Open { work, records }: &mut Open<'_>,
        group: &[String],
        done: &mut DoneHere,
    ) -> Result<bool, SubmitError> {
        let mut is_finished = true;
        for (index, script) in self.scripts.iter().enumerate() {
            self.request.check_interrupt()?;
            work.clean()?;
            let change = PreparedChange { index, change: &self.request.changes[index], script };
            let (schemas, standing) = self.lacking(work, records, group, &change, done);
            let Some(first) = schemas.first() else { continue };
            let turn = self.once.turn(index);
            work.turn_to(&schemas);
            work.shared_ran_in.clone_from(&turn.ran_in);
            self.run(work, &change, &standing)?;
            // What a dry run did is undone, so that each group does it anew.
            if !self.request.options.dry_run {
                turn.ran(&work.target(first));
            }
            done.extend(work.schemas().iter().map(|schema| (index, schema.clone())));
            is_finished = work.schemas().len() == schemas.len();
            if !is_finished {
                break;
            }
        }
        if self.request.options.dry_run {
            work.roll_back();
        }
        Ok(is_finished)
    }

    /// The schemas of a group that a change is to run in, and how far an earlier run came; those that have it are
    /// told.
    fn lacking(
        &self,
        work: &Work<'_>,
        records: &Records,
        group: &[String],
        change: &PreparedChange<'_>,
        done: &mut DoneHere,
    ) -> (Group, Standing) {
        let mut begun = Standing::default();
        let mut lacking = Vec::new();
        for (schema, rows) in records.iter().filter(|(schema, _)| group.contains(schema)) {
            let key = (change.index, schema.clone());
            if done.contains(&key) {
                continue;
            }
            match standing::record(rows, change.change, change.script) {
                Some(Record::Done { id: entry, at }) if !self.request.options.again => {
                    let recorded = Recorded { change: change.index, target: work.target(schema), entry, at };
                    self.outcome().recorded.push(recorded);
                    done.insert(key);
                    continue;
                }
                Some(Record::Begun(standing)) => begun = standing,
                _ => {}
            }
            lacking.push(schema.clone());
        }
        (lacking, begun)
    }

    /// Runs a change in the schemas that the work is turned to; of a batch only in those before the first that
    /// fails, to which it is then turned.
    fn run(
        &self,
        work: &mut Work<'_>,
        change: &PreparedChange<'_>,
        standing: &Standing,
    ) -> Result<(), SubmitError> {
        if !change.script.is_transactional() {
            let mut done = Vec::new();
            let outcome = alone::run(work, change, standing, self.tell, &mut done);
            self.outcome().done.extend(done);
            return outcome;
        }
        (self.tell)(Event::Begin { change: &change.change.name, database: work.database() });
        let schemas = work.schemas();
        work.is_batch = self.request.options.atomic == Atomic::Schema && schemas.len() > 1;
        let applied = with_retries(self.request, std::slice::from_mut(work), self.tell, &mut |works| {
            works[0].turn_to(&schemas);
            Ok(vec![works[0].stage(change, self.tell)?])
        });
        self.outcome().done.extend(applied.map_err(|unfinished| *unfinished.error)?);
        Ok(())
    }

    fn fail(&self, targets: &[Target], error: SubmitError) {
        let failures = self.failures.fetch_add(1, Ordering::SeqCst) + 1;
        if stops(&error) || failures > self.request.options.max_failures {
            self.is_stopped.store(true, Ordering::SeqCst);
        }
        self.outcome().failures.push(Failed { targets: targets.to_vec(), error });
    }

    fn is_over(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst) || self.request.check_interrupt().is_err()
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After such an error nothing else is begun.
fn stops(error: &SubmitError) -> bool {
    matches!(error, SubmitError::Interrupted | SubmitError::InDoubt { .. })
}
