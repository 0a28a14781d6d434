//! Why a run ended before all was done. Each says what it knows as fields; how it is told is the binary's.

use psqlcm_core::change::Refusal;
use psqlcm_core::delta::FactDelta;
use psqlcm_core::targets::Target;

use crate::capture::CaptureError;
use crate::ledger::{LedgerError, LockError};
use crate::session::DbError;
use crate::sources::SourceError;

/// Why a run ended before all was done.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// There is no connection.
    #[error("cannot connect to database {database}")]
    Connect {
        /// The database.
        database: String,
        /// Why.
        source: DbError,
    },
    /// The server refused something that the tool itself asked for, or was lost.
    #[error("cannot {doing}")]
    Db {
        /// The database.
        database: String,
        /// What was tried.
        doing: &'static str,
        /// The server's answer.
        source: DbError,
    },
    /// The submit lock was not had.
    #[error("the submit lock of database {database} was not had")]
    Lock {
        /// The database.
        database: String,
        /// Why.
        source: LockError,
    },
    /// The submit lock went away while the change ran.
    #[error("the submit lock of database {database} was lost while the change ran")]
    LockLost {
        /// The database.
        database: String,
    },
    /// The ledger cannot be read or written.
    #[error("the ledger cannot be read or written")]
    Ledger {
        /// The database.
        database: String,
        /// Why.
        source: LedgerError,
    },
    /// The database cannot be captured.
    #[error("the database cannot be captured")]
    Capture {
        /// The database.
        database: String,
        /// Why.
        source: CaptureError,
    },
    /// A change is refused for what its text says.
    #[error("{refusal}")]
    Refused {
        /// Which change.
        change: usize,
        /// Why.
        refusal: Refusal,
    },
    /// A statement that runs in no transaction cannot be undone in one target when another fails.
    #[error("{command} cannot run in a transaction, and so in one target only")]
    SeveralTargets {
        /// Which change.
        change: usize,
        /// Where in it.
        offset: usize,
        /// The command.
        command: &'static str,
    },
    /// A plan of several transactions cannot be undone in one target when it fails in another.
    #[error("the plan has several transactions, and so runs in one target only")]
    PlanOfSeveral {
        /// Which change.
        change: usize,
    },
    /// A plan is for a database, not for its schemas one by one.
    #[error("a plan is run once in a database, and {} schemas of {database} are named", schemas.len())]
    PlanInSchemas {
        /// The database.
        database: String,
        /// The schemas.
        schemas: Vec<String>,
    },
    /// The database is not what the plan leaves.
    #[error("the database is not what the plan was made for")]
    NotFrom {
        /// Which change.
        change: usize,
        /// The database.
        database: String,
        /// What differs; none where it is what the plan leads to.
        differing: Option<Vec<String>>,
    },
    /// Targets that cannot take a change.
    #[error("{} cannot take a change", missing.iter().map(|missing| missing.target.to_string()).collect::<Vec<_>>().join(", "))]
    NotUnderControl {
        /// Each with the reason.
        missing: Vec<Missing>,
    },
    /// The ledgers have the change.
    #[error("the change is recorded already")]
    AlreadyRecorded {
        /// Where.
        found: Vec<Recorded>,
    },
    /// The run has the same change twice.
    #[error("the change is the same as an earlier one of this run")]
    Twice {
        /// The later one.
        change: usize,
        /// The earlier one.
        first: usize,
    },
    /// A statement of a change failed.
    #[error("a statement failed")]
    Statement {
        /// Which change.
        change: usize,
        /// Where.
        target: Target,
        /// Where the statement begins in the change.
        offset: usize,
        /// The statement.
        statement: String,
        /// The server's answer.
        source: DbError,
    },
    /// What the change left to the end of the transaction failed: deferred constraints and triggers.
    #[error("what the change deferred to its end failed")]
    Deferred {
        /// Which change.
        change: usize,
        /// Where.
        target: Target,
        /// The server's answer.
        source: DbError,
    },
    /// The change alters what is not under control.
    #[error("the change alters schemas that are not under control")]
    Outside {
        /// Which change.
        change: usize,
        /// The database.
        database: String,
        /// What it alters there.
        facts: Vec<FactDelta>,
    },
    /// The change touches a ledger.
    #[error("the change touches a ledger: {touch}")]
    Ledgers {
        /// Which change.
        change: usize,
        /// The target.
        target: Target,
        /// How.
        touch: LedgerTouch,
    },
    /// Another session altered the same objects while the change ran.
    #[error("another session altered what the change altered, while it ran: {}", names.join(", "))]
    Meanwhile {
        /// The database.
        database: String,
        /// The objects.
        names: Vec<String>,
    },
    /// An invalid index of the same name is in the way.
    #[error("an invalid index {index} is there already")]
    InvalidIndex {
        /// Which change.
        change: usize,
        /// Where.
        target: Target,
        /// Where the statement begins in the change.
        offset: usize,
        /// The index, as SQL.
        index: String,
    },
    /// A statement by itself failed after parts of the change were done, or left something behind.
    #[error("the change is done in part: {done} of {of} parts")]
    PartlyRun {
        /// How many parts are done.
        done: usize,
        /// Of how many.
        of: usize,
        /// What was tidied up.
        notes: Vec<String>,
        /// What failed.
        #[source]
        cause: Box<SubmitError>,
    },
    /// In one database the change waited for itself in another one.
    #[error(
        "the change waits for itself: it needs a lock that its own transaction in database {holder} holds until all commit"
    )]
    SelfDeadlock {
        /// The database whose transaction has the lock.
        holder: String,
        /// The statement that waited.
        #[source]
        cause: Box<SubmitError>,
    },
    /// More connections are needed at once than there are.
    #[error("{needed} connections are needed at once, and {limit} leaves {room}")]
    TooFewConnections {
        /// How many are needed.
        needed: usize,
        /// How many there are.
        room: usize,
        /// What limits them.
        limit: String,
    },
    /// The locks of all targets do not fit into the server's lock table.
    #[error(
        "the change takes {each} locks in one target; for {targets} targets together the server has no room, with a table of {capacity}"
    )]
    TooManyLocks {
        /// The database.
        database: String,
        /// How many locks the change took in the first target.
        each: usize,
        /// In how many targets it is to run together.
        targets: usize,
        /// How many locks the server has room for.
        capacity: usize,
    },
    /// COMMIT was sent and no answer came.
    #[error("COMMIT was sent to database {database}, no answer came, and the entry could not be looked up")]
    InDoubt {
        /// The database.
        database: String,
        /// The schema of the ledger to look into.
        schema: String,
        /// The hash of the entry that is there if it was committed.
        hash: String,
        /// How the connection ended.
        source: DbError,
    },
    /// What the ledgers say cannot be built on scratch.
    #[error("what the ledgers say cannot be built, to be compared with the database")]
    Rebuild {
        /// The database.
        database: String,
        /// Why.
        source: Box<SourceError>,
    },
    /// A change was begun and nobody knows how it ended: what is there may be its doing.
    #[error("{source_name} was begun in schema {schema}, and its end is not known")]
    Unfinished {
        /// The database.
        database: String,
        /// The schema.
        schema: String,
        /// The file of the change.
        source_name: String,
    },
    /// SQL of another version may not be what the database's own server takes.
    #[error("the scratch server is PostgreSQL {}, and the database is of {}", scratch / 10_000, live / 10_000)]
    OtherVersion {
        /// The database.
        database: String,
        /// The version of the scratch server.
        scratch: u32,
        /// The version of the database's server.
        live: u32,
    },
    /// What could not be read would be recorded as gone.
    #[error("not all of the database could be read: {}", what.join("; "))]
    NotRead {
        /// The database.
        database: String,
        /// What could not be read, and why.
        what: Vec<String>,
    },
    /// The SQL that was to record what drifted does not work on scratch.
    #[error("what drifted cannot be done again after what the ledgers say")]
    DriftFails {
        /// The database.
        database: String,
        /// Whether all that drifted is recorded, and not some schemas alone.
        is_whole: bool,
        /// Which statement, and why.
        source: Box<SourceError>,
    },
    /// The SQL that was to record what drifted leads elsewhere.
    #[error("the SQL for what drifted does not lead to what is there: {} left", facts.len())]
    DriftLeft {
        /// The database.
        database: String,
        /// What is left.
        facts: Vec<FactDelta>,
    },
    /// A signal came.
    #[error("interrupted")]
    Interrupted,
}

