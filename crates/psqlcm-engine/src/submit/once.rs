//! Statements about what all databases share, such as CREATE ROLE, run once in a run: in the first target that takes
//! the change.

use std::sync::{Mutex, MutexGuard, PoisonError};

use psqlcm_core::change::Script;
use psqlcm_core::script::is_shared;
use psqlcm_core::targets::Target;

/// Where the shared statements of each change have been run.
pub(super) struct Once(Vec<Option<Mutex<Option<Target>>>>);

/// The turn of one target to run a change. Others wait for its end if the shared statements are run in it.
pub(super) struct Turn<'o> {
    /// Held by the one that runs them.
    slot: Option<MutexGuard<'o, Option<Target>>>,
    /// Where they have been run.
    pub ran_in: Option<Target>,
}

impl Once {
    /// None has been run yet.
    pub fn new(scripts: &[Script<'_>]) -> Self {
        let has_shared =
            |script: &Script<'_>| script.statements.iter().any(|statement| is_shared(statement.text));
        Self(scripts.iter().map(|script| has_shared(script).then(Mutex::default)).collect())
    }

    /// The turn to run a change.
    pub fn turn(&self, change: usize) -> Turn<'_> {
        let Some(slot) = &self.0[change] else { return Turn { slot: None, ran_in: None } };
        let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let ran_in = slot.clone();
        Turn { slot: ran_in.is_none().then_some(slot), ran_in }
    }

    /// An earlier run has done the change there.
    pub fn ran(&self, change: usize, target: &Target) {
        self.turn(change).ran(target);
    }
}

impl Turn<'_> {
    /// The change is committed there.
    pub fn ran(self, target: &Target) {
        if let Some(mut slot) = self.slot {
            *slot = Some(target.clone());
        }
    }
}
