//! That a materialized view has been populated. It is refreshed once all else is there, as its owner needs
//! the privileges on what it reads.

use super::{Kind, shared};
use crate::plan::Group;

pub(super) static KIND: Kind = Kind {
    name: "population",
    satellite: true,
    late: true,
    display: |id| format!("population of materialized view {}", shared::parent_path(id)),
    create,
    cases: include_str!("cases.md"),
    ..shared::PART
};

fn create(group: &Group<'_>) -> Vec<String> {
    vec![format!("REFRESH MATERIALIZED VIEW {}", shared::parent_path(group.id))]
}
