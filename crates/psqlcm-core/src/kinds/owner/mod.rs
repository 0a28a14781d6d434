//! Who owns an object.

use super::{Attribute, Kind, plain, schema, shared};
use crate::name::quote_ident;
use crate::plan::Group;

pub(super) static KIND: Kind = Kind {
    name: "owner",
    satellite: true,
    sharing: super::Sharing::ByFile,
    attributes: ATTRIBUTES,
    display: |id| format!("owner of {}", id.parent().map(ToString::to_string).unwrap_or_default()),
    create,
    respond: shared::alters,
    alter: shared::alter_by_create,
    drop: schema::drop_owner,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("role")];

fn create(group: &Group<'_>) -> Vec<String> {
    let (Some(object), Some(role)) = (group.id.parent(), group.fact.get_text("role")) else { return Vec::new() };
    vec![format!("ALTER {} OWNER TO {}", (object.kind().kind().reference)(object), quote_ident(role))]
}
