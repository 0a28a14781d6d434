//! How schemas stand: under control or not, the last entry, and whether they are as that entry says.
//!
//! A constant number of round trips a database, whatever the number of schemas, all in one transaction that reads
//! only. What differs is not looked at: a ledger keeps fingerprints and no facts.

use std::collections::BTreeMap;

use psqlcm_core::fingerprint::{Judged, VERSION};
use psqlcm_core::ignore::{Ignore, Rule};
use psqlcm_core::ledger::{EntryKind, own};
use psqlcm_core::name::quote_literal;
use psqlcm_core::snapshot::Snapshot;

use crate::capture::{self, CaptureError};
use crate::checks::publications::{Published, publications};
use crate::ledger::{Ledger, LedgerError, RecordedDatabase, State};
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
    /// Changes that were begun and not ended.
    pub pending: Vec<Pending>,
    /// The publications that carry its ledger.
    pub published: Vec<Published>,
}

/// How a database stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseStatus {
    /// What belongs to no schema; `None` where it was not asked for, and where no ledger can be read.
    pub of_no_schema: Option<OfNoSchema>,
    /// Each schema.
    pub schemas: Vec<SchemaStatus>,
    /// How many objects of the database are ignored.
    pub ignored: usize,
}

/// How what belongs to no schema stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfNoSchema {
    /// The schema whose ledger has the entry that recorded it last.
    pub ledger: Option<String>,
    /// Whether it is as recorded.
    pub drift: Drift,
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

impl Drift {
    /// Whether it is as recorded, as far as can be compared.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None | Self::NoneInStructure { .. })
    }

    /// The same; but what seems to have drifted may only be what could not be read.
    fn unless(self, closed: &[String]) -> Self {
        match self {
            Self::Drifted { .. } if !closed.is_empty() => {
                Self::Unknown { reason: format!("not all could be read: {}", closed.join("; ")) }
            }
            drift => drift,
        }
    }
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
    /// The change's id.
    pub change_id: String,
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

/// How these schemas stand, and with `whole` what belongs to no schema. What is ignored is no drift.
///
/// # Errors
/// When the database cannot be read.
pub fn status(
    session: &mut Session,
    ledger: &Ledger,
    schemas: &[String],
    whole: bool,
    ignore: &Ignore,
) -> Result<DatabaseStatus, StatusError> {
    let names: Vec<&str> = schemas.iter().map(String::as_str).collect();
    let (captured, rest) = capture::captured_with(session, |session| read(session, ledger, &names, whole))?;
    let managed = rest.managed.iter().map(|(schema, _)| schema.as_str());
    let (facts, _) = own::split(captured, ledger.table(), managed);
    Ok(judge(facts, rest, ignore))
}

/// The same of facts that were captured, without the tool's own: within the caller's transaction, or in none.
///
/// # Errors
/// When the ledgers cannot be read.
pub(crate) fn standing(
    session: &mut Session,
    ledger: &Ledger,
    facts: &Snapshot,
    schemas: &[String],
    whole: bool,
    ignore: &Ignore,
) -> Result<DatabaseStatus, StatusError> {
    let names: Vec<&str> = schemas.iter().map(String::as_str).collect();
    let rest = read(session, ledger, &names, whole)?;
    Ok(judge(facts.clone(), rest, ignore))
}

/// What of these facts the role could not read, and is not ignored: what seems to have drifted may only be that.
pub(crate) fn not_read(facts: &Snapshot, ignore: &Ignore) -> Vec<String> {
    let not_read =
        facts.left_out.iter().filter(|left_out| left_out.is_not_read() && !ignore.is_ignored(left_out));
    not_read.map(|left_out| left_out.reason.clone()).collect()
}

fn judge(facts: Snapshot, rest: Read, ignore: &Ignore) -> DatabaseStatus {
    let closed = not_read(&facts, ignore);
    let judged = Judged::of(&facts, ignore);
    let ignored = judged.ignored.len();
    let mut now = Now { server_version: rest.server_version, facts, judged, by_rules: BTreeMap::new() };
    let mut rows = rest.rows;
    let standing = |(schema, state): (String, State)| {
        let row = rows.remove(&schema).unwrap_or_default();
        let drift = now.drift(&schema, row.recorded.as_ref()).unless(&closed);
        let mut published = rest.published.clone();
        published.retain(|published| published.schema == schema && state.is_ledger());
        SchemaStatus { state, last: row.last, drift, pending: row.pending, published, schema }
    };
    let schemas = rest.states.into_iter().map(standing).collect();
    let of_no_schema = rest.database.map(|recorded| {
        let ledger = recorded.as_ref().map(|recorded| recorded.schema.clone());
        let recorded = recorded.map(|recorded| Recorded {
            entry: recorded.id,
            fingerprint: recorded.fingerprint,
            structure: recorded.structure,
            server_version: recorded.server_version,
            ignored: recorded.ignored,
        });
        OfNoSchema { ledger, drift: now.drift("", recorded.as_ref()).unless(&closed) }
    });
    DatabaseStatus { of_no_schema, schemas, ignored }
}

