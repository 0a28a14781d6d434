//! A foreign table. It is made as tables are, and says besides which server has it.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared, table};
use crate::fact::Fact;
use crate::plan::Difference;
use crate::read::{Cells, ReadError, Reader, columns, filled, list, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "foreign table",
    folder: Some("foreign_tables"),
    has_columns: true,
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Class, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create: table::create,
    respond: |difference| shared::alters_only(difference, &["foreign_options", "partition_bound", "parents"]),
    alter,
    also: table::also,
    spaces: shared::relation_and_type_space,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] =
    &[plain("server"), plain("foreign_options"), plain("partition_bound"), plain("parents")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, server, options, bound, row_type, row_array, owner, acl, usual] =
        columns(KIND.name, cells)?;
    let owner = oid(owner)?;
    let Some(schema) = reader.schema(oid(namespace)?) else { return Ok(()) };
    let id = schema.child(KindId::ForeignTable, text(name)?);
    let options = shared::without_secrets(reader, &id, list(options)?);
    let fact = Fact::new()
        .text("server", server)
        .list("foreign_options", &options)
        .text("partition_bound", filled(bound));
    reader.add(Catalog::Class, oid(own)?, &id, fact);
    for row_type in [row_type, row_array].into_iter().flatten() {
        reader.locate(Catalog::Type, oid(Some(row_type))?, 0, &id);
    }
    reader.owner(&id, owner);
    reader.grants(&id, Some(owner), acl, usual)
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let options = shared::changed_foreign_options(difference, "foreign_options");
    let options = options.map(|options| format!("ALTER FOREIGN TABLE {} {options}", shared::path(difference.id)));
    table::alter(difference).into_iter().chain(options).collect()
}
