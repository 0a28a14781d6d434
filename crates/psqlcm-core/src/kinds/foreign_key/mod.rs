//! A foreign key; read along with constraints. Always a statement of its own, so that tables can refer to
//! each other.

use std::collections::{BTreeMap, BTreeSet};

use super::{Alone, Attribute, Kind, KindId, constraint, deparsed, plain, shared, table, Response, Space, Reaction};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::{Difference, Group};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "foreign key",
    sharing: super::Sharing::BySchema,
    attributes: ATTRIBUTES,
    reference: |id| format!("CONSTRAINT {} ON {}", quote_ident(id.name()), shared::parent_path(id)),
    create,
    edges,
    respond,
    alter,
    drop: constraint::drop,
    react,
    spaces: |id, _| vec![Space::Constraint(id.parent(), id.name())],
    drops_alone: Alone::AtOnce,
    rename: constraint::rename,
    effect: super::effect::of_foreign_key,
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

/// Whether and when it is checked can be changed in place, and that it has been.
fn respond(difference: &Difference<'_>) -> Response {
    let rest = |fact: &Fact| constraint::deferrable(fact.get_text("definition").unwrap_or_default()).0.to_owned();
    let (old, new) = (difference.was(), difference.becomes());
    let is_unproved = new.is("not_valid") && !(old.is("not_valid") && is_enforced(old));
    match rest(old) == rest(new) && !is_unproved {
        true => shared::alters(difference),
        false => Response::Again,
    }
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let (table, name) = (shared::parent_path(difference.id), quote_ident(difference.id.name()));
    let mut statements = Vec::new();
    if is_checked_at_other_times(difference) {
        let (_, when) = constraint::deferrable(difference.becomes().get_text("definition").unwrap_or_default());
        let when = if when.is_empty() { " NOT DEFERRABLE" } else { when };
        statements.push(format!("ALTER TABLE {table} ALTER CONSTRAINT {name}{when}"));
    }
    if is_enforced_otherwise(difference) {
        let enforced = if is_enforced(difference.becomes()) { "ENFORCED" } else { "NOT ENFORCED" };
        statements.push(format!("ALTER TABLE {table} ALTER CONSTRAINT {name} {enforced}"));
    } else if difference.differs("not_valid") {
        statements.push(format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name}"));
    }
    statements
}

/// Whether PostgreSQL is to look after it, or not any more; as it begins to it looks at all rows.
pub(super) fn is_enforced_otherwise(difference: &Difference<'_>) -> bool {
    is_enforced(difference.was()) != is_enforced(difference.becomes())
}

pub(super) fn is_enforced(fact: &Fact) -> bool {
    !fact.get_text("definition").is_some_and(|text| text.ends_with(constraint::NOT_ENFORCED))
}

/// That a partition's index is attached only says when the key could be made; and while there is the key, what it refers to
/// cannot go.
fn react(_: &Difference<'_>, needed: &FactId) -> Reaction {
    match needed.kind() {
        KindId::Attachment | KindId::IndexAttachment => Reaction::GoesFirst,
        _ => Reaction::Again,
    }
}

/// Whether when it is checked is another time than before. That it is valid stands in its definition too.
pub(super) fn is_checked_at_other_times(difference: &Difference<'_>) -> bool {
    let when = |fact: &'_ Fact| constraint::deferrable(fact.get_text("definition").unwrap_or_default()).1.to_owned();
    when(difference.was()) != when(difference.becomes())
}
