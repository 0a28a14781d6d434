//! The comment on any object.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, schema, shared};
use crate::fact::{Fact, FactId};
use crate::name::quote_literal;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid};

pub(super) static KIND: Kind = Kind {
    name: "comment",
    satellite: true,
    sharing: super::Sharing::ByFile,
    attributes: ATTRIBUTES,
    globals: &[Read { catalog: Catalog::Authid, sql: &[(OLDEST, include_str!("globals.sql"))], row: global }],
    display: |id| {
        let index = if id.name() == ON_INDEX { "index of " } else { "" };
        format!("comment on {index}{}", id.parent().map(ToString::to_string).unwrap_or_default())
    },
    create,
    respond: shared::alters,
    alter: shared::alter_by_create,
    drop,
    effect: super::effect::light,
    cases: include_str!("cases.md"),
    ..shared::PART
};

/// The name of the comment on the index of a constraint, as the constraint may have a comment too.
const ON_INDEX: &str = "index";

/// The identity of the comment on what stands for an object of that catalog.
pub(crate) fn id_on(object: &FactId, catalog: u32) -> FactId {
    match object.kind() == KindId::Constraint && catalog == Catalog::Class as u32 {
        true => id_on_index(object),
        false => object.child(KindId::Comment, ""),
    }
}

/// The identity of the comment on an index, be it a constraint's.
pub(super) fn id_on_index(index: &FactId) -> FactId {
    index.child(KindId::Comment, if index.kind() == KindId::Constraint { ON_INDEX } else { "" })
}

const ATTRIBUTES: &[Attribute] = &[plain("text")];

/// The comment on a role or a tablespace.
fn global(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[object, catalog, text] = columns(KIND.name, cells)?;
    let (object, catalog) = (oid(object)?, oid(catalog)?);
    if let Some(id) = reader.global(catalog, object) {
        reader.add_part(id_on(&id, catalog), Fact::new().text("text", text));
    }
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let text = quote_literal(group.fact.get_text("text").unwrap_or_default());
    on(group.id).map(|object| format!("COMMENT ON {object} IS {text}")).into_iter().collect()
}

/// What the comment is on, as COMMENT takes it.
fn on(id: &FactId) -> Option<String> {
    let object = id.parent()?;
    Some(match id.name() {
        ON_INDEX => format!("INDEX {}", shared::schema_path(object)),
        _ => (object.kind().kind().reference)(object),
    })
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    let usual = difference.id.parent().and_then(schema::usual_comment).map_or_else(|| "NULL".to_owned(), quote_literal);
    on(difference.id).map(|object| format!("COMMENT ON {object} IS {usual}")).into_iter().collect()
}
