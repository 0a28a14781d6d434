//! Which facts are the tool's own: the ledger's table in each schema, with its sequence and its guard.
//!
//! They are restored exactly and are no part of what is under control: outside facts, fingerprints and diffs.

use std::collections::HashSet;

use crate::fact::{FactId, Quick};
use crate::kinds::KindId;
use crate::ledger::sql::Table;
use crate::snapshot::Snapshot;

/// Splits the tool's own facts off a snapshot, those of the ledgers of that table name in these schemas: the user's,
/// then ours.
///
/// Which schemas have a ledger is the caller's to say: a table of the ledger's name that is none is the user's.
#[must_use]
pub fn split<'a>(
    snapshot: Snapshot,
    table: &str,
    schemas: impl IntoIterator<Item = &'a str>,
) -> (Snapshot, Snapshot) {
    let mut own = HashSet::with_hasher(Quick);
    for schema in schemas {
        let guard = Table { schema, name: table }.guard();
        let schema = FactId::root(KindId::Schema, schema);
        let home = schema.child(KindId::Table, table);
        own.insert(schema.qualified_child(KindId::Function, &guard, ""));
        let in_schema = snapshot.below(&schema).filter(|(id, _)| id.kind() == KindId::Sequence);
        own.extend(
            in_schema
                .filter(|(id, _)| (KindId::Sequence.kind().home)(id, &snapshot) == home)
                .map(|(id, _)| id.clone()),
        );
        own.insert(home);
    }
    snapshot.split(|id| own.contains(id.object()))
}
