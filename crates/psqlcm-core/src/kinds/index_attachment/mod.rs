//! That a partition's index belongs to the index of the partitioned table.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Reaction, Read, constraint, plain, shared};
use crate::fact::{Fact, FactId};
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "index partition",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Class, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| format!("attachment of {}", id.parent().map(ToString::to_string).unwrap_or_default()),
    create,
    drop: shared::goes_along,
    edges,
    react,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("parent")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[child, parent] = columns(KIND.name, cells)?;
    let (Some(child), Some(parent)) = (reader.relation(oid(child)?), reader.relation(oid(parent)?)) else {
        return Ok(());
    };
    let id = child.child(KindId::IndexAttachment, "");
    reader.add_part(id.clone(), Fact::new().text("parent", Some(&shared::schema_path(&parent))));
    reader.need(&id, &parent);
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let Some(child) = group.id.parent() else { return Vec::new() };
    if group.snapshot.get(child).is_some_and(constraint::is_part_of_exclusion) {
        return Vec::new();
    }
    let parent = group.fact.get_text("parent").unwrap_or_default();
    vec![format!("ALTER INDEX {parent} ATTACH PARTITION {}", shared::schema_path(child))]
}

/// Only the index of a partition can belong to that of its table. What a partition has of an exclusion constraint comes with both.
fn edges(snapshot: &mut Snapshot) {
    let attachments = snapshot.facts().map(|(id, _)| id).filter(|id| id.kind() == KindId::IndexAttachment);
    let attachments: Vec<_> = attachments.filter_map(|id| Some((id.clone(), attachment(id)?))).collect();
    for (id, attachment) in attachments {
        if let Some(part) = id.parent().filter(|part| snapshot.get(part).is_some_and(constraint::is_part_of_exclusion)) {
            let whole = snapshot.needs(&id).iter().find(|needed| needed.kind() == KindId::Constraint && *needed != part).cloned();
            whole.iter().chain([&attachment]).for_each(|needed| snapshot.add_need(part, needed));
        }
        snapshot.add_need(&id, &attachment);
    }
}

/// That the table is a partition.
fn attachment(id: &FactId) -> Option<FactId> {
    id.parent()?.parent().map(|table| table.child(KindId::Attachment, ""))
}

/// When the partition is none any more its indexes belong to none, and hold back nothing.
fn react(difference: &Difference<'_>, needed: &FactId) -> Reaction {
    let attachment = attachment(difference.id);
    match attachment.is_some_and(|id| id == *needed || difference.drops(&id)) {
        true => Reaction::Stays,
        false => Reaction::Again,
    }
}
