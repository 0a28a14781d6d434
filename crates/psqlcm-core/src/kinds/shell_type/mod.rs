//! A type of which nothing is there but the name, so that functions can be made that the type itself needs.

use super::{Kind, shared};
use crate::fact::FactId;
use crate::plan::Group;

pub(super) static KIND: Kind = Kind {
    name: "shell type",
    display: |id| format!("shell of type {}", shared::path(id)),
    create,
    home,
    cases: include_str!("cases.md"),
    ..shared::PART
};

fn create(group: &Group<'_>) -> Vec<String> {
    vec![format!("CREATE TYPE {}", shared::path(group.id))]
}

/// With the type.
fn home(id: &FactId, snapshot: &crate::snapshot::Snapshot) -> FactId {
    let types = super::ALL.iter().filter(|kind| kind.kind().folder == Some("types"));
    let mut named = types.filter_map(|&kind| id.parent().map(|schema| schema.child(kind, id.name())));
    named.find(|id| snapshot.get(id).is_some()).unwrap_or_else(|| id.clone())
}
