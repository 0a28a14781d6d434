//! What a run needs of the server, compared with what the server has, before time is spent on it.

use psqlcm_core::name::quote_literal;

use super::error::SubmitError;
use super::work::Work;
use super::{Atomic, Request};

/// A database takes one connection for the work and one for the submit lock.
const EACH: usize = 2;

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
    let rows = session.rows(include_str!("room.sql"));
    let rows = rows.map_err(|source| SubmitError::Db { database, doing: "count connections", source })?;
    for row in rows {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let (limit, room) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let room: usize = room.parse().unwrap_or_default();
        if room < needed {
            return Err(SubmitError::TooFewConnections { needed, room, limit });
        }
    }
    Ok(())
}

/// Whether the shared lock table has room for the change in all targets, by what it took in the first one.
pub(super) fn locks(work: &mut Work<'_>) -> Result<(), SubmitError> {
    let targets = match work.request.options.atomic {
        Atomic::All => work.request.all_targets().len(),
        Atomic::Database | Atomic::Schema => work.schemas().len(),
    };
    if targets < 2 {
        return Ok(());
    }
    let sql = include_str!("lock_room.sql").replace(":'pid'", &quote_literal(&work.pid));
    let rows = work.rows("count locks", &sql)?;
    let mut cells = rows.into_iter().flatten().map(|cell| cell?.parse::<usize>().ok());
    let mut next = || cells.next().flatten().unwrap_or_default();
    let (each, others, capacity) = (next(), next(), next());
    if each * targets + others <= capacity {
        return Ok(());
    }
    Err(SubmitError::TooManyLocks { database: work.database().to_owned(), each, targets, capacity })
}
