//! A composite type that stands alone; the row types of tables belong to their tables.

use super::{Catalog, Kind, KindId, OLDEST, Read, column, enum_type, shared};
use crate::fact::Fact;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, oid};

pub(super) static KIND: Kind = Kind {
    name: "composite type",
    folder: Some("types"),
    sharing: super::Sharing::ByFile,
    has_columns: true,
    reads: &[Read { catalog: Catalog::Type, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    reference: enum_type::reference,
    create,
    set_aside: shared::rename_aside,
    drop_aside: shared::drop_aside,
    spaces: shared::relation_and_type_space,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, array, owner, acl, usual, relation] = columns(KIND.name, cells)?;
    let cells = [own, namespace, name, array, owner, acl, usual];
    if let Some(id) = enum_type::add_type(reader, KindId::Composite, &cells, Fact::new())? {
        reader.locate(Catalog::Class, oid(relation)?, 0, &id);
    }
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let attribute = |(id, fact)| format!("\n    {}", column::named_type(id, fact));
    let attributes: Vec<_> = group.children(group.id, KindId::Column).into_iter().map(attribute).collect();
    vec![format!("CREATE TYPE {} AS ({}\n)", shared::path(group.id), attributes.join(","))]
}
