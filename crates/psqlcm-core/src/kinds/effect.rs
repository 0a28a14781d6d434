//! What actions do to relations, as far as several kinds have it in common.

use super::KindId;
use crate::fact::FactId;
use crate::plan::{Difference, Doing, Effect, Lock, Touch, Work};
use crate::snapshot::Snapshot;

/// The table, view or the like that a fact is or belongs to.
pub(super) fn relation(id: &FactId) -> Option<&FactId> {
    id.path().find(|id| {
        matches!(
            id.kind(),
            KindId::Table | KindId::ForeignTable | KindId::View | KindId::MaterializedView | KindId::Sequence
        )
    })
}

/// The other relations that a fact needs: the one a foreign key refers to, the parent of a partition.
pub(super) fn needed_relations<'a>(
    snapshot: &'a Snapshot,
    id: &'a FactId,
) -> impl Iterator<Item = &'a FactId> {
    let own = relation(id);
    snapshot.needs(id).iter().filter_map(relation).filter(move |needed| Some(*needed) != own)
}

/// The tables with columns of a type.
pub(super) fn tables_of_type<'a>(snapshot: &'a Snapshot, data_type: &FactId) -> Vec<&'a FactId> {
    let columns = snapshot.facts().map(|(id, _)| id).filter(|id| id.kind() == KindId::Column);
    let tables = columns.filter(|id| snapshot.needs(id).contains(data_type)).filter_map(FactId::parent);
    let mut tables: Vec<_> = tables.filter(|id| super::table::is_table(id.kind())).collect();
    tables.dedup();
    tables
}

/// Nobody else can use the relation meanwhile, which is so for most changes.
pub(super) fn usual(difference: &Difference<'_>, _: Doing) -> Effect {
    locking(difference, Lock::AccessExclusive)
}

/// What is said of a relation, and what is read with it.
pub(super) fn light(difference: &Difference<'_>, _: Doing) -> Effect {
    locking(difference, Lock::ShareUpdateExclusive)
}

/// No relation is locked.
pub(super) fn none(_: &Difference<'_>, _: Doing) -> Effect {
    Effect::default()
}

/// Writers wait; to drop it, readers too.
pub(super) fn of_trigger(difference: &Difference<'_>, doing: Doing) -> Effect {
    let lock = if doing == Doing::Drop { Lock::AccessExclusive } else { Lock::ShareRowExclusive };
    locking(difference, lock)
}

/// Statistics of several columns are no part of their table.
pub(super) fn of_statistics(difference: &Difference<'_>, doing: Doing) -> Effect {
    let side = if doing == Doing::Drop { difference.from } else { difference.to };
    needed_relations(side, difference.id)
        .fold(Effect::default(), |effect, table| effect.and(Touch::new(table, Lock::ShareUpdateExclusive)))
}

/// Where a sequence stands is forgotten with it.
pub(super) fn of_sequence(difference: &Difference<'_>, doing: Doing) -> Effect {
    match doing {
        Doing::Drop => {
            usual(difference, doing).losing(format!("the number at which {} stands", difference.id))
        }
        Doing::Alter => locking(difference, Lock::ShareRowExclusive),
        Doing::Create | Doing::SetAside | Doing::Rename => usual(difference, doing),
    }
}

/// An index is built while nobody writes.
pub(super) fn of_index(difference: &Difference<'_>, doing: Doing) -> Effect {
    let Some(table) = relation(difference.id) else { return Effect::default() };
    let is_unique =
        || difference.becomes().get_text("definition").is_some_and(|text| text.starts_with("CREATE UNIQUE"));
    match doing {
        Doing::Create => {
            let touch = Touch::new(table, Lock::Share).working(Work::Build);
            Effect::of(if is_unique() {
                touch.failing("two of them are equal in its columns")
            } else {
                touch
            })
        }
        Doing::Alter if difference.differs_only_in(&["statistics"]) => light(difference, doing),
        Doing::Alter if difference.differs("tablespace") => {
            Effect::of(Touch::new(table, Lock::AccessExclusive).working(Work::Build))
        }
        _ => usual(difference, doing),
    }
}

/// The rows of a partition are looked at, unless a check says that they fit.
pub(super) fn of_attachment(difference: &Difference<'_>, doing: Doing) -> Effect {
    let Some(partition) = difference.id.parent() else { return Effect::default() };
    let side = if doing == Doing::Drop { difference.from } else { difference.to };
    let parents = needed_relations(side, difference.id);
    let (own, lock) = match doing {
        Doing::Drop if difference.from.server_version < 140_000 => {
            (Touch::new(partition, Lock::ShareUpdateExclusive), Lock::AccessExclusive)
        }
        Doing::Drop => (Touch::new(partition, Lock::AccessExclusive), Lock::AccessExclusive),
        _ => {
            let touch = Touch::new(partition, Lock::AccessExclusive).working(Work::Scan);
            (touch.failing("one of them does not belong into the partition"), Lock::ShareUpdateExclusive)
        }
    };
    parents.fold(Effect::of(own), |effect, parent| effect.and(Touch::new(parent, lock)))
}

/// Values are added in place; where some are taken away, the type is another one.
pub(super) fn of_enum(difference: &Difference<'_>, doing: Doing) -> Effect {
    let (before, after) = (difference.was().get_list("labels"), difference.becomes().get_list("labels"));
    let only_in = |one: &[Box<str>], other: &[Box<str>]| -> Vec<String> {
        one.iter().filter(|label| !other.contains(label)).map(ToString::to_string).collect()
    };
    match doing {
        Doing::Alter => Effect { new_values: only_in(after, before), ..Effect::default() },
        Doing::Drop if difference.after.is_some() => match only_in(before, after).as_slice() {
            [] => Effect::default(),
            gone => Effect::default().losing(format!("of {} the values {}", difference.id, gone.join(", "))),
        },
        _ => Effect::default(),
    }
}

