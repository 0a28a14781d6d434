//! Where the targets stand: whether they can take a change, and what their ledgers have of it already.

use std::collections::BTreeSet;

use psqlcm_core::change::Script;
use psqlcm_core::ledger::EntryKind;
use psqlcm_core::name::quote_literal;
use psqlcm_core::targets::Target;

use super::Change;
use super::error::Missing;
use crate::ledger::{Ledger, LedgerError, State};
use crate::session::{DbError, Session};

/// What the ledger of a target knows of a change.
pub(super) enum Record {
    /// All of it is recorded.
    Done {
        /// The last entry.
        id: i64,
        /// When it was written.
        at: Option<String>,
    },
    /// Some parts are, or a statement was begun and its end is not known.
    Begun(Standing),
}

/// How far an earlier run came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The parts that are done, from 0.
    pub done: BTreeSet<usize>,
    /// The part that has an entry `before` and none after it.
    pub pending: Option<usize>,
}

/// An entry of a ledger that belongs to one of the changes.
#[derive(Clone, Debug)]
pub(super) struct RecordRow {
    digest: String,
    id: i64,
    at: Option<String>,
    kind: EntryKind,
    /// Which part, where the change has several or one that stands alone.
    part: Option<usize>,
    is_done: bool,
}

/// The records of one ledger after the other, each with its schema.
pub(super) type Records = Vec<(String, Vec<RecordRow>)>;

/// What the ledgers of these schemas know of these changes; one round trip.
pub(super) fn records(
    session: &mut Session,
    ledger: &Ledger,
    schemas: &[String],
    changes: &[Change],
) -> Result<Records, DbError> {
    let digests: Vec<String> = changes.iter().map(|change| quote_literal(&change.digest())).collect();
    let digests = digests.join(", ");
    let mut sql = String::new();
    for schema in schemas {
        let table = ledger.at(schema).qualified();
        sql.push_str(&include_str!("records.sql").replace(":table", &table).replace(":digests", &digests));
        sql.push_str(";\n");
    }
    let mut records: Records = schemas.iter().map(|schema| (schema.clone(), Vec::new())).collect();
    session.read(&sql, &mut |statement, cells| {
        if let (Some((_, rows)), Some(row)) = (records.get_mut(statement), RecordRow::read(cells)) {
            rows.push(row);
        }
    })?;
    Ok(records)
}

/// The schemas that cannot take a change.
pub(super) fn missing(
    session: &mut Session,
    ledger: &Ledger,
    database: &str,
    schemas: &[String],
) -> Result<Vec<Missing>, LedgerError> {
    let names: Vec<&str> = schemas.iter().map(String::as_str).collect();
    let states = ledger.states(session, &names)?;
    let missing = states.into_iter().filter_map(|(schema, state)| {
        let (reason, hint) = unfit(&state)?;
        Some(Missing { target: Target::schema(database, &schema), reason, hint })
    });
    Ok(missing.collect())
}

impl RecordRow {
    fn read(cells: &[Option<&str>]) -> Option<Self> {
        let [digest, id, at, kind, part, outcome] = cells.try_into().ok()?;
        Some(Self {
            digest: digest?.to_owned(),
            id: id?.parse().ok()?,
            at: at.map(str::to_owned),
            kind: kind.unwrap_or("change").into(),
            part: part.and_then(|part| part.parse::<usize>().ok()).map(|part| part.saturating_sub(1)),
            is_done: outcome != Some("failed"),
        })
    }
}

/// What the rows of one ledger, oldest first, say of a change.
pub(super) fn record(rows: &[RecordRow], change: &Change, script: &Script<'_>) -> Option<Record> {
    let digest = change.digest();
    let mut standing = Standing::default();
    let mut last = None;
    for row in rows.iter().filter(|row| row.digest == digest) {
        let Some(part) = row.part else {
            last = Some(Record::Done { id: row.id, at: row.at.clone() });
            continue;
        };
        match row.kind {
            EntryKind::Before => standing.pending = Some(part),
            _ => {
                standing.pending = None;
                if row.is_done {
                    standing.done.insert(part);
                }
            }
        }
        if standing.done.len() >= script.parts.len() {
            last = Some(Record::Done { id: row.id, at: row.at.clone() });
            standing = Standing::default();
        }
    }
    if standing == Standing::default() { last } else { Some(Record::Begun(standing)) }
}

/// Why a schema cannot be a target, and what to do; `None` if it can.
fn unfit(state: &State) -> Option<(String, &'static str)> {
    Some(match state {
        State::Ours => return None,
        State::NoSchema => ("there is no such schema".to_owned(), "make it by a change in another schema"),
        State::Absent => ("it is not under control".to_owned(), "run psql-cm setup first"),
        State::Original => (
            "its ledger was made by version 0.2.2 and is not adopted yet".to_owned(),
            "run psql-cm setup first",
        ),
        State::Damaged(damages) => {
            let damages: Vec<String> = damages.iter().map(ToString::to_string).collect();
            (
                format!("its ledger is damaged: {}", damages.join("; ")),
                "find out who did it (psql-cm verify), then run psql-cm setup",
            )
        }
        State::Foreign(differences) => (
            format!("something that is no ledger has its name: {}", differences.join("; ")),
            "rename it, or choose another name with --cm-table",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: EntryKind, part: usize, is_done: bool) -> RecordRow {
        let digest = change().digest();
        RecordRow { digest, id: 1, at: None, kind, part: Some(part), is_done }
    }

    fn change() -> Change {
        Change { name: "c".to_owned(), text: "SELECT 1; VACUUM; SELECT 2".to_owned() }
    }

    #[test]
    fn rows_tell_where_an_earlier_run_stopped() {
        let change = change();
        let script = Script::read(&change.text).unwrap();
        let standing = |rows: &[RecordRow]| match record(rows, &change, &script) {
            None => "nothing".to_owned(),
            Some(Record::Done { .. }) => "done".to_owned(),
            Some(Record::Begun(Standing { done, pending })) => format!("{done:?} {pending:?}"),
        };
        let first = row(EntryKind::Change, 0, true);
        let before = row(EntryKind::Before, 1, true);
        let rows = [first, before, row(EntryKind::After, 1, true), row(EntryKind::Change, 2, true)];
        assert_eq!(standing(&[]), "nothing");
        assert_eq!(standing(&rows[..1]), "{0} None");
        assert_eq!(standing(&rows[..2]), "{0} Some(1)");
        assert_eq!(standing(&rows[..3]), "{0, 1} None");
        assert_eq!(standing(&rows), "done");
        let failed = row(EntryKind::After, 1, false);
        assert_eq!(standing(&[rows[0].clone(), rows[1].clone(), failed]), "{0} None");
        let again: Vec<RecordRow> = rows.iter().chain(&rows[..1]).cloned().collect();
        assert_eq!(standing(&again), "{0} None");
    }
}