/// What was read of the ledgers.
struct Read {
    /// All ledgers of the database: they are outside fingerprints, also where they are not looked at.
    managed: Vec<(String, State)>,
    states: Vec<(String, State)>,
    /// What belongs to no schema, where it was asked for and a ledger can be read: what was recorded last.
    database: Option<Option<RecordedDatabase>>,
    rows: BTreeMap<String, LedgerRow>,
    published: Vec<Published>,
    server_version: String,
}

/// One row of `status.sql`.
#[derive(Default)]
struct LedgerRow {
    last: Option<LastEntry>,
    recorded: Option<Recorded>,
    pending: Vec<Pending>,
}

struct Recorded {
    entry: i64,
    fingerprint: String,
    structure: Option<String>,
    server_version: Option<String>,
    /// The rules by which objects were ignored: a JSON array.
    ignored: Option<String>,
}

impl Recorded {
    /// The rules by which objects were ignored; `None` if another version of the tool wrote what this one cannot read.
    fn rules(&self) -> Option<Vec<String>> {
        self.ignored.as_deref().map_or(Some(Vec::new()), |rules| serde_json::from_str(rules).ok())
    }
}

fn read(session: &mut Session, ledger: &Ledger, schemas: &[&str], whole: bool) -> Result<Read, StatusError> {
    let managed = ledger.managed(session)?;
    let database = if whole { database(session, ledger, &managed)? } else { None };
    let states = ledger.states(session, schemas)?;
    let chained: Vec<String> = states
        .iter()
        .filter(|(_, state)| matches!(state, State::Ours | State::Damaged(_)))
        .map(|(schema, _)| schema.clone())
        .collect();
    let mut sql = "SELECT pg_catalog.current_setting('server_version');\n".to_owned();
    for schema in &chained {
        for statement in [include_str!("status.sql"), include_str!("pending.sql")] {
            sql.push_str(&statement.replace(":table", &ledger.at(schema).qualified()));
            sql.push_str(";\n");
        }
    }
    let mut server_version = String::new();
    let mut rows = BTreeMap::new();
    session.read(&sql, &mut |statement, cells| match statement.checked_sub(1) {
        None => server_version = cells.first().copied().flatten().unwrap_or_default().to_owned(),
        Some(index) => {
            let row: &mut LedgerRow = rows.entry(chained[index / 2].clone()).or_default();
            if index % 2 == 0 {
                *row = LedgerRow::read(cells);
            } else {
                row.pending.extend(Pending::read(cells));
            }
        }
    })?;
    let published = publications(session, ledger.table())?;
    Ok(Read { managed, database, states, rows, published, server_version })
}

/// What the ledgers that the role can read say of what belongs to no schema; `None` if there are none.
fn database(
    session: &mut Session,
    ledger: &Ledger,
    managed: &[(String, State)],
) -> Result<Option<Option<RecordedDatabase>>, StatusError> {
    let readable = session.rows(&format!(
        "SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE c.relname = {} AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
         AND pg_catalog.has_table_privilege(c.oid, 'SELECT')",
        quote_literal(ledger.table())
    ))?;
    let is_readable = |schema: &str| readable.iter().flatten().flatten().any(|found| found == schema);
    let chained: Vec<&str> = managed
        .iter()
        .filter(|(schema, state)| *state != State::Original && is_readable(schema))
        .map(|(schema, _)| schema.as_str())
        .collect();
    if chained.is_empty() {
        return Ok(None);
    }
    Ok(Some(ledger.recorded_database(session, &chained)?))
}

impl LedgerRow {
    fn read(cells: &[Option<&str>]) -> Self {
        let text = |index: usize| cells.get(index).copied().flatten().map(str::to_owned);
        let number = |index: usize| text(index).and_then(|text| text.parse::<i64>().ok());
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
            ignored: text(10),
        });
        Self { last, recorded, pending: Vec::new() }
    }
}

