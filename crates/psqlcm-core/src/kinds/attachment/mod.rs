//! That a table is a partition of another, with its bound; read along with tables.

use super::{Alone, Attribute, Kind, KindId, constraint, index, plain, shared};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::{Difference, Doing, Group};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "partition",
    attributes: ATTRIBUTES,
    display: |id| format!("attachment of partition {}", shared::parent_path(id)),
    create,
    edges,
    drop,
    also,
    disturbs,
    takes,
    drops_alone: Alone::Always,
    effect: super::effect::of_attachment,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("parent"), plain("bound")];

fn create(group: &Group<'_>) -> Vec<String> {
    let text = |name: &str| group.fact.get_text(name).unwrap_or_default();
    let child = shared::parent_path(group.id);
    let attach = format!("ALTER TABLE ONLY {} ATTACH PARTITION {child} {}", text("parent"), text("bound"));
    // PostgreSQL looks at what the parent's bounds and the child's checks demand.
    let parents = group.snapshot.needs(group.id).iter().filter(|id| id.kind() == KindId::Table);
    let of_child = group.id.parent().into_iter().flat_map(|child| group.snapshot.below(child));
    let checks = of_child.map(|(id, _)| id).filter(|id| id.kind() == KindId::Constraint);
    let needed = parents.chain(checks).flat_map(|id| group.snapshot.needs(id));
    shared::on_path_of(group.snapshot, needed, vec![attach])
}

/// Adds the edges that PostgreSQL does not record: what is said of a partitioned table with ONLY, its keys and
/// indexes, must find the partitions attached, so that each partition's index keeps its own name; and a
/// partition is attached once it can hold what its parent demands.
fn edges(snapshot: &mut Snapshot) {
    let attachments: Vec<(FactId, FactId)> = snapshot
        .facts()
        .filter(|(id, _)| id.kind() == KindId::Attachment)
        .filter_map(|(id, _)| {
            let parent = snapshot.needs(id).iter().find(|needed| needed.kind() == KindId::Table)?;
            Some((parent.clone(), id.clone()))
        })
        .collect();
    for (parent, attachment) in attachments {
        let waits = |kind| matches!(kind, KindId::Constraint | KindId::Index | KindId::ForeignKey);
        let waiting: Vec<FactId> = snapshot
            .below(&parent)
            .filter(|(id, fact)| waits(id.kind()) && id.parent() == Some(&parent) && !constraint::is_said_by_table(fact))
            .map(|(id, _)| id.clone())
            .collect();
        for id in waiting {
            snapshot.add_need(&id, &attachment);
        }
    }
}

/// PostgreSQL leaves the table the foreign keys that it had from its parent, as its own.
fn drop(difference: &Difference<'_>) -> Vec<String> {
    let Some(table) = difference.id.parent() else { return Vec::new() };
    let (path, parent) = (shared::path(table), difference.was().get_text("parent").unwrap_or_default());
    let mut parents: Vec<&FactId> = Vec::new();
    let mut at = Some(difference.id.clone());
    while let Some(attachment) = at.take() {
        let above = difference.from.needs(&attachment).iter().find(|id| id.kind() == KindId::Table);
        parents.extend(above);
        at = above.map(|table| table.child(KindId::Attachment, ""));
    }
    let keys = parents.iter().flat_map(|table| difference.from.below(table).map(move |(id, _)| (id, *table)));
    let keys = keys.filter(|(id, table)| id.kind() == KindId::ForeignKey && id.parent() == Some(*table));
    let stays = difference.to.get(table).is_some();
    let left = keys.filter(|_| stays).map(|(id, _)| {
        format!("ALTER TABLE {path} DROP CONSTRAINT IF EXISTS {}", quote_ident(id.name()))
    });
    std::iter::once(format!("ALTER TABLE {parent} DETACH PARTITION {path}")).chain(left).collect()
}

/// What cannot be there when the partition comes: what PostgreSQL would decide, and what the table would then have twice.
fn disturbs(difference: &Difference<'_>, other: &FactId) -> bool {
    difference.before.is_none() && (is_chosen_by_postgresql(difference, other) || is_given(difference, other))
}

/// The same, where it leaves and comes again.
fn takes(difference: &Difference<'_>) -> Vec<FactId> {
    if difference.before.is_none() || difference.after.is_none() {
        return Vec::new();
    }
    let tables = difference.to.needs(difference.id).iter().chain(difference.id.parent());
    let parts = tables.flat_map(|table| difference.from.below(table)).map(|(id, _)| id);
    parts.filter(|id| is_chosen_by_postgresql(difference, id) || is_given(difference, id)).cloned().collect()
}

/// Whether it is a part of an exclusion constraint that the partition gets as it is attached.
fn is_given(difference: &Difference<'_>, other: &FactId) -> bool {
    let part = || difference.to.get(other).filter(|_| other.kind() == KindId::Constraint);
    other.parent() == difference.id.parent() && part().is_some_and(constraint::is_part_of_exclusion)
}

/// Whether it is an index or key of the partitioned table of which PostgreSQL would say itself what the partition has of it:
/// it makes one where the partition is to have none, and of several over the same columns it takes the first.
fn is_chosen_by_postgresql(difference: &Difference<'_>, other: &FactId) -> bool {
    let (Some(table), Some(parent)) = (difference.id.parent(), other.parent()) else { return false };
    if !difference.to.needs(difference.id).contains(parent) {
        return false;
    }
    let index = |(id, fact): (&FactId, &Fact)| index::columns_of(id, fact).filter(|_| id.parent() == Some(parent));
    let Some(columns) = difference.to.entry(other).and_then(index) else { return false };
    let belongs = |id: &&FactId| id.kind() == KindId::IndexAttachment && id.path().any(|id| id == table);
    let is_one_of_several = || difference.to.below(parent).filter_map(index).filter(|of| *of == columns).count() > 1;
    !difference.dependents_after(other).iter().any(belongs) || is_one_of_several()
}

/// Indexes of a table that is there already are taken for those that the parent wants, if they are whole.
fn also(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    let Some(table) = difference.id.parent().filter(|_| doing == Doing::Create) else { return Vec::new() };
    let is_wanted = |id: &FactId| match id.kind() {
        KindId::Column | KindId::Constraint => true,
        KindId::Index => difference.to.get(&id.child(KindId::IndexAttachment, "")).is_some(),
        _ => false,
    };
    let parts = difference.to.below(table).map(|(id, _)| id);
    let mut wanted: Vec<FactId> = parts.filter(|id| is_wanted(id)).cloned().collect();
    let mut waiting = wanted.clone();
    while let Some(index) = waiting.pop() {
        let parts = difference.dependents_after(&index).iter().filter(|id| id.kind() == KindId::IndexAttachment);
        for part in parts {
            wanted.push((*part).clone());
            waiting.extend(part.parent().cloned());
        }
    }
    wanted
}
