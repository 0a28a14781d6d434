//! Runs changes and records them: a change and its entry commit in the same transaction, both or neither.
//!
//! [`together`] runs all bodies and writes all entries, in all databases, before the first COMMIT; with one COMMIT
//! after the other, a failure between two of them is told exactly, and not undone. [`apart`] finishes each database,
//! or each schema, by itself. Several databases are worked on at once. What a change means is never guessed from its
//! text: it is captured before and after. [`adopt`] runs nothing, and records what others ran.

mod adopt;
mod alone;
mod apart;
mod attempt;
mod effects;
mod error;
mod estimate;
mod locks;
mod once;
mod source;
mod standing;
mod together;
mod watch;
mod work;

use std::num::NonZeroU16;
use std::time::Duration;

use psqlcm_core::change::{Part, Refusal, Script};
use psqlcm_core::delta::FactDelta;
use psqlcm_core::ignore::Ignore;
use psqlcm_core::ledger::{Entry, digest};
use psqlcm_core::targets::{Glob, Target};

pub use adopt::{Adoption, adopt};
pub use error::{LedgerTouch, Missing, Recorded, SubmitError};
pub use locks::HeldLock;
pub use source::{SourceError, read_changes, read_script};

use crate::access::Access;
use crate::interrupt::Interrupt;
use crate::ledger::{Holder, Ledger};
use crate::session::{DbError, Notice};

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

impl Request<'_> {
    /// Every schema that the changes run in.
    #[must_use]
    pub fn all_targets(&self) -> Vec<Target> {
        self.targets.iter().flat_map(|(database, schemas)| targets(database, schemas)).collect()
    }

    fn check_interrupt(&self) -> Result<(), SubmitError> {
        self.interrupt.check().map_err(|_| SubmitError::Interrupted)
    }
}

fn targets(database: &str, schemas: &[String]) -> Vec<Target> {
    schemas.iter().map(|schema| Target::schema(database, schema)).collect()
}

/// What commits together. A change and its entry always do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomic {
    /// A change in all its targets: nothing commits unless it succeeded in each.
    All,
    /// A change in all its schemas of one database.
    Database,
    /// A change in one schema.
    Schema,
}

/// How changes are submitted.
#[derive(Clone, Debug)]
pub struct Options {
    /// What commits together.
    pub atomic: Atomic,
    /// Take statements that run in no transaction in several targets too, one target after the other.
    pub is_sequential: bool,
    /// How many targets may fail before no other is begun, where each is finished by itself.
    pub max_failures: usize,
    /// How many databases are worked on at once.
    pub jobs: NonZeroU16,
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
    /// Objects that are outside the recorded fingerprints.
    pub ignore: Ignore,
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
    /// A target is finished, well or not.
    Finished {
        /// The target.
        target: &'a Target,
    },
    /// Something that people may want to know.
    Detail {
        /// The database.
        database: &'a str,
        /// What.
        text: String,
    },
    /// Something that people should know.
    Note {
        /// The database.
        database: &'a str,
        /// What.
        text: String,
    },
}

/// Hears what is said while it runs, from whichever thread.
pub type Tell<'a> = dyn Fn(Event<'_>) + Sync + 'a;

/// What a run did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is done, or would be, in order.
    pub done: Vec<Applied>,
    /// What the ledgers had already and was skipped.
    pub recorded: Vec<Recorded>,
    /// What failed. What [`Outcome::done`] says is done all the same.
    pub failures: Vec<Failed>,
    /// What was undone or not begun, because something else failed.
    pub left: Vec<Left>,
}

/// What failed, and where.
#[derive(Debug)]
pub struct Failed {
    /// The targets that nothing of it is done in; none where it is about all of them.
    pub targets: Vec<Target>,
    /// Why.
    pub error: SubmitError,
}

/// A target that is left as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The target.
    pub target: Target,
    /// Whether it was done and undone; else it was not begun.
    pub is_rolled_back: bool,
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
/// What commits together is said by [`Options::atomic`]; what was committed stays, and is told.
pub fn submit(request: &Request<'_>, tell: &Tell<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    let begun = read_scripts(request).and_then(|scripts| {
        estimate::connections(request)?;
        match request.options.atomic {
            Atomic::All => together::run(request, &scripts, tell, &mut outcome),
            Atomic::Database | Atomic::Schema => apart::run(request, &scripts, tell, &mut outcome),
        }
    });
    if let Err(error) = begun {
        outcome.failures.push(Failed { targets: Vec::new(), error });
    }
    outcome
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
        if let Some(Part::Alone(statement, command)) =
            script.parts.iter().find(|part| matches!(part, Part::Alone(..)))
            && request.all_targets().len() > 1
            && !request.options.is_sequential
        {
            let offset = script.statements[*statement].offset;
            return Err(SubmitError::SeveralTargets { change: index, offset, command: command.command() });
        }
        check_plan(request, index, &script)?;
        scripts.push(script);
    }
    check_twice(request)?;
    Ok(scripts)
}

/// A plan is about a whole database, and says where its transactions end.
fn check_plan(request: &Request<'_>, change: usize, script: &Script<'_>) -> Result<(), SubmitError> {
    if script.plan.is_none() {
        return Ok(());
    }
    if let Some((database, schemas)) = request.targets.iter().find(|(_, schemas)| schemas.len() > 1) {
        return Err(SubmitError::PlanInSchemas { database: database.clone(), schemas: schemas.clone() });
    }
    match script.parts.len() > 1 && request.targets.len() > 1 && !request.options.is_sequential {
        true => Err(SubmitError::PlanOfSeveral { change }),
        false => Ok(()),
    }
}

/// Refuses a run that has the same change twice, unless `--again`.
fn check_twice(request: &Request<'_>) -> Result<(), SubmitError> {
    if request.options.again {
        return Ok(());
    }
    let digests: Vec<String> = request.changes.iter().map(Change::digest).collect();
    for (index, digest) in digests.iter().enumerate() {
        if let Some(first) = digests[..index].iter().position(|earlier| earlier == digest) {
            return Err(SubmitError::Twice { change: index, first });
        }
    }
    Ok(())
}
