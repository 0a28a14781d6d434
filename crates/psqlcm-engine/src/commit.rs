//! What became of work whose answer was lost with the connection.
//!
//! A server may finish what it was told after the line is cut, and a COMMIT that was sent may arrive: so nothing is
//! known before the server process is gone, or what it was to do is seen done. This module asks; it neither
//! repeats nor undoes anything.

use std::time::{Duration, Instant};

use crate::session::{DbError, Session};

/// How long to ask.
const ASK_FOR: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);

/// What became of a transaction.
#[derive(Debug)]
pub enum Settled {
    /// It is there.
    Committed,
    /// It is not, and why.
    RolledBack(DbError),
    /// Nobody can tell: the connection was lost as said, and there is no other.
    Unknown(DbError),
}

/// Commits the session's transaction. When no answer comes, the server is asked for it on a new connection, which
/// may be to another database of the cluster.
pub fn commit(session: &mut Session, connect: &mut dyn FnMut() -> Result<Session, DbError>) -> Settled {
    let id = match session.rows("SELECT pg_catalog.pg_current_xact_id_if_assigned()") {
        Ok(rows) => rows.into_iter().flatten().next().flatten(),
        Err(error) => return Settled::RolledBack(error),
    };
    let Err(error) = session.run("COMMIT") else {
        return Settled::Committed;
    };
    if !error.is_connection_lost() {
        return Settled::RolledBack(error);
    }
    // One that wrote nothing has no number, and leaves nothing undone.
    let Some(id) = id else { return Settled::Committed };
    let is_done = format!("SELECT pg_catalog.pg_xact_status('{id}'::pg_catalog.xid8) = 'committed'");
    match look_up(connect, session.pid(), &is_done) {
        Some((true, _)) => Settled::Committed,
        Some((false, _)) => Settled::RolledBack(error),
        None => Settled::Unknown(error),
    }
}

/// Whether that server process did what `is_done` asks for, and the connection that told it; `None` if nobody can
/// tell in time.
pub fn look_up(
    connect: &mut dyn FnMut() -> Result<Session, DbError>,
    pid: i32,
    is_done: &str,
) -> Option<(bool, Session)> {
    let lives = format!("SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE pid = {pid})");
    let end = Instant::now() + ASK_FOR;
    loop {
        if let Ok(mut session) = connect() {
            // In this order: it may be done and gone between the two questions.
            let lives = asks(&mut session, &lives);
            match asks(&mut session, is_done) {
                Ok(true) => return Some((true, session)),
                Ok(false) if lives.is_ok_and(|lives| !lives) => return Some((false, session)),
                _ => {}
            }
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

fn asks(session: &mut Session, sql: &str) -> Result<bool, DbError> {
    Ok(session.rows(sql)?.first().and_then(|row| row.first()?.as_deref()) == Some("t"))
}
