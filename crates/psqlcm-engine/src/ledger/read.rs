//! Reading entries: for `log`, `dump` and `verify`.

use psqlcm_core::fingerprint::{Fingerprints, Judged};
use psqlcm_core::ledger::{Chain, Entry, EntryKind, Home, NewEntry, Origin, Row, choose_home};
use serde_json::Value;

use super::{Ledger, LedgerError, State, instance};
use crate::session::Session;

impl Ledger {
    /// Reads all entries of ledgers, in order, one at a time: the schema and the entry. One round trip. A schema that has
    /// no ledger has no entries.
    ///
    /// # Errors
    /// The server's, and a row that is no entry.
    pub fn read(
        &self,
        session: &mut Session,
        schemas: &[(&str, State)],
        each: &mut dyn FnMut(&str, Entry),
    ) -> Result<(), LedgerError> {
        let mut selected = Vec::new();
        let mut sql = String::new();
        for (schema, state) in schemas {
            let is_original = match state {
                State::Original => true,
                State::Ours | State::Damaged(_) => false,
                State::NoSchema | State::Absent | State::Foreign(_) => continue,
            };
            selected.push(*schema);
            sql.push_str(&self.at(schema).select(is_original));
            sql.push_str(";\n");
        }
        if selected.is_empty() {
            return Ok(());
        }
        let mut unreadable = None;
        session.read(&sql, &mut |statement, cells| {
            let Some(schema) = selected.get(statement) else {
                return;
            };
            match Entry::from_row(cells) {
                Ok(entry) => each(schema, entry),
                Err(source) => {
                    unreadable = Some(LedgerError::Row { schema: (*schema).to_owned(), source });
                }
            }
        })?;
        unreadable.map_or(Ok(()), Err)
    }

    /// Reads ledgers for [`psqlcm_core::ledger::verify`]. Three round trips, whatever the number of schemas.
    ///
    /// # Errors
    /// As [`Ledger::read`].
    pub fn chains(
        &self,
        session: &mut Session,
        schemas: &[(&str, State)],
    ) -> Result<Vec<Chain>, LedgerError> {
        let here = instance(session)?;
        let mut chains: Vec<Chain> = schemas
            .iter()
            .filter(|(_, state)| state.is_ledger())
            .map(|(schema, _)| Chain {
                schema: (*schema).to_owned(),
                instance: here.clone(),
                sequence: None,
                rows: Vec::new(),
            })
            .collect();
        let sequences: Vec<String> =
            chains.iter().map(|chain| self.at(&chain.schema).select_sequence_if_allowed()).collect();
        if sequences.is_empty() {
            return Ok(chains);
        }
        for (chain, row) in chains.iter_mut().zip(session.rows(&sequences.join(";\n"))?) {
            chain.sequence = row.into_iter().flatten().next().and_then(|last| last.parse().ok());
        }
        let mut current = 0;
        self.read(session, schemas, &mut |schema, entry| {
            // Schemas come in the order in which they were asked for.
            while chains[current].schema != schema {
                current += 1;
            }
            chains[current].rows.push(Row::of(&entry));
        })?;
        Ok(chains)
    }

    /// Where what belongs to no schema is recorded. If the choice must be recorded, append [`home_entry`] to that ledger.
    ///
    /// # Errors
    /// The server's: each schema must be set up.
    pub fn home(&self, session: &mut Session, schemas: &[&str]) -> Result<Option<Home>, LedgerError> {
        let mut sql = String::new();
        for schema in schemas {
            let table = self.at(schema).qualified();
            sql.push_str("SELECT pg_catalog.min(number) FROM ONLY ");
            sql.push_str(&table);
            sql.push_str(" WHERE entry_kind = 'home';\n");
        }
        let rows = if sql.is_empty() { Vec::new() } else { session.rows(&sql)? };
        let numbers =
            rows.into_iter().map(|row| row.into_iter().flatten().next().and_then(|text| text.parse().ok()));
        Ok(choose_home(schemas.iter().copied().zip(numbers)))
    }

