//! Putting schemas under control: making, adopting, mending and removing the ledger's table.

use psqlcm_core::ledger::sql::select_grants;
use psqlcm_core::ledger::{Entry, EntryKind, Evidence, Hash, NewEntry, Origin};
use serde_json::{Map, Value};

use super::state::{Damage, State};
use super::{Ledger, LedgerError};
use crate::session::Session;

/// What setting up does in a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is set up.
    Nothing,
    /// Makes the table.
    Create,
    /// Takes over a table of version 0.2.2.
    Adopt,
    /// Puts the protection back, and records that.
    Repair(Vec<Damage>),
}

/// What removing does in a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// There is nothing of ours: no table, or one that is not adopted.
    Nothing,
    /// Drops the table, with its function.
    Drop,
}

impl Ledger {
    /// What [`Ledger::setup`] would do in each schema; changes nothing.
    ///
    /// # Errors
    /// All schemas at once where it cannot be done, and why.
    pub fn plan_setup(
        &self,
        session: &mut Session,
        schemas: &[&str],
    ) -> Result<Vec<(String, Action)>, LedgerError> {
        let mut unusable = Vec::new();
        let mut plan = Vec::new();
        for (schema, state) in self.states(session, schemas)? {
            match action(&self.table, state) {
                Ok(action) => plan.push((schema, action)),
                Err(reason) => unusable.push((schema, reason)),
            }
        }
        if unusable.is_empty() { Ok(plan) } else { Err(LedgerError::Unusable { unusable }) }
    }

    /// Puts schemas under control, in the caller's transaction, and says what was done. A ledger that is there and whole
    /// is left alone. Adopting and mending write an entry; the base entry of a new ledger is the caller's.
    ///
    /// # Errors
    /// All schemas at once where it cannot be done, before anything is; else the server's.
    pub fn setup(
        &self,
        session: &mut Session,
        schemas: &[&str],
        origin: &Origin,
    ) -> Result<Vec<(String, Action)>, LedgerError> {
        let plan = self.plan_setup(session, schemas)?;
        let statements: String =
            plan.iter().map(|(schema, action)| self.statements(schema, action)).collect();
        if statements.is_empty() {
            return Ok(plan);
        }
        session.run(&statements)?;
        self.revoke_grants(session, &plan)?;
        let mut entries = Vec::new();
        for (schema, action) in &plan {
            match action {
                Action::Adopt => entries.push((schema.clone(), self.adoption(session, schema, origin)?)),
                Action::Repair(damages) => entries.push((schema.clone(), repair(damages, origin))),
                Action::Create | Action::Nothing => {}
            }
        }
        if !entries.is_empty() {
            let mut heads = self.heads(session)?;
            self.append(session, &mut heads, entries)?;
        }
        Ok(plan)
    }

    /// Takes schemas from control, in the caller's transaction: drops what [`Ledger::setup`] made, entries and all.
    ///
    /// # Errors
    /// The server's, for example that a view depends on a ledger; and something else of the ledger's name.
    pub fn remove(
        &self,
        session: &mut Session,
        schemas: &[&str],
    ) -> Result<Vec<(String, Removal)>, LedgerError> {
        let mut unusable = Vec::new();
        let mut removals = Vec::new();
        for (schema, state) in self.states(session, schemas)? {
            match state {
                State::Ours | State::Damaged(_) => removals.push((schema, Removal::Drop)),
                State::Absent | State::Original => removals.push((schema, Removal::Nothing)),
                State::NoSchema | State::Foreign(_) => unusable.push((schema, reason(&self.table, &state))),
            }
        }
        if !unusable.is_empty() {
            return Err(LedgerError::Unusable { unusable });
        }
        let dropped = removals.iter().filter(|(_, removal)| *removal == Removal::Drop);
        let statements: String = dropped.map(|(schema, _)| self.at(schema).remove()).collect();
        if !statements.is_empty() {
            session.run(&statements)?;
        }
        Ok(removals)
    }

    fn statements(&self, schema: &str, action: &Action) -> String {
        let table = self.at(schema);
        match action {
            Action::Nothing => String::new(),
            Action::Create => table.create(),
            Action::Adopt => table.adopt(),
            Action::Repair(damages) => table.repair(damages.contains(&Damage::NoIndex)),
        }
    }

    /// Default privileges may have given the new objects to others.
    fn revoke_grants(&self, session: &mut Session, plan: &[(String, Action)]) -> Result<(), LedgerError> {
        let made = plan.iter().filter(|(_, action)| *action != Action::Nothing);
        let made: Vec<(&str, bool)> =
            made.map(|(schema, action)| (schema.as_str(), *action == Action::Create)).collect();
        let revokes = session.rows(&select_grants(&self.table, &made))?;
        let revokes: Vec<String> = revokes.into_iter().flatten().flatten().collect();
        if !revokes.is_empty() {
            session.run(&revokes.join("\n"))?;
        }
        Ok(())
    }

    /// The entry that takes over the rows that are there, each by its hash, so that `verify` can name the one that is
    /// not as it was.
    fn adoption(
        &self,
        session: &mut Session,
        schema: &str,
        origin: &Origin,
    ) -> Result<NewEntry, LedgerError> {
        let mut rows = Map::new();
        self.read(session, &[(schema, State::Ours)], &mut |_, entry: Entry| {
            rows.insert(entry.id.to_string(), Hash::of(&entry).into_text().into());
        })?;
        let content =
            format!("-- psql-cm took over the {} rows of version 0.2.2 that were here before\n", rows.len());
        let mut entry = NewEntry::new(EntryKind::Adoption, content, origin.clone());
        entry.evidence = Some(evidence([("rows", rows.into())]));
        Ok(entry)
    }
}

fn action(table: &str, state: State) -> Result<Action, String> {
    match state {
        State::Ours => Ok(Action::Nothing),
        State::Absent => Ok(Action::Create),
        State::Original => Ok(Action::Adopt),
        State::Damaged(damages) if damages.iter().all(Damage::is_mendable) => Ok(Action::Repair(damages)),
        State::NoSchema | State::Damaged(_) | State::Foreign(_) => Err(reason(table, &state)),
    }
}

/// Why a ledger cannot be used.
fn reason(table: &str, state: &State) -> String {
    match state {
        State::NoSchema => "there is no such schema".to_owned(),
        State::Absent => "it is not under control".to_owned(),
        State::Original => format!("the table {table} was made by version 0.2.2 and is not adopted yet"),
        State::Ours => format!("the table {table} is as it should be"),
        State::Damaged(damages) => {
            let damages: Vec<String> = damages.iter().map(ToString::to_string).collect();
            format!("the ledger {table} is damaged: {}", damages.join("; "))
        }
        State::Foreign(differences) => {
            format!("{table} is taken by something that is not a ledger: {}", differences.join("; "))
        }
    }
}

fn repair(damages: &[Damage], origin: &Origin) -> NewEntry {
    let damages: Vec<Value> = damages.iter().map(|damage| damage.to_string().into()).collect();
    let content = "-- psql-cm put the protection of this ledger back, see evidence\n";
    let mut entry = NewEntry::new(EntryKind::Repair, content, origin.clone());
    entry.evidence = Some(evidence([("damages", damages.into())]));
    entry
}

fn evidence<const N: usize>(fields: [(&str, Value); N]) -> Evidence {
    let object = Map::from_iter(fields.map(|(name, value)| (name.to_owned(), value)));
    Evidence::new(&object).expect("words and hashes, which jsonb keeps")
}
