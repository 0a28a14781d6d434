//! Runs changes and records them: each change is one transaction and one entry in every target database, both or
//! neither.
//!
//! In several databases all bodies are run and all entries written before the first COMMIT; with one COMMIT after
//! the other, a failure between two of them is told exactly, and not undone. The databases are worked on one after
//! the other. What a change means is never guessed from its text: it is captured before and after.

mod alone;
mod effects;
mod error;
mod locks;
mod source;
mod work;

use std::time::Duration;

use psqlcm_core::change::{Part, Refusal, Script};
use psqlcm_core::delta::FactDelta;
use psqlcm_core::ledger::{Entry, digest};
use psqlcm_core::targets::Glob;

pub use error::{LedgerTouch, Missing, Recorded, SubmitError};
pub use locks::HeldLock;
pub use source::{SourceError, read_changes, read_script};

use crate::access::Access;
use crate::interrupt::Interrupt;
use crate::ledger::{Holder, Ledger};
use crate::session::{DbError, Notice};
use work::{Settled, Work};

/// A change as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The file it stands in, or `--change`.
    pub name: String,
    /// Its text, byte for byte.
    pub text: String,
}

impl Change {
    /// By what the ledgers know it.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(self.text.as_bytes())
    }

    /// The same everywhere the change is submitted: the beginning of its digest.
    #[must_use]
    pub fn id(&self) -> String {
        self.digest()[..12].to_owned()
    }
}

/// What to submit, where and how.
#[derive(Debug)]
pub struct Request<'a> {
    /// The cluster.
    pub access: &'a Access,
    /// The ledgers.
    pub ledger: &'a Ledger,
    /// The databases, each with the schemas that the changes run in.
    pub targets: Vec<(String, Vec<String>)>,
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// How.
    pub options: Options,
    /// Whether to stop.
    pub interrupt: &'a Interrupt,
}

/// How changes are submitted.
#[derive(Clone, Debug)]
pub struct Options {
    /// Also what the ledger has already.
    pub again: bool,
    /// Do all of it and roll back.
    pub dry_run: bool,
    /// How long a statement waits for a lock.
    pub lock_timeout: Duration,
    /// How long to wait for another run.
    pub lock_wait: Duration,
    /// How often to try a whole transaction again.
    pub retries: u32,
    /// Why.
    pub reason: Option<String>,
    /// The way back.
    pub revert: Option<String>,
    /// Who; the login role if nobody says.
    pub implementer: Option<String>,
    /// Let it alter what is not under control.
    pub allow_outside: bool,
    /// Schemas that are never put under control.
    pub excluded: Vec<Glob>,
    /// The environment's name.
    pub environment: String,
    /// The run's id.
    pub run_id: String,
    /// The version of the program.
    pub tool_version: String,
}

/// What is said while it runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// Another run has the lock.
    Waiting {
        /// The database.
        database: &'a str,
        /// Who has it.
        holder: &'a Holder,
    },
    /// A change begins in a database.
    Begin {
        /// The change.
        change: &'a str,
        /// The database.
        database: &'a str,
    },
    /// A statement is about to run.
    Statement {
        /// The database.
        database: &'a str,
        /// Its line in the change.
        line: u32,
        /// The statement in one line, without what may be secret.
        label: String,
    },
    /// The server said something while a change ran.
    Notice {
        /// The database.
        database: &'a str,
        /// What it said.
        notice: Notice,
    },
    /// The transaction is tried again.
    Retry {
        /// Why.
        error: &'a DbError,
        /// The time until then.
        pause: Duration,
    },
    /// Something that people should know.
    Note {
        /// The database.
        database: &'a str,
        /// What.
        text: String,
    },
}

/// Hears what is said while it runs.
pub type Tell<'a> = dyn FnMut(Event<'_>) + 'a;

/// What a run did.
#[derive(Debug)]
pub struct Outcome {
    /// What is done, or would be, in order.
    pub done: Vec<Applied>,
    /// Why it ended before all was done. What [`Outcome::done`] says is done all the same.
    pub error: Option<SubmitError>,
}

