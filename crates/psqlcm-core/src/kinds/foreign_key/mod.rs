//! A foreign key; read along with constraints. Always a statement of its own, so that tables can refer to
//! each other.

use std::collections::{BTreeMap, BTreeSet};

use super::{Attribute, Kind, KindId, deparsed, plain, shared, table};
use crate::fact::FactId;
use crate::name::quote_ident;
use crate::plan::Group;
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "foreign key",
    attributes: ATTRIBUTES,
    reference: |id| format!("CONSTRAINT {} ON {}", quote_ident(id.name()), shared::parent_path(id)),
    create,
    edges,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[deparsed("definition"), plain("not_valid")];

/// PostgreSQL refuses ONLY for a foreign key of a partitioned table.
fn create(group: &Group<'_>) -> Vec<String> {
    let partitioned =
        group.id.parent().and_then(|id| group.snapshot.get(id)).is_some_and(table::is_partitioned);
    let only = if partitioned { "" } else { " ONLY" };
    let definition = group.fact.get_text("definition").unwrap_or_default();
    let name = quote_ident(group.id.name());
    vec![format!("ALTER TABLE{only} {} ADD CONSTRAINT {name} {definition}", shared::parent_path(group.id))]
}

/// The key of a partitioned table can be referred to once each partition's index is attached to its own.
fn edges(snapshot: &mut Snapshot) {
    let mut attached: BTreeMap<FactId, Vec<FactId>> = BTreeMap::new();
    let attachments = snapshot.facts().map(|(id, _)| id).filter(|id| id.kind() == KindId::IndexAttachment);
    for id in attachments {
        for index in snapshot.needs(id) {
            attached.entry(index.clone()).or_default().push(id.clone());
        }
    }
    if attached.is_empty() {
        return;
    }
    let keys = snapshot.facts().map(|(id, _)| id).filter(|id| id.kind() == KindId::ForeignKey);
    for key in keys.cloned().collect::<Vec<FactId>>() {
        let mut waiting: Vec<FactId> = snapshot.needs(&key).to_vec();
        let mut seen = BTreeSet::new();
        while let Some(index) = waiting.pop() {
            for attachment in attached.get(&index).into_iter().flatten() {
                snapshot.add_need(&key, attachment);
                waiting.extend(attachment.parent().filter(|child| seen.insert((*child).clone())).cloned());
            }
        }
    }
}