/// All tables that have such columns are looked at.
pub(super) fn of_domain(difference: &Difference<'_>, doing: Doing) -> Effect {
    match doing == Doing::Alter && difference.differs("not_null") && difference.becomes().is("not_null") {
        true => of_values(difference.from, difference.id, "a value is NULL"),
        false => Effect::default(),
    }
}

fn of_values(from: &Snapshot, domain: &FactId, when: &str) -> Effect {
    tables_of_type(from, domain).into_iter().fold(Effect::default(), |effect, table| {
        effect.and(Touch::new(table, Lock::Share).working(Work::Scan).failing(when))
    })
}

/// What constraints demand is looked for in all rows, or an index is built.
pub(super) fn of_constraint(difference: &Difference<'_>, doing: Doing) -> Effect {
    let fact = difference.becomes();
    let is_checked = !fact.is("not_valid");
    if let Some(domain) = difference.id.ancestor(KindId::Domain) {
        // That its values are not NULL the domain says itself.
        let checks = is_checked && doing != Doing::Drop && !super::constraint::is_not_null(fact);
        return if checks {
            of_values(difference.from, domain, "a value breaks it")
        } else {
            Effect::default()
        };
    }
    let Some(table) = relation(difference.id) else { return Effect::default() };
    let whole = Touch::new(table, Lock::AccessExclusive);
    match (doing, fact.get_text("type")) {
        (Doing::Create, Some("check")) if is_checked => {
            Effect::of(whole.working(Work::Scan).failing("one of them breaks it"))
        }
        (Doing::Create, Some("not null")) if is_checked => {
            Effect::of(whole.working(Work::Scan).failing("one of them has NULL there"))
        }
        (Doing::Create, Some("primary key")) => Effect::of(
            whole.working(Work::Build).failing("two of them are equal in its columns, or one has NULL there"),
        ),
        (Doing::Create, Some("unique")) => {
            Effect::of(whole.working(Work::Build).failing("two of them are equal in its columns"))
        }
        (Doing::Create, Some("exclusion")) => {
            Effect::of(whole.working(Work::Build).failing("two of them exclude each other"))
        }
        (Doing::Alter, _) if difference.differs("not_valid") => {
            let touch = Touch::new(table, Lock::ShareUpdateExclusive);
            Effect::of(touch.working(Work::Scan).failing("one of them breaks it"))
        }
        (Doing::Alter, _) if difference.differs("tablespace") => Effect::of(whole.working(Work::Build)),
        _ => Effect::of(whole),
    }
}

/// Both tables are locked, and rows of the one are looked up in the other.
pub(super) fn of_foreign_key(difference: &Difference<'_>, doing: Doing) -> Effect {
    const FAILS: &str = "what one of them refers to is not there";
    let Some(table) = relation(difference.id) else { return Effect::default() };
    let side = if doing == Doing::Drop { difference.from } else { difference.to };
    let both = |own: Touch| {
        let lock = own.lock;
        needed_relations(side, difference.id)
            .fold(Effect::of(own), |effect, other| effect.and(Touch::new(other, lock)))
    };
    match doing {
        Doing::Create if difference.becomes().is("not_valid") => {
            both(Touch::new(table, Lock::ShareRowExclusive))
        }
        Doing::Create => both(Touch::new(table, Lock::ShareRowExclusive).working(Work::Scan).failing(FAILS)),
        Doing::Alter => {
            let is_enforced = super::foreign_key::is_enforced_otherwise(difference);
            let is_said = is_enforced || super::foreign_key::is_checked_at_other_times(difference);
            let lock = if is_said { Lock::AccessExclusive } else { Lock::ShareUpdateExclusive };
            let touch = Touch::new(table, lock);
            match super::foreign_key::is_enforced(difference.becomes()) {
                true if is_enforced => both(touch.working(Work::Scan).failing(FAILS)),
                true if difference.differs("not_valid") => {
                    Effect::of(touch.working(Work::Scan).failing(FAILS))
                }
                false if is_enforced => both(touch),
                _ => Effect::of(touch),
            }
        }
        Doing::Drop | Doing::SetAside | Doing::Rename => both(Touch::new(table, Lock::AccessExclusive)),
    }
}

/// Rows go with their table.
pub(super) fn of_table(difference: &Difference<'_>, doing: Doing) -> Effect {
    let touch = Touch::new(difference.id, Lock::AccessExclusive);
    let moves = ["unlogged", "tablespace", "access_method"];
    match doing {
        Doing::Create | Doing::SetAside | Doing::Rename => Effect::of(touch),
        Doing::Drop if super::table::is_partitioned(difference.was()) => Effect::of(touch),
        Doing::Drop => {
            let again = if difference.after.is_some() { ", which is made again" } else { "" };
            Effect::of(touch).losing(format!("all rows of {}{again}", difference.id))
        }
        Doing::Alter if difference.differs_only_in(&["options", "toast_options"]) => light(difference, doing),
        Doing::Alter if moves.iter().any(|name| difference.differs(name)) => {
            Effect::of(touch.working(Work::Rewrite))
        }
        Doing::Alter => Effect::of(touch),
    }
}

fn locking(difference: &Difference<'_>, lock: Lock) -> Effect {
    relation(difference.id).map(|relation| Effect::of(Touch::new(relation, lock))).unwrap_or_default()
}
