//! A type of which nothing is there but the name, so that functions can be made that the type itself needs; or of
//! which nothing ever came.

use super::{Catalog, Kind, KindId, OLDEST, Read, enum_type, shared};
use crate::fact::{Fact, FactId};
use crate::plan::{Difference, Doing, Group};
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
    drop,
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

/// A type that was made from a shell goes with the functions that it needs and that need it.
pub(super) fn drop_type(difference: &Difference<'_>) -> Vec<String> {
    let shell = difference.id.parent().map(|schema| schema.child(KindId::ShellType, difference.id.name()));
    let has_shell = shell.is_some_and(|shell| difference.from.get(&shell).is_some());
    let cascade = if has_shell { " CASCADE" } else { "" };
    vec![format!("DROP {}{cascade}", enum_type::reference(difference.id))]
}

/// The shell and the functions that need it.
pub(super) fn takes(difference: &Difference<'_>) -> Vec<FactId> {
    let needed = difference.from.needs(difference.id);
    let shell = needed.iter().find(|id| id.kind() == KindId::ShellType);
    let needs_shell = |id: &&FactId| shell.is_some_and(|shell| difference.from.needs(id).contains(shell));
    needed.iter().filter(needs_shell).chain(shell).cloned().collect()
}

/// The type whose drop takes a function along.
pub(super) fn type_of(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    let shells = difference.from.needs(difference.id).iter().filter(|id| id.kind() == KindId::ShellType);
    let types = shells.filter(|_| doing == Doing::Drop).map(|shell| home(shell, difference.from));
    types.filter(|id| id.kind() != KindId::ShellType).collect()
}

/// With the type.
fn home(id: &FactId, snapshot: &Snapshot) -> FactId {
    let is_type = |kind: &&KindId| **kind != KindId::ShellType && kind.kind().folder == KIND.folder;
    let types = super::ALL.iter().filter(is_type);
    let mut named = types.filter_map(|&kind| id.parent().map(|schema| schema.child(kind, id.name())));
    named.find(|id| snapshot.get(id).is_some()).unwrap_or_else(|| id.clone())
}

/// A type that came of it takes it along.
fn drop(difference: &Difference<'_>) -> Vec<String> {
    let becomes_type = home(difference.id, difference.from) != *difference.id;
    if becomes_type { Vec::new() } else { shared::drop_by_reference(difference) }
}
