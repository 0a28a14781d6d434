//! Reading entries: for `log`, `dump` and `verify`.

use psqlcm_core::ledger::{Chain, Entry, EntryKind, Home, NewEntry, Origin, Row, choose_home};

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
            chains.iter().map(|chain| self.at(&chain.schema).select_sequence()).collect();
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

/// The entry that records which ledger was chosen as the home.
#[must_use]
pub fn home_entry(origin: &Origin) -> NewEntry {
    NewEntry::new(
        EntryKind::Home,
        "-- what belongs to no schema is recorded in this ledger\n",
        origin.clone(),
    )
}
