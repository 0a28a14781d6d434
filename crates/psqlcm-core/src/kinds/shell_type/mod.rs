//! A type of which nothing is there but the name, so that functions can be made that the type itself needs; or of
//! which nothing ever came.

use super::{Catalog, Kind, KindId, OLDEST, Read, enum_type, shared};
use crate::fact::{Fact, FactId};
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "shell type",
    folder: Some("types"),
    reads: &[Read { catalog: Catalog::Type, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| format!("shell of type {}", shared::path(id)),
    reference: enum_type::reference,
    create,
    home,
    cases: include_str!("cases.md"),
    ..shared::PART
};

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    shared::add_in_schema(reader, Catalog::Type, KindId::ShellType, columns(KIND.name, cells)?, Fact::new())?;
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    vec![format!("CREATE TYPE {}", shared::path(group.id))]
}

/// The functions that a type needs and that need the type get by with its shell, and the type needs both.
pub(super) fn come_before(snapshot: &mut Snapshot, id: &FactId) {
    let Some(schema) = id.parent() else { return };
    let shell = schema.child(KindId::ShellType, id.name());
    let of_type = |needed: &&FactId| needed.kind() == KindId::Function && snapshot.needs(needed).contains(id);
    let functions: Vec<FactId> = snapshot.needs(id).iter().filter(of_type).cloned().collect();
    for function in functions {
        snapshot.insert(shell.clone(), Fact::new());
        snapshot.replace_need(&function, id, &shell);
        snapshot.add_need(id, &shell);
    }
}

/// With the type.
fn home(id: &FactId, snapshot: &Snapshot) -> FactId {
    let types = super::ALL.iter().filter(|kind| kind.kind().folder == Some("types"));
    let mut named = types.filter_map(|&kind| id.parent().map(|schema| schema.child(kind, id.name())));
    named.find(|id| snapshot.get(id).is_some()).unwrap_or_else(|| id.clone())
}
