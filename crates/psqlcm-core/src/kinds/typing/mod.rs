//! That a table is of a composite type, which says its columns; read along with tables.
//!
//! It is a fact of its own as it goes before the table's columns change, and comes once they are those of the type.

use super::{Attribute, Fold, Kind, KindId, plain, shared, table};
use crate::fact::{Fact, FactId};
use crate::plan::{Difference, Group};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "type of table",
    attributes: ATTRIBUTES,
    display: |id| format!("type of table {}", shared::parent_path(id)),
    fold: |_, _| Fold::May,
    create,
    drop,
    disturbs: |difference, other| difference.before.is_none() && out_of_place(difference).contains(other),
    takes: |difference| if difference.after.is_some() { out_of_place(difference) } else { Vec::new() },
    edges,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("type")];

/// The fact that says the type of that table.
pub(super) fn of(table: &FactId) -> FactId {
    table.child(KindId::Typing, "")
}

/// The name of the type, where the statement that makes a table says it.
pub(super) fn said_by_table<'a>(group: &'a Group<'_>) -> Option<&'a str> {
    group.member(KindId::Typing).and_then(name)
}

/// The name of the type.
pub(super) fn name(fact: &Fact) -> Option<&str> {
    fact.get_text("type")
}

fn create(group: &Group<'_>) -> Vec<String> {
    let (table, of_type) = (shared::parent_path(group.id), name(group.fact).unwrap_or_default());
    vec![format!("ALTER TABLE ONLY {table} OF {of_type}")]
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    vec![format!("ALTER TABLE ONLY {} NOT OF", shared::parent_path(difference.id))]
}

/// The columns that do not stand where the type has them: they are made again, behind those that do.
fn out_of_place(difference: &Difference<'_>) -> Vec<FactId> {
    let Some(table) = difference.id.parent() else { return Vec::new() };
    let [before, after] = [difference.from, difference.to].map(|side| table::columns_of(side, table));
    let mut rest = before.iter();
    let in_place = after.iter().take_while(|name| rest.any(|other| other == *name)).count();
    let misplaced = after[in_place..].iter().filter(|name| before.contains(name));
    misplaced.map(|name| table.child(KindId::Column, name)).collect()
}

/// It is this that needs the type; PostgreSQL records that the table does.
fn edges(snapshot: &mut Snapshot) {
    let typings = snapshot.facts().filter(|(id, _)| id.kind() == KindId::Typing);
    let types: Vec<_> = typings
        .filter_map(|(id, fact)| {
            let table = id.parent()?;
            let is_it = |id: &&FactId| id.kind() == KindId::Composite && Some(&*shared::path(id)) == name(fact);
            Some((table.clone(), id.clone(), snapshot.needs(table).iter().find(is_it)?.clone()))
        })
        .collect();
    for (table, typing, composite) in types {
        snapshot.hand_on_need(&table, &composite, &typing);
    }
}
