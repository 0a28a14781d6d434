//! That a materialized view has been populated. It is refreshed once all else is there, as its owner needs
//! the privileges on what it reads.

use std::collections::BTreeSet;

use super::{Kind, KindId, shared};
use crate::fact::FactId;
use crate::plan::Group;
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "population",
    satellite: true,
    state: true,
    late: true,
    display: |id| format!("population of materialized view {}", shared::parent_path(id)),
    create,
    edges,
    drop: shared::goes_along,
    cases: include_str!("cases.md"),
    ..shared::PART
};

fn create(group: &Group<'_>) -> Vec<String> {
    let refresh = vec![format!("REFRESH MATERIALIZED VIEW {}", shared::parent_path(group.id))];
    match shared::makes_on_own_path(group.snapshot) {
        true => refresh,
        false => shared::on_path_of(group.snapshot, &reached(group.snapshot, group.id.object()), refresh),
    }
}

/// Whatever a materialized view reads, through views and functions too, must have rows before it.
fn edges(snapshot: &mut Snapshot) {
    let populations: Vec<FactId> =
        snapshot.facts().map(|(id, _)| id).filter(|id| id.kind() == KindId::Population).cloned().collect();
    for population in populations {
        for needed in reached(snapshot, population.object()) {
            let before = needed.child(KindId::Population, "");
            if needed.kind() == KindId::MaterializedView && snapshot.get(&before).is_some() {
                snapshot.add_need(&population, &before);
            }
        }
    }
}

/// All that an object needs, directly and through others, with what it is defined by.
fn reached(snapshot: &Snapshot, object: &FactId) -> BTreeSet<FactId> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![object.clone()];
    while let Some(at) = waiting.pop() {
        let definition = at.child(KindId::ViewDefinition, "");
        for needed in snapshot.needs(&at).iter().chain(snapshot.needs(&definition)) {
            let needed = needed.object();
            if needed != object && seen.insert(needed.clone()) {
                waiting.push(needed.clone());
            }
        }
    }
    seen
}
