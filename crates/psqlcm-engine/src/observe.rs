//! One database as a command looks at it: the user's facts and the tool's own apart, the ledgers, and which
//! database it is; all of one moment.

use std::collections::BTreeMap;

use psqlcm_core::ledger::{Entry, own};
use psqlcm_core::snapshot::Snapshot;

use crate::capture::{self, CaptureError};
use crate::ledger::{self, Ledger, LedgerError, State};
use crate::session::{DbError, Session};

/// What is in a database.
pub struct Observed {
    /// The facts under control.
    pub facts: Snapshot,
    /// The facts of the ledgers.
    pub own: Snapshot,
    /// The ledger of each schema that has one.
    pub ledgers: BTreeMap<String, Observation>,
    /// The database's instance id.
    pub instance: String,
}

/// A ledger as it was seen.
pub struct Observation {
    /// Its entries, oldest first.
    pub entries: Vec<Entry>,
    /// The last value its sequence gave.
    pub sequence: Option<i64>,
}

/// Why a database could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// Its facts could not be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// Its ledgers could not be read.
    #[error("cannot read the ledgers")]
    Ledger(#[from] LedgerError),
    /// The server refused, or was lost.
    // Not transparent: whoever tells it looks for the answer among the sources.
    #[error("{0}")]
    Db(#[from] DbError),
}

/// Looks at the session's database, in a transaction of its own. Of schemas that are not named, the ledger's sequence
/// need not be readable: it is then not known.
///
/// # Errors
/// When something cannot be read.
pub fn observe(
    session: &mut Session,
    ledger: &Ledger,
    schemas: Option<&[String]>,
) -> Result<Observed, ObserveError> {
    let (captured, (ledgers, instance)) =
        capture::captured_with(session, |session| read_ledgers(session, ledger, schemas))?;
    let (facts, own) = own::split(captured, ledger.table(), ledgers.keys().map(String::as_str));
    Ok(Observed { facts, own, ledgers, instance })
}

/// [`observe`] within the caller's transaction, or in none.
///
/// # Errors
/// When something cannot be read; a transaction is then aborted.
pub fn observe_within(session: &mut Session, ledger: &Ledger) -> Result<Observed, ObserveError> {
    let captured = capture::within(session)?;
    let (ledgers, instance) = read_ledgers(session, ledger, None)?;
    let (facts, own) = own::split(captured, ledger.table(), ledgers.keys().map(String::as_str));
    Ok(Observed { facts, own, ledgers, instance })
}

type Ledgers = BTreeMap<String, Observation>;

fn read_ledgers(
    session: &mut Session,
    ledger: &Ledger,
    schemas: Option<&[String]>,
) -> Result<(Ledgers, String), ObserveError> {
    let managed = ledger.managed(session)?;
    let managed: Vec<(&str, State)> =
        managed.iter().map(|(schema, state)| (schema.as_str(), state.clone())).collect();
    let is_covered = |schema: &str| schemas.is_none_or(|schemas| schemas.iter().any(|name| name == schema));
    let select = |(schema, _): &(&str, State)| match is_covered(schema) {
        true => ledger.at(schema).select_sequence(),
        false => ledger.at(schema).select_sequence_if_allowed(),
    };
    let selects: Vec<_> = managed.iter().map(select).collect();
    let sequences = match selects.is_empty() {
        true => Vec::new(),
        false => session.rows(&selects.join(";\n")).map_err(LedgerError::from)?,
    };
    let mut ledgers: Ledgers = managed
        .iter()
        .zip(sequences)
        .map(|((schema, _), row)| {
            let sequence = row.into_iter().flatten().next().and_then(|last| last.parse().ok());
            ((*schema).to_owned(), Observation { entries: Vec::new(), sequence })
        })
        .collect();
    ledger.read(session, &managed, &mut |schema, entry| {
        if let Some(observation) = ledgers.get_mut(schema) {
            observation.entries.push(entry);
        }
    })?;
    Ok((ledgers, ledger::instance(session)?))
}
