//! One transaction in each of some databases: run, tried again as a whole where that may help, and committed.

use std::time::{Duration, Instant};

use super::error::SubmitError;
use super::work::{Settled, Work};
use super::{Applied, Event, Request, Tell};
use crate::interrupt::Interrupt;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// What runs in the transactions, and leaves them open.
pub(super) type Stage<'s> = dyn FnMut(&mut [Work<'_>]) -> Result<Vec<Applied>, SubmitError> + 's;

/// Some databases are committed, perhaps, and the others are not.
pub(super) struct Unfinished {
    /// What is committed, in the order of the databases.
    pub committed: Vec<Applied>,
    /// Why the next one is not.
    pub error: Box<SubmitError>,
}

impl From<SubmitError> for Unfinished {
    fn from(error: SubmitError) -> Self {
        Self { committed: Vec::new(), error: Box::new(error) }
    }
}

/// One transaction a database, as a whole again where that may help; committed unless it is a dry run.
pub(super) fn with_retries(
    request: &Request<'_>,
    works: &mut [Work<'_>],
    tell: &Tell<'_>,
    stage: &mut Stage<'_>,
) -> Result<Vec<Applied>, Unfinished> {
    let mut tries_left = if request.options.dry_run { 0 } else { request.options.retries };
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match stage(works) {
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
            _ => return Err(error.into()),
        }
    }
}

fn wait(interrupt: &Interrupt, time: Duration) -> Result<(), SubmitError> {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        interrupt.check().map_err(|_| SubmitError::Interrupted)?;
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
    Ok(())
}

/// Before the first COMMIT: every connection and every lock is there.
fn check_all(works: &mut [Work<'_>]) -> Result<(), SubmitError> {
    works.iter_mut().try_for_each(Work::check_alive)
}

/// One COMMIT after the other.
fn commit_all(works: &mut [Work<'_>], staged: Vec<Applied>) -> Result<Vec<Applied>, Unfinished> {
    let mut committed: Vec<Applied> = Vec::new();
    for (index, applied) in staged.into_iter().enumerate() {
        let error = match works[index].commit(&applied) {
            Settled::Committed => {
                committed.push(applied);
                continue;
            }
            Settled::RolledBack(error) | Settled::Unknown(error) => error,
        };
        for work in &mut works[index..] {
            work.roll_back();
        }
        return Err(Unfinished { committed, error: Box::new(error) });
    }
    Ok(committed)
}

/// A number that nobody knows before; the hasher of the standard library is seeded by the system.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}
