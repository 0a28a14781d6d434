//! An operator family by itself; what it holds apart from its classes are facts of their own.

use super::{Catalog, Kind, KindId, OLDEST, Read, operator_class, shared};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "operator family",
    folder: Some("operator_families"),
    reads: &[Read { catalog: Catalog::OperatorFamily, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| {
        format!("operator family {} using {}", operator_class::name(id), quote_ident(id.qualifier()))
    },
    reference,
    create,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

/// `OPERATOR FAMILY app.ops USING btree`.
pub(super) fn reference(id: &FactId) -> String {
    format!("OPERATOR FAMILY {} USING {}", operator_class::name(id), quote_ident(id.qualifier()))
}

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, owner, method] = columns(KIND.name, cells)?;
    let Some(schema) = reader.schema(oid(namespace)?) else { return Ok(()) };
    let id = schema.qualified_child(KindId::OperatorFamily, text(name)?, text(method)?);
    reader.add(Catalog::OperatorFamily, oid(own)?, &id, Fact::new());
    reader.owner(&id, oid(owner)?);
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    vec![format!("CREATE {}", reference(group.id))]
}
