//! Watches over databases that are worked on at once and commit together.
//!
//! When one fails the others are stopped, as nothing of them can commit any more. And a transaction that waits for
//! another one of the same run would wait for ever, as that one commits only when all are ready; PostgreSQL does not
//! see such a deadlock, because the other one does not wait for anything in the server.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Request;
use super::error::SubmitError;
use super::work::Work;
use crate::session::CancelHandle;

/// How long a wait lasts before it is looked at, and until it is looked at again.
const PAUSE: Duration = Duration::from_secs(1);

/// A watch over some databases.
pub(super) struct Watch<'r> {
    request: &'r Request<'r>,
    parties: Vec<Party>,
    state: Mutex<State>,
    changed: Condvar,
}

/// One of the databases.
struct Party {
    database: String,
    pid: String,
    cancel: CancelHandle,
}

#[derive(Default)]
struct State {
    /// Which are at work just now.
    at_work: Vec<bool>,
    /// One that waits, and the one it waits for.
    deadlock: Option<(usize, usize)>,
    /// The first error.
    error: Option<SubmitError>,
    is_closed: bool,
}

impl<'r> Watch<'r> {
    /// A watch over these; none is at work yet.
    pub fn over(works: &[Work<'r>]) -> Self {
        let party = |work: &Work<'_>| Party {
            database: work.database().to_owned(),
            pid: work.pid.clone(),
            cancel: work.session.cancel_handle(),
        };
        Self {
            request: works[0].request,
            parties: works.iter().map(party).collect(),
            state: Mutex::new(State { at_work: vec![false; works.len()], ..State::default() }),
            changed: Condvar::new(),
        }
    }

    /// One begins its work; whether it should.
    pub fn begin(&self, party: usize) -> bool {
        let mut state = self.state();
        state.at_work[party] = state.error.is_none();
        state.error.is_none()
    }

    /// One has ended its work.
    pub fn end(&self, party: usize) {
        self.state().at_work[party] = false;
    }

    /// One has failed; the first to do so stops the others.
    pub fn fail(&self, party: usize, error: SubmitError) {
        let at_work: Vec<usize> = {
            let mut state = self.state();
            if state.error.is_some() {
                return;
            }
            state.error = Some(match state.deadlock {
                Some((waiting, holding)) if waiting == party => SubmitError::SelfDeadlock {
                    holder: self.parties[holding].database.clone(),
                    cause: Box::new(error),
                },
                _ => error,
            });
            (0..self.parties.len()).filter(|other| state.at_work[*other]).collect()
        };
        for other in at_work {
            // Whether it arrives is seen by whether the statement ends.
            let _ = self.parties[other].cancel.cancel();
        }
    }

    /// All have ended their work, or will not begin it.
    pub fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    /// The first error.
    pub fn into_error(self) -> Option<SubmitError> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).error
    }

    /// Looks for a transaction that waits for another one of these until the watch is closed, and cancels it.
    ///
    /// Where there is no connection to look with, the lock timeout ends the wait all the same.
    pub fn look(&self) {
        let mut session = None;
        while self.wait() {
            if session.is_none() {
                session = self.request.access.connect(&self.parties[0].database).ok();
            }
            let Some(rows) = session.as_mut().and_then(|session| session.rows(&self.sql()).ok()) else {
                return;
            };
            let party =
                |pid: Option<String>| self.parties.iter().position(|party| Some(&party.pid) == pid.as_ref());
            let found = rows.into_iter().find_map(|row| {
                let [waiting, holding] = row.try_into().ok()?;
                Some((party(waiting)?, party(holding)?))
            });
            if let Some((waiting, holding)) = found {
                self.state().deadlock = Some((waiting, holding));
                let _ = self.parties[waiting].cancel.cancel();
                return;
            }
        }
    }

    /// Whether the watch goes on after a pause.
    fn wait(&self) -> bool {
        let state = self.changed.wait_timeout_while(self.state(), PAUSE, |state| !state.is_closed);
        !state.unwrap_or_else(PoisonError::into_inner).0.is_closed
    }

    /// Who of these waits for whom of these.
    fn sql(&self) -> String {
        let pids: Vec<&str> = self.parties.iter().map(|party| party.pid.as_str()).collect();
        let pids = pids.join(", ");
        format!(
            "SELECT w.pid, b.pid FROM pg_catalog.unnest(ARRAY[{pids}]::integer[]) AS w(pid), \
             pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b(pid) WHERE b.pid = ANY (ARRAY[{pids}]::integer[])"
        )
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
