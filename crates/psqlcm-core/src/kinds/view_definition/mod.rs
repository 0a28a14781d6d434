//! What a view selects.

use super::{Attribute, Kind, deparsed, shared, view};
use crate::plan::Group;

pub(super) static KIND: Kind = Kind {
    name: "view definition",
    attributes: ATTRIBUTES,
    display: |id| format!("definition of view {}", shared::parent_path(id)),
    fold: shared::may,
    create,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[deparsed("query")];

/// Only where it could not be folded: the view stands there without rows.
fn create(group: &Group<'_>) -> Vec<String> {
    let view = group.id.parent().and_then(|id| Some((id, group.snapshot.get(id)?)));
    let query = group.fact.get_text("query").unwrap_or_default();
    view.into_iter().map(|(id, fact)| view::statement("CREATE OR REPLACE VIEW", id, fact, query)).collect()
}
