//! Why two sides cannot be compared.

use psqlcm_core::ledger::replay::ReplayError;
use psqlcm_core::plan::PlanError;

use super::PairError;
use crate::files::FilesError;
use crate::interrupt::Interrupted;
use crate::observe::ObserveError;
use crate::restore::{Place, RestoreError};
use crate::scratch::ScratchError;
use crate::session::DbError;

/// Why two sides cannot be compared. Nothing was changed, and what was made on scratch is gone.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It concerns one of the sides.
    #[error("cannot read {name}")]
    Side {
        /// Which.
        name: String,
        /// Why.
        #[source]
        error: Box<SourceError>,
    },
    /// It is not clear what is to be compared with what.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// Scratch.
    #[error(transparent)]
    Scratch(#[from] ScratchError),
    /// The files of a tree.
    #[error(transparent)]
    Tree(#[from] RestoreError),
    /// The folder of a tree.
    #[error(transparent)]
    Files(FilesError),
    /// A live database could not be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// A live database cannot be written as SQL.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The server refused, or was lost.
    // Not transparent: whoever tells it looks for the answer among the sources.
    #[error("{0}")]
    Db(#[from] DbError),
    /// No schema of the database is under control.
    #[error("no schema of it is under control: there is no ledger")]
    NoLedger,
    /// An entry does not do on scratch what it did.
    #[error("the entries of its ledgers cannot be done again: entry {entry} of schema {schema}")]
    Replay {
        /// Whose ledger.
        schema: String,
        /// Which entry.
        entry: i64,
        /// Where in its text, and why.
        #[source]
        error: Box<ScratchError>,
    },
    /// Its entries cannot be understood.
    #[error(transparent)]
    Entries(#[from] ReplayError),
    /// Only a defect of ours can lead here.
    #[error("a defect of psql-cm: nothing was made ready to load a source in")]
    NoScratch,
    /// A signal came.
    #[error("interrupted")]
    Interrupted(Interrupted),
}

impl SourceError {
    /// What is behind it, where one side is only named.
    pub fn inner(&self) -> &Self {
        match self {
            Self::Side { error, .. } => error.inner(),
            other => other,
        }
    }

    /// The signal that came.
    pub fn interrupted(&self) -> Option<Interrupted> {
        match self.inner() {
            Self::Interrupted(interrupted) | Self::Scratch(ScratchError::Interrupted(interrupted)) => {
                Some(*interrupted)
            }
            _ => None,
        }
    }

    /// Where it stands.
    pub fn place(&self) -> Option<&Place> {
        match self.inner() {
            Self::Scratch(error) => error.place(),
            Self::Replay { error, .. } => error.place(),
            Self::Tree(RestoreError::Unreadable { place, .. }) => Some(place),
            _ => None,
        }
    }
}