impl Pending {
    /// A row of `pending.sql`; `None` if the change is done, or was never begun.
    fn read(cells: &[Option<&str>]) -> Option<Self> {
        let [id, kind, part, parts, outcome, source, change_id] = cells.try_into().ok()?;
        let count = |cell: Option<&str>| cell.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let (part, parts) = (count(part), count(parts));
        let is_open = kind == Some("before");
        let has_failed = outcome == Some("failed");
        // A statement that failed as the first part left nothing.
        let is_pending = is_open || (has_failed && part > 1) || (!has_failed && part < parts);
        is_pending.then(|| {
            let (source, change_id) = (source.unwrap_or_default(), change_id.unwrap_or_default());
            let (source, change_id) = (source.to_owned(), change_id.to_owned());
            Some(Self { entry: id?.parse().ok()?, part, parts, is_open, source, change_id })
        })?
    }
}

/// The database as it is.
struct Now {
    server_version: String,
    facts: Snapshot,
    /// By the rules that hold.
    judged: Judged,
    /// By rules that entries were recorded under.
    by_rules: BTreeMap<Vec<String>, Judged>,
}

impl Now {
    /// Whether a schema, or under the empty name what belongs to none, is as recorded.
    fn drift(&mut self, schema: &str, recorded: Option<&Recorded>) -> Drift {
        let Some(recorded) = recorded else {
            return Drift::Unknown { reason: "no entry has a fingerprint".to_owned() };
        };
        if !recorded.fingerprint.starts_with(&format!("{VERSION}:")) {
            let reason = "the fingerprint was made by another version of psql-cm".to_owned();
            return Drift::Unknown { reason };
        }
        let rules = self.judged.ignore.rules_of(schema);
        match recorded.rules() {
            Some(known) if known == rules => self.compare(&self.judged, schema, recorded),
            Some(known) => self.drift_by_other_rules(schema, recorded, &known, &rules),
            None => {
                let reason = "it was recorded under ignore rules that this version cannot read".to_owned();
                Drift::Unknown { reason }
            }
        }
    }

    /// The same where the entry knows other rules than those of now. A fingerprint tells nothing of single objects; yet it
    /// is certain that nothing drifted but what is ignored, if only rules came, and without what they ignore, or with all of
    /// it, the schema is as recorded. What went out of the rules was not recorded.
    fn drift_by_other_rules(
        &mut self,
        schema: &str,
        recorded: &Recorded,
        known: &[String],
        rules: &[String],
    ) -> Drift {
        let parsed: Result<Vec<Rule>, _> = known.iter().map(|rule| rule.parse()).collect();
        let Ok(objects) = parsed else {
            let reason = "it was recorded under ignore rules that this version cannot read".to_owned();
            return Drift::Unknown { reason };
        };
        let ignore = Ignore { schemas: Vec::new(), objects };
        let facts = &self.facts;
        self.by_rules.entry(known.to_vec()).or_insert_with(|| Judged::of(facts, &ignore));
        let by_theirs = self.compare(&self.by_rules[known], schema, recorded);
        let has_come = rules.iter().any(|rule| !known.contains(rule));
        let has_gone = known.iter().any(|rule| !rules.contains(rule));
        if !has_gone {
            let by_ours = self.compare(&self.judged, schema, recorded);
            if let Some(none) = [by_theirs, by_ours].into_iter().find(Drift::is_none) {
                return none;
            }
        } else if !has_come && !by_theirs.is_none() {
            return by_theirs;
        }
        let shown = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let entry = recorded.entry;
        let reason = format!(
            "entry {entry} was recorded under other ignore rules ({shown}); the next change records it under those of now"
        );
        Drift::Unknown { reason }
    }

    fn compare(&self, judged: &Judged, schema: &str, recorded: &Recorded) -> Drift {
        let compare = |expected: &str, found: Option<&String>, same: Drift| {
            let found = found.cloned().unwrap_or_default();
            if expected == found {
                return same;
            }
            Drift::Drifted { entry: recorded.entry, recorded: expected.to_owned(), found }
        };
        let recorded_on = recorded.server_version.clone().unwrap_or_default();
        if recorded_on == self.server_version {
            return compare(&recorded.fingerprint, judged.whole.schemas.get(schema), Drift::None);
        }
        match &recorded.structure {
            Some(structure) => {
                let same = Drift::NoneInStructure { recorded_on };
                compare(structure, judged.structure.schemas.get(schema), same)
            }
            None => Drift::Unknown {
                reason: format!("it was recorded on PostgreSQL {recorded_on}, and only in its texts"),
            },
        }
    }
}