/// A target that cannot take a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The target.
    pub target: Target,
    /// Why.
    pub reason: String,
    /// What to do next.
    pub hint: &'static str,
}

/// Where a change is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Which change.
    pub change: usize,
    /// In which ledger.
    pub target: Target,
    /// The entry's id.
    pub entry: i64,
    /// When it was written.
    pub at: Option<String>,
}

/// How a change touches a ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerTouch {
    /// Its table is gone, or is none that a ledger has.
    #[error("it drops, moves, replaces or alters the ledger's table")]
    Dropped,
    /// Its definition is another.
    #[error("it alters {0}")]
    Altered(String),
    /// Its rows or its guard are others.
    #[error("it changes the ledger's rows or its guard")]
    Rows,
    /// It makes a table of the ledger's name.
    #[error("it makes a table of the ledger's name")]
    Made,
    /// No ledger would be left.
    #[error("it drops the last ledger of the database")]
    Last,
}

impl SubmitError {
    /// The failure that a whole new transaction may not have: a lock not had, a deadlock.
    #[must_use]
    pub fn retryable(&self) -> Option<&DbError> {
        let error = self.db_error()?;
        matches!(error.sqlstate(), Some(LOCK_NOT_AVAILABLE | DEADLOCK_DETECTED)).then_some(error)
    }

    /// The server's answer, where there is one.
    #[must_use]
    pub fn db_error(&self) -> Option<&DbError> {
        match self {
            Self::Connect { source, .. }
            | Self::Db { source, .. }
            | Self::Statement { source, .. }
            | Self::Deferred { source, .. }
            | Self::InDoubt { source, .. } => Some(source),
            Self::Ledger { source: LedgerError::Db(error), .. }
            | Self::Lock { source: LockError::Db(error), .. } => Some(error),
            Self::Capture { source: CaptureError::Query { error, .. }, .. } => Some(error),
            _ => None,
        }
    }
}

/// `lock_not_available`
pub const LOCK_NOT_AVAILABLE: &str = "55P03";
/// `deadlock_detected`
const DEADLOCK_DETECTED: &str = "40P01";
