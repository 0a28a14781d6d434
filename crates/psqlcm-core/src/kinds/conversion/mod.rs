//! A conversion between encodings.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::Fact;
use crate::name::quote_literal;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, flag};

pub(super) static KIND: Kind = Kind {
    name: "conversion",
    folder: Some("conversions"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Conversion, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("from"), plain("to"), plain("function"), plain("default")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, owner, from, to, function, is_default] = columns(KIND.name, cells)?;
    let fact = Fact::new()
        .text("from", from)
        .text("to", to)
        .text("function", function)
        .yes("default", flag(is_default)?);
    let cells = [own, namespace, name, owner];
    shared::add_in_schema(reader, Catalog::Conversion, KindId::Conversion, &cells, fact)?;
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let default = if group.fact.is("default") { " DEFAULT" } else { "" };
    let text = |name| group.fact.get_text(name).unwrap_or_default();
    let (from, to, function) = (quote_literal(text("from")), quote_literal(text("to")), text("function"));
    vec![format!("CREATE{default} CONVERSION {} FOR {from} TO {to} FROM {function}", shared::path(group.id))]
}
