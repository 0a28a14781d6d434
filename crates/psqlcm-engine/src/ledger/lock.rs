//! The submit lock: one run at a time changes a database.
//!
//! A session-level advisory lock on a connection of its own, polled: a session that waits inside `pg_advisory_lock` holds
//! a snapshot, and an index that is built concurrently would wait for it, for ever if it is built by the lock's holder.
//!
//! A run can be killed while the server goes on with its statement. So each session that works under the lock holds
//! another, the worker's, which the server gives back when the statement has ended and it sees that nobody is there; until then
//! the submit lock is not had by anybody else.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::session::{DbError, Session};

/// `psql` and `-cm ` in ASCII: the two halves of the key. Advisory locks are per database.
const KEY: (u32, u32) = (0x7073_716c, 0x2d63_6d20);
/// The second half of the key of the worker's lock.
const WORKER: u32 = KEY.1 + 1;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The lock, as long as this is alive.
#[derive(Debug)]
pub struct SubmitLock {
    session: Session,
}

/// Who has the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The server process.
    pub pid: i32,
    /// What it calls itself.
    pub application_name: String,
    /// The role that logged in.
    pub role: Option<String>,
    /// When its session began; null if we may not know.
    pub since: Option<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "process {} ({}", self.pid, self.application_name)?;
        if let Some(role) = &self.role {
            write!(formatter, ", role {role}")?;
        }
        if let Some(since) = &self.since {
            write!(formatter, ", since {since}")?;
        }
        formatter.write_str(")")
    }
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The server refused, or was lost.
    // Not transparent: whoever tells it looks for the answer among the sources.
    #[error("{0}")]
    Db(#[from] DbError),
    /// Somebody else has it.
    #[error("another run holds the submit lock after {waited:?}: {}", holder_text(holder.as_ref()))]
    Busy {
        /// Who; unknown if it was released just then.
        holder: Option<Holder>,
        /// How long we waited.
        waited: Duration,
    },
    /// The caller does not want to wait any longer.
    #[error("interrupted while waiting for the submit lock")]
    Interrupted,
    /// The session is not ours alone: a pooler stands between us and the server.
    #[error("the submit lock was not kept: a connection pooler in transaction mode stands before the server")]
    NotKept,
}

fn holder_text(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "nobody any more".to_owned(), ToString::to_string)
}

impl SubmitLock {
    /// Takes the lock on a session of its own, to which it holds on. Polls for as long as `wait`; `waiting` hears each
    /// time who has it, and may end the waiting.
    ///
    /// # Errors
    /// [`LockError::Busy`] when the time is over.
    pub fn acquire(
        mut session: Session,
        wait: Duration,
        waiting: &mut dyn FnMut(&Holder) -> ControlFlow<()>,
    ) -> Result<Self, LockError> {
        // The session idles while the run works. The setting came with version 14.
        if session.server_version() >= 140_000 {
            session.run("SET idle_session_timeout = 0")?;
        }
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let (class, object) = KEY;
            let taken = session.rows(&format!(
                "SELECT pg_catalog.pg_try_advisory_lock({class}, {object}) AND NOT EXISTS ({})",
                held("", "", &[WORKER])
            ))?;
            if taken.first().and_then(|row| row.first()?.as_deref()) == Some("t") {
                let mut lock = Self { session };
                return if lock.is_held()? { Ok(lock) } else { Err(LockError::NotKept) };
            }
            let holder = holder(&mut session)?;
            let waited = started.elapsed();
            if waited >= wait {
                return Err(LockError::Busy { holder, waited });
            }
            if let Some(holder) = &holder
                && waiting(holder).is_break()
            {
                return Err(LockError::Interrupted);
            }
            std::thread::sleep(pause.min(wait - waited));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Whether the lock is still ours: asks the server.
    ///
    /// # Errors
    /// The server's: with the session the lock is lost.
    pub fn is_held(&mut self) -> Result<bool, DbError> {
        let mine = format!("{} AND l.pid = pg_catalog.pg_backend_pid()", held("", "", &[KEY.1]));
        Ok(!self.session.rows(&mine)?.is_empty())
    }

    /// Gives the lock back and tells of it; dropping does so too.
    ///
    /// # Errors
    /// The server's.
    pub fn release(mut self) -> Result<(), DbError> {
        let (class, object) = KEY;
        self.session.run(&format!("SELECT pg_catalog.pg_advisory_unlock({class}, {object})"))
    }
}

/// Says that the session works under the submit lock, for as long as it is there or until it is cleaned.
///
/// # Errors
/// The server's.
pub fn work_under(session: &mut Session) -> Result<(), DbError> {
    session.run(&format!("SELECT pg_catalog.pg_advisory_lock_shared({}, {WORKER})", KEY.0))
}

/// Who else has the lock, or works under it.
fn holder(session: &mut Session) -> Result<Option<Holder>, DbError> {
    let who = "l.pid, a.application_name, a.usename,
        pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
    let sessions = "LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid";
    let sql = format!(
        "{} AND l.pid <> pg_catalog.pg_backend_pid() ORDER BY l.objid LIMIT 1",
        held(who, sessions, &[KEY.1, WORKER])
    );
    let rows = session.rows(&sql)?;
    Ok(rows.into_iter().next().and_then(|row| {
        let [pid, application_name, role, since] = row.try_into().ok()?;
        Some(Holder {
            pid: pid?.parse().ok()?,
            application_name: application_name.unwrap_or_default(),
            role,
            since,
        })
    }))
}

/// Selects of the locks, `l`, that somebody has, and of what is joined to them.
fn held(columns: &str, joined: &str, objects: &[u32]) -> String {
    let class = KEY.0;
    let objects: Vec<String> = objects.iter().map(u32::to_string).collect();
    format!(
        "SELECT {columns} FROM pg_catalog.pg_locks AS l {joined}
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = {class} AND l.objid IN ({})
         AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())",
        objects.join(", ")
    )
}