    /// What was last recorded of what belongs to no schema, in any of these ledgers; one round trip.
    ///
    /// # Errors
    /// The server's: each schema must be set up, and its ledger readable.
    pub fn recorded_database(
        &self,
        session: &mut Session,
        schemas: &[&str],
    ) -> Result<Option<RecordedDatabase>, LedgerError> {
        let sql: String = schemas
            .iter()
            .map(|schema| {
                include_str!("database.sql").replace(":table", &self.at(schema).qualified()) + ";\n"
            })
            .collect();
        let mut newest: Option<RecordedDatabase> = None;
        if sql.is_empty() {
            return Ok(newest);
        }
        session.read(&sql, &mut |statement, cells| {
            let found = schemas.get(statement).and_then(|schema| RecordedDatabase::read(schema, cells));
            if let Some(found) = found
                && newest.as_ref().is_none_or(|newest| newest.number < found.number)
            {
                newest = Some(found);
            }
        })?;
        Ok(newest)
    }

    /// The entry that keeps another schema's whole ledger, for the home ledger before that schema is dropped or renamed.
    ///
    /// # Errors
    /// As [`Ledger::read`].
    pub fn copy_of(
        &self,
        session: &mut Session,
        schema: &str,
        origin: &Origin,
    ) -> Result<NewEntry, LedgerError> {
        let mut content = String::new();
        self.read(session, &[(schema, State::Ours)], &mut |_, entry: Entry| {
            content.push_str(&self.at(schema).insert(&entry));
        })?;
        Ok(NewEntry::new(EntryKind::Copied, content, origin.clone()))
    }
}

/// What an entry recorded of what belongs to no schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedDatabase {
    /// The schema of the ledger.
    pub schema: String,
    /// The entry's number: entries of several ledgers are in its order.
    pub number: i64,
    /// The entry's id.
    pub id: i64,
    /// The fingerprint.
    pub fingerprint: String,
    /// The one that other server versions can compare.
    pub structure: Option<String>,
    /// The server's version.
    pub server_version: Option<String>,
    /// The rules by which objects were ignored: a JSON array.
    pub ignored: Option<String>,
}

impl RecordedDatabase {
    fn read(schema: &str, cells: &[Option<&str>]) -> Option<Self> {
        let [number, id, fingerprint, structure, server_version, ignored] = cells.try_into().ok()?;
        Some(Self {
            schema: schema.to_owned(),
            number: number?.parse().ok()?,
            id: id?.parse().ok()?,
            fingerprint: fingerprint?.to_owned(),
            structure: structure.map(str::to_owned),
            server_version: server_version.map(str::to_owned),
            ignored: ignored.map(str::to_owned),
        })
    }
}

/// What an entry says of what belongs to no schema, as evidence.
pub(crate) fn database_evidence(judged: &Judged) -> Vec<(String, Value)> {
    let of_none = |prints: &Fingerprints| prints.schemas.get("").cloned().unwrap_or_default().into();
    let mut evidence = vec![
        ("database_after".to_owned(), of_none(&judged.whole)),
        ("database_structure_after".to_owned(), of_none(&judged.structure)),
    ];
    let rules = judged.ignore.rules_of("");
    if !rules.is_empty() {
        evidence.push(("database_ignored".to_owned(), rules.into()));
    }
    evidence
}

/// What an entry says of a schema as it is after it, beside the fingerprint: that which other server versions can
/// compare, and by which rules objects are outside both.
pub(crate) fn schema_evidence(judged: &Judged, schema: &str) -> Vec<(String, Value)> {
    let mut evidence = Vec::new();
    if let Some(print) = judged.structure.schemas.get(schema) {
        evidence.push(("structure_after".to_owned(), print.as_str().into()));
    }
    let rules = judged.ignore.rules_of(schema);
    if !rules.is_empty() {
        evidence.push(("ignored".to_owned(), rules.into()));
    }
    evidence
}

/// The entry that records which ledger was chosen as the home.
#[must_use]
pub fn home_entry(origin: &Origin) -> NewEntry {
    NewEntry::new(
        EntryKind::Home,
        "-- what belongs to no schema is recorded in this ledger\n",
        origin.clone(),
    )
}
