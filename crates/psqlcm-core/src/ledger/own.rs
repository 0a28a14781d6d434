//! Which facts are the tool's own: the ledger's table in each schema, with its sequence and its guard.
//!
//! They are restored exactly and are no part of what is under control: outside facts, fingerprints and diffs.

use crate::fact::FactId;
use crate::kinds::KindId;
use crate::ledger::sql::Table;
use crate::snapshot::Snapshot;

/// Splits the tool's own facts, those of the ledgers of that table name, off a snapshot: the user's, then ours.
#[must_use]
pub fn split(snapshot: Snapshot, table: &str) -> (Snapshot, Snapshot) {
    let homes: Vec<FactId> = snapshot
        .schemas()
        .into_iter()
        .map(|schema| FactId::root(KindId::Schema, schema).child(KindId::Table, table))
        .filter(|id| is_ledger(&snapshot, id))
        .collect();
    let mut own = homes.clone();
    for home in &homes {
        let schema = home.parent().expect("a table is in a schema");
        let guard = Table { schema: schema.name(), name: table }.guard();
        own.push(schema.qualified_child(KindId::Function, &guard, ""));
        let in_schema = snapshot.below(schema).filter(|(id, _)| id.kind() == KindId::Sequence);
        own.extend(
            in_schema
                .filter(|(id, _)| (KindId::Sequence.kind().home)(id, &snapshot) == *home)
                .map(|(id, _)| id.clone()),
        );
    }
    own.sort();
    snapshot.split(|id| own.binary_search(id.object()).is_ok())
}

/// A table of the ledger's name with its five first columns; anything else of that name is the user's.
fn is_ledger(snapshot: &Snapshot, id: &FactId) -> bool {
    let columns = super::sql::COLUMNS.iter().take(super::sql::ORIGINAL_WIDTH);
    columns.into_iter().all(|column| snapshot.get(&id.child(KindId::Column, column.name)).is_some())
}
