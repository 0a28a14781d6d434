//! How schemas stand: under control or not, the last entry, and whether they are as that entry says.
//!
//! A constant number of round trips a database, whatever the number of schemas, all in one transaction that reads
//! only. What differs is not looked at: a ledger keeps fingerprints and no facts.

use std::collections::BTreeMap;

use psqlcm_core::fingerprint::{Fingerprints, VERSION};
use psqlcm_core::ledger::{EntryKind, own};

use crate::capture::{self, CaptureError};
use crate::ledger::{Ledger, LedgerError, State};
use crate::session::{DbError, Session};

/// How one schema stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStatus {
    /// The schema.
    pub schema: String,
    /// What stands there under the ledger's name.
    pub state: State,
    /// The last entry.
    pub last: Option<LastEntry>,
    /// Whether the schema is as recorded.
    pub drift: Drift,
    /// A change that was begun and not ended.
    pub pending: Option<Pending>,
}

/// The last entry of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastEntry {
    /// Its id.
    pub id: i64,
    /// Its number.
    pub number: Option<i64>,
    /// When it was written.
    pub at: Option<String>,
    /// What it records.
    pub kind: EntryKind,
    /// Who.
    pub implementer: String,
}

/// Whether a schema is as its ledger says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// It is.
    None,
    /// It is, as far as can be compared with what another server version printed.
    NoneInStructure {
        /// The version that wrote the entry.
        recorded_on: String,
    },
    /// It is not: somebody changed it past the tool.
    Drifted {
        /// The entry that says how it should be.
        entry: i64,
        /// The fingerprint it should have.
        recorded: String,
        /// The one it has.
        found: String,
    },
    /// Nobody can tell.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// A change that was begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The last entry of it.
    pub entry: i64,
    /// Which part that is, from 1.
    pub part: u64,
    /// Of how many.
    pub parts: u64,
    /// Whether that part was begun and its end is not known; else the parts after it are missing.
    pub is_open: bool,
    /// The file it stands in.
    pub source: String,
}

/// Why a database cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// It cannot be captured.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// Its ledgers cannot be looked at.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The server refused, or was lost.
    #[error("cannot read the ledgers")]
    Db(#[from] DbError),
}

/// How these schemas stand.
///
/// # Errors
/// When the database cannot be read.
pub fn status(
    session: &mut Session,
    ledger: &Ledger,
    schemas: &[String],
) -> Result<Vec<SchemaStatus>, StatusError> {
    let names: Vec<&str> = schemas.iter().map(String::as_str).collect();
    let (captured, rest) = capture::captured_with(session, |session| read(session, ledger, &names))?;
    let rest = rest?;
    let managed = rest.states.iter().filter(|(_, state)| state.is_ledger());
    let (facts, _) = own::split(captured, ledger.table(), managed.map(|(schema, _)| schema.as_str()));
    let now = Now {
        server_version: rest.server_version,
        whole: Fingerprints::of(&facts),
        structure: Fingerprints::structure_of(&facts),
    };
    let mut rows = rest.rows;
    let standing = |(schema, state): (String, State)| {
        let row = rows.remove(&schema).unwrap_or_default();
        let drift = now.drift(&schema, &row);
        SchemaStatus { state, last: row.last, drift, pending: row.pending, schema }
    };
    Ok(rest.states.into_iter().map(standing).collect())
}

/// What was read of the ledgers.
struct Read {
    states: Vec<(String, State)>,
    rows: BTreeMap<String, LedgerRow>,
    server_version: String,
}

/// One row of `status.sql`.
#[derive(Default)]
struct LedgerRow {
    last: Option<LastEntry>,
    recorded: Option<Recorded>,
    pending: Option<Pending>,
}

struct Recorded {
    entry: i64,
    fingerprint: String,
    structure: Option<String>,
    server_version: Option<String>,
}

fn read(session: &mut Session, ledger: &Ledger, schemas: &[&str]) -> Result<Read, StatusError> {
    let states = ledger.states(session, schemas)?;
    let chained: Vec<String> = states
        .iter()
        .filter(|(_, state)| matches!(state, State::Ours | State::Damaged(_)))
        .map(|(schema, _)| schema.clone())
        .collect();
    let mut sql = "SELECT pg_catalog.current_setting('server_version')".to_owned();
    for schema in &chained {
        sql.push_str(";\n");
        sql.push_str(&include_str!("status.sql").replace(":table", &ledger.at(schema).qualified()));
    }
    let mut server_version = String::new();
    let mut rows = BTreeMap::new();
    session.read(&sql, &mut |statement, cells| match statement.checked_sub(1) {
        None => server_version = cells.first().copied().flatten().unwrap_or_default().to_owned(),
        Some(index) => {
            rows.insert(chained[index].clone(), LedgerRow::read(cells));
        }
    })?;
    Ok(Read { states, rows, server_version })
}

impl LedgerRow {
    fn read(cells: &[Option<&str>]) -> Self {
        let text = |index: usize| cells.get(index).copied().flatten().map(str::to_owned);
        let number = |index: usize| text(index).and_then(|text| text.parse::<i64>().ok());
        let count = |index: usize| text(index).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let last = number(0).map(|id| LastEntry {
            id,
            number: number(1),
            at: text(2),
            kind: match text(3) {
                Some(word) => EntryKind::from(word.as_str()),
                None if text(4).as_deref() == Some("t") => EntryKind::Base,
                None => EntryKind::Change,
            },
            implementer: text(5).unwrap_or_default(),
        });
        let recorded = number(6).zip(text(7)).map(|(entry, fingerprint)| Recorded {
            entry,
            fingerprint,
            structure: text(8),
            server_version: text(9),
        });
        let is_open = text(11).as_deref() == Some("before");
        let has_failed = text(14).as_deref() == Some("failed");
        let (part, parts) = (count(12), count(13));
        // A statement that failed as the first part left nothing.
        let is_pending = is_open || (has_failed && part > 1) || (!has_failed && part < parts);
        let pending = number(10).filter(|_| is_pending).map(|entry| Pending {
            entry,
            part,
            parts,
            is_open,
            source: text(15).unwrap_or_default(),
        });
        Self { last, recorded, pending }
    }
}

/// The database as it is.
struct Now {
    server_version: String,
    whole: Fingerprints,
    structure: Fingerprints,
}

impl Now {
    fn drift(&self, schema: &str, row: &LedgerRow) -> Drift {
        let Some(recorded) = &row.recorded else {
            return Drift::Unknown { reason: "no entry has a fingerprint".to_owned() };
        };
        if !recorded.fingerprint.starts_with(&format!("{VERSION}:")) {
            let reason = "the fingerprint was made by another version of psql-cm".to_owned();
            return Drift::Unknown { reason };
        }
        let compare = |expected: &str, found: Option<&String>, same: Drift| {
            let found = found.cloned().unwrap_or_default();
            if expected == found {
                return same;
            }
            Drift::Drifted { entry: recorded.entry, recorded: expected.to_owned(), found }
        };
        let recorded_on = recorded.server_version.clone().unwrap_or_default();
        if recorded_on == self.server_version {
            return compare(&recorded.fingerprint, self.whole.schemas.get(schema), Drift::None);
        }
        match &recorded.structure {
            Some(structure) => {
                let same = Drift::NoneInStructure { recorded_on };
                compare(structure, self.structure.schemas.get(schema), same)
            }
            None => Drift::Unknown {
                reason: format!("it was recorded on PostgreSQL {recorded_on}, and only in its texts"),
            },
        }
    }
}
