//! The comment on any object.

use super::{Attribute, Kind, plain, shared};
use crate::name::quote_literal;
use crate::plan::Group;

pub(super) static KIND: Kind = Kind {
    name: "comment",
    satellite: true,
    attributes: ATTRIBUTES,
    display: |id| format!("comment on {}", id.parent().map(ToString::to_string).unwrap_or_default()),
    create,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("text")];

fn create(group: &Group<'_>) -> Vec<String> {
    let Some(object) = group.id.parent() else { return Vec::new() };
    let text = quote_literal(group.fact.get_text("text").unwrap_or_default());
    vec![format!("COMMENT ON {} IS {text}", (object.kind().kind().reference)(object))]
}