/// One change in one database.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Which of the changes, from 0.
    pub change: usize,
    /// The database.
    pub database: String,
    /// Which of its parts, from 1, and of how many; `None` for a change that is one transaction.
    pub part: Option<(usize, usize)>,
    /// What came of it in each schema, and in what belongs to none.
    pub places: Vec<PlaceApplied>,
    /// The locks it took, in a dry run.
    pub locks: Vec<HeldLock>,
    /// The statements a dry run could not run: line and text of one line.
    pub not_rehearsed: Vec<(u32, String)>,
}

/// What a change did in one schema, or to what belongs to none.
#[derive(Clone, Debug)]
pub struct PlaceApplied {
    /// The schema; `None` for what belongs to none.
    pub schema: Option<String>,
    /// What it is to the change.
    pub part: PlacePart,
    /// What changed.
    pub facts: Vec<FactDelta>,
    /// The entries written for it, each with the schema of its ledger.
    pub entries: Vec<(String, Entry)>,
}

/// What a schema is to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacePart {
    /// The change ran in it.
    Target,
    /// It changed too.
    Linked,
    /// It is new and under control now.
    SetUp,
    /// It is not under control, and altered because that was allowed.
    Outside,
    /// It is gone; its ledger was copied.
    Gone,
}

/// Runs the changes, each in every target, in order.
///
/// It stops at the first that fails; what was committed before stays, and is told.
pub fn submit(request: &Request<'_>, tell: &mut Tell<'_>) -> Outcome {
    let mut done = Vec::new();
    let error = run(request, tell, &mut done).err();
    Outcome { done, error }
}

/// A number that nobody knows before; the hasher of the standard library is seeded by the system.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

fn run(request: &Request<'_>, tell: &mut Tell<'_>, done: &mut Vec<Applied>) -> Result<(), SubmitError> {
    let scripts = read_scripts(request)?;
    let mut works = open(request, tell)?;
    for work in &mut works {
        work.check_targets()?;
    }
    let begun = look_up(request, &scripts, &mut works)?;
    for (index, script) in scripts.iter().enumerate() {
        request.interrupt.check().map_err(|_| SubmitError::Interrupted)?;
        let change = PreparedChange { index, change: &request.changes[index], script };
        if script.is_transactional() {
            let applied =
                with_retries(request, &mut works, tell, &mut |works, tell| stage_all(works, &change, tell))?;
            done.extend(applied);
        } else {
            let work = works.first_mut().expect("a request has a target");
            alone::run(work, &change, &begun, tell, done)?;
        }
        if !request.options.dry_run {
            for work in &mut works {
                work.clean()?;
            }
        }
    }
    Ok(())
}

/// A change with what was read of it.
struct PreparedChange<'a> {
    index: usize,
    change: &'a Change,
    script: &'a Script<'a>,
}

fn read_scripts<'a>(request: &'a Request<'_>) -> Result<Vec<Script<'a>>, SubmitError> {
    let mut scripts = Vec::new();
    for (index, change) in request.changes.iter().enumerate() {
        let script = Script::read(&change.text)
            .map_err(|refusal: Refusal| SubmitError::Refused { change: index, refusal })?;
        let schemas: usize = request.targets.iter().map(|(_, schemas)| schemas.len()).sum();
        if let Some(Part::Alone(statement, command)) =
            script.parts.iter().find(|part| matches!(part, Part::Alone(..)))
            && schemas > 1
        {
            let offset = script.statements[*statement].offset;
            return Err(SubmitError::SeveralTargets { change: index, offset, command: command.command() });
        }
        scripts.push(script);
    }
    Ok(scripts)
}

/// Connects to all databases and takes their locks, in the order of names, so that two runs cannot wait for each
/// other.
fn open<'a>(request: &'a Request<'a>, tell: &mut Tell<'_>) -> Result<Vec<Work<'a>>, SubmitError> {
    let mut order: Vec<usize> = (0..request.targets.len()).collect();
    order.sort_by_key(|index| &request.targets[*index].0);
    let mut works = Vec::new();
    for index in order {
        works.push((index, Work::open(request, index, tell)?));
    }
    works.sort_by_key(|(index, _)| *index);
    Ok(works.into_iter().map(|(_, work)| work).collect())
}

