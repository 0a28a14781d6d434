//! A foreign key; read along with constraints. Always a statement of its own, so that tables can refer to
//! each other.

use super::{Attribute, Kind, deparsed, plain, shared, table};
use crate::name::quote_ident;
use crate::plan::Group;

pub(super) static KIND: Kind = Kind {
    name: "foreign key",
    attributes: ATTRIBUTES,
    reference: |id| format!("CONSTRAINT {} ON {}", quote_ident(id.name()), shared::parent_path(id)),
    create,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[deparsed("definition"), plain("not_valid")];

/// PostgreSQL refuses ONLY for a foreign key of a partitioned table.
fn create(group: &Group<'_>) -> Vec<String> {
    let partitioned = group.id.parent().and_then(|id| group.snapshot.get(id)).is_some_and(table::is_partitioned);
    let only = if partitioned { "" } else { " ONLY" };
    let definition = group.fact.get_text("definition").unwrap_or_default();
    let name = quote_ident(group.id.name());
    vec![format!("ALTER TABLE{only} {} ADD CONSTRAINT {name} {definition}", shared::parent_path(group.id))]
}
