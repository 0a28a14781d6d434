//! Which column owns a sequence. A fact of its own, because the column's default needs the sequence.

use super::{Attribute, Kind, KindId, plain, shared};
use crate::fact::FactId;
use crate::plan::{Difference, Group};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "owned by",
    attributes: ATTRIBUTES,
    display: |id| format!("owning column of sequence {}", shared::parent_path(id)),
    create,
    edges,
    respond: shared::alters,
    alter: shared::alter_by_create,
    drop,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("column")];

fn create(group: &Group<'_>) -> Vec<String> {
    let column = group.fact.get_text("column").unwrap_or_default();
    vec![format!("ALTER SEQUENCE {} OWNED BY {column}", shared::parent_path(group.id))]
}

/// PostgreSQL wants both to have the same owner.
fn edges(snapshot: &mut Snapshot) {
    let ids = snapshot.facts().map(|(id, _)| id).filter(|id| id.kind() == KindId::OwnedBy);
    for id in ids.cloned().collect::<Vec<FactId>>() {
        let objects = snapshot.needs(&id).iter().chain(id.parent()).map(FactId::object);
        let owners: Vec<FactId> = objects.map(|object| object.child(KindId::Owner, "")).collect();
        for owner in owners.iter().filter(|owner| owner.parent() != Some(&id)) {
            if snapshot.get(owner).is_some() {
                snapshot.add_need(&id, owner);
            }
        }
    }
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    vec![format!("ALTER SEQUENCE {} OWNED BY NONE", shared::parent_path(difference.id))]
}