/// Refuses what the ledgers have, or the run itself twice, unless `--again`; finds what was begun and not ended.
fn look_up(
    request: &Request<'_>,
    scripts: &[Script<'_>],
    works: &mut [Work<'_>],
) -> Result<alone::Begun, SubmitError> {
    let mut begun = alone::Begun::default();
    let mut found = Vec::new();
    for work in works.iter_mut() {
        for (schema, rows) in work.records(&request.changes)? {
            for (change, script) in scripts.iter().enumerate() {
                match alone::record(&rows, &request.changes[change], script) {
                    Some(alone::Record::Done { id: entry, at }) => {
                        found.push(Recorded { change, target: work.target(&schema), entry, at });
                    }
                    Some(alone::Record::Begun(standing)) => {
                        begun.insert(change, standing);
                    }
                    None => {}
                }
            }
        }
    }
    if request.options.again {
        return Ok(begun);
    }
    if !found.is_empty() {
        return Err(SubmitError::AlreadyRecorded { found });
    }
    let digests: Vec<String> = request.changes.iter().map(Change::digest).collect();
    for (index, digest) in digests.iter().enumerate() {
        if let Some(first) = digests[..index].iter().position(|earlier| earlier == digest) {
            return Err(SubmitError::Twice { change: index, first });
        }
    }
    Ok(begun)
}

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// What runs in the transactions, and leaves them open.
type Stage<'s> = dyn FnMut(&mut [Work<'_>], &mut Tell<'_>) -> Result<Vec<Applied>, SubmitError> + 's;

/// One transaction a database, as a whole again where that may help; committed unless it is a dry run.
fn with_retries(
    request: &Request<'_>,
    works: &mut [Work<'_>],
    tell: &mut Tell<'_>,
    stage: &mut Stage<'_>,
) -> Result<Vec<Applied>, SubmitError> {
    let mut tries_left = if request.options.dry_run { 0 } else { request.options.retries };
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match stage(works, tell) {
            Ok(staged) if request.options.dry_run => return Ok(staged),
            Ok(staged) => match check_all(works) {
                Ok(()) => return commit_all(works, staged),
                Err(error) => error,
            },
            Err(error) => error,
        };
        for work in works.iter_mut() {
            work.roll_back();
        }
        match error.retryable() {
            Some(cause) if tries_left > 0 => {
                // Up to half as long again, so that two runs do not meet again and again.
                let jitter = pause.mul_f64((random() % 1000) as f64 / 2000.0);
                tell(Event::Retry { error: cause, pause: pause + jitter });
                wait(request.interrupt, pause + jitter)?;
                tries_left -= 1;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            _ => return Err(error),
        }
    }
}

fn wait(interrupt: &Interrupt, time: Duration) -> Result<(), SubmitError> {
    let end = std::time::Instant::now() + time;
    while let Some(left) = end.checked_duration_since(std::time::Instant::now()) {
        interrupt.check().map_err(|_| SubmitError::Interrupted)?;
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
    Ok(())
}

fn stage_all(
    works: &mut [Work<'_>],
    change: &PreparedChange<'_>,
    tell: &mut Tell<'_>,
) -> Result<Vec<Applied>, SubmitError> {
    let mut staged = Vec::new();
    for work in works {
        tell(Event::Begin { change: &change.change.name, database: work.database() });
        staged.push(work.stage(change, tell)?);
    }
    Ok(staged)
}

/// Before the first COMMIT: every connection and every lock is there.
fn check_all(works: &mut [Work<'_>]) -> Result<(), SubmitError> {
    works.iter_mut().try_for_each(Work::check_alive)
}

/// One COMMIT after the other. What fails after the first is told with what was done.
fn commit_all(works: &mut [Work<'_>], staged: Vec<Applied>) -> Result<Vec<Applied>, SubmitError> {
    let mut done: Vec<Applied> = Vec::new();
    for (index, applied) in staged.into_iter().enumerate() {
        let error = match works[index].commit(&applied) {
            Settled::Committed => {
                done.push(applied);
                continue;
            }
            Settled::RolledBack(error) | Settled::Unknown(error) => error,
        };
        for work in &mut works[index..] {
            work.roll_back();
        }
        if done.is_empty() {
            return Err(error);
        }
        let not_done = works[index..].iter().map(|work| work.database().to_owned()).collect();
        return Err(SubmitError::PartlyCommitted { done, not_done, cause: Box::new(error) });
    }
    Ok(done)
}
