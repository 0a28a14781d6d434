//! What a run needs of the server, compared with what the server has, before time is spent on it.

use super::error::SubmitError;
use super::work::Work;
use super::{Atomic, Request};
use crate::checks::room::{self, Connections, EACH};

/// Whether there are connections enough for several databases.
pub(super) fn connections(request: &Request<'_>) -> Result<(), SubmitError> {
    let databases: Vec<&str> = request.targets.iter().map(|(database, _)| database.as_str()).collect();
    if databases.len() < 2 {
        return Ok(());
    }
    let needed = match request.options.atomic {
        // One more looks for transactions of the run that wait for each other.
        Atomic::All => databases.len() * EACH + 1,
        Atomic::Database | Atomic::Schema => databases.len().min(request.options.jobs.get().into()) * EACH,
    };
    let database = databases[0].to_owned();
    let mut session = request
        .access
        .connect(&database)
        .map_err(|source| SubmitError::Connect { database: database.clone(), source })?;
    let found = room::too_few_connections(&mut session, needed);
    let found = found.map_err(|source| SubmitError::Db { database, doing: "count connections", source })?;
    match found {
        Some(Connections { room, limit }) => Err(SubmitError::TooFewConnections { needed, room, limit }),
        None => Ok(()),
    }
}

/// The locks that a transaction holds before the change runs in its first target.
pub(super) struct Locks {
    held: usize,
}

impl Locks {
    /// Counts them, where the change runs in several targets; in one there is nothing to estimate.
    pub fn before(work: &mut Work<'_>) -> Result<Option<Self>, SubmitError> {
        if targets(work) < 2 {
            return Ok(None);
        }
        Ok(Some(Self { held: lock_room(work)?[0] }))
    }

    /// Whether the shared lock table has room for the change in all targets, by what it took in the first one.
    pub fn check(&self, work: &mut Work<'_>) -> Result<(), SubmitError> {
        let [held, others, capacity] = lock_room(work)?;
        let each = held.saturating_sub(self.held);
        let targets = targets(work);
        if self.held + each * targets + others <= capacity {
            return Ok(());
        }
        Err(SubmitError::TooManyLocks { database: work.database().to_owned(), each, targets, capacity })
    }
}

/// In how many targets the change holds its locks at the same time.
fn targets(work: &Work<'_>) -> usize {
    match work.request.options.atomic {
        Atomic::All => work.request.all_targets().len(),
        Atomic::Database | Atomic::Schema => work.schemas().len(),
    }
}

/// The locks of this transaction, those of all others, and how many there is room for.
fn lock_room(work: &mut Work<'_>) -> Result<[usize; 3], SubmitError> {
    let rows = work.rows("count locks", &room::locks_sql(&work.pid))?;
    let mut cells = rows.into_iter().flatten().map(|cell| cell?.parse().ok());
    let mut next = || cells.next().flatten().unwrap_or_default();
    Ok([next(), next(), next()])
}
