//! Whether a connection pooler gives each transaction whichever server session is free.
//!
//! Nothing of ours works through such a pooler: the submit lock is a session's, and so are the settings that every
//! statement counts on. Worse, `SET search_path = ''` would stay in a server session that the next client gets.
//!
//! A pooler that keeps one server session for each client is as good as the server, so it is not enough to know that
//! one is there. While we are alone a pooler has no reason to give us another server session: a second session of
//! ours has to take ours away, or to leave its own where ours takes it. A pooler of several threads may answer before
//! the session is free again, so that for a moment each of us gets its own: we ask again after a while.

use std::thread;
use std::time::Duration;

use crate::session::{DbError, Session};

/// Survives in the server session, or does not; means nothing to anybody else.
const MARK: &str = "psql_cm.pooler_check";

/// How long we wait for what was given back, each time we ask.
const WHILES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(10), Duration::from_millis(100)];

/// Whether two transactions of `session` may run in two sessions of the server. `another` opens a second session the
/// same way.
///
/// # Errors
/// When the server refuses what it never refuses, when a session is lost, when the second one cannot be had.
pub(crate) fn gives_sessions_away(
    session: &mut Session,
    another: impl FnOnce() -> Result<Session, DbError>,
) -> Result<bool, DbError> {
    let first = process(session)?;
    let mut other = another()?;
    for a_while in WHILES {
        thread::sleep(a_while);
        if is_another(session, &first)? || other_takes(&mut other, session, &first)? {
            return Ok(true);
        }
    }
    session.run(&format!("SET {MARK} = 'kept'"))?;
    let mark = session.rows(&format!("SELECT pg_catalog.current_setting('{MARK}', true)"))?;
    let is_kept = mark.first().and_then(|row| row.first()?.as_deref()) == Some("kept");
    let is_same = process(session)? == first;
    session.run(&format!("RESET {MARK}"))?;
    Ok(!(is_kept && is_same))
}

/// Whether another server process than `first` answers. Twice: a pooler that gives away whichever session waits
/// longest may come to ours by chance.
fn is_another(session: &mut Session, first: &Process) -> Result<bool, DbError> {
    Ok(process(session)? != *first || process(session)? != *first)
}

/// Whether a transaction of the other session gets our server process, or makes us get another one.
fn other_takes(other: &mut Session, session: &mut Session, first: &Process) -> Result<bool, DbError> {
    // A pooler that gives sessions to statements takes no transactions.
    if let Err(error) = other.run("BEGIN") {
        return if error.sqlstate().is_some() { Ok(true) } else { Err(error) };
    }
    let is_taken = process(other)? == *first || process(session)? != *first;
    // A pooler would give up a session whose client leaves it in a transaction.
    other.run("ROLLBACK")?;
    Ok(is_taken)
}

/// A server process, as its number is printed.
type Process = Option<String>;

/// The server process that answers.
fn process(session: &mut Session) -> Result<Process, DbError> {
    let rows = session.rows("SELECT pg_catalog.pg_backend_pid()")?;
    Ok(rows.into_iter().flatten().next().flatten())
}
