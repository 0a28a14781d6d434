//! Which column owns a sequence. A fact of its own, because the column's default needs the sequence.

use super::{Attribute, Kind, plain, shared};
use crate::plan::Group;

pub(super) static KIND: Kind = Kind {
    name: "owned by",
    attributes: ATTRIBUTES,
    display: |id| format!("owning column of sequence {}", shared::parent_path(id)),
    create,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("column")];

fn create(group: &Group<'_>) -> Vec<String> {
    let column = group.fact.get_text("column").unwrap_or_default();
    vec![format!("ALTER SEQUENCE {} OWNED BY {column}", shared::parent_path(group.id))]
}
