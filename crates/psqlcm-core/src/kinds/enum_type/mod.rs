//! An enum type with its labels in sort order.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::{Fact, FactId};
use crate::name::quote_literal;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, list, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "enum",
    folder: Some("types"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Type, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    reference,
    create,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("labels")];

/// `TYPE app.mood`, for all kinds that are types to PostgreSQL.
pub(super) fn reference(id: &FactId) -> String {
    format!("TYPE {}", shared::path(id))
}

/// Adds a type of a schema with what all types have: its array type, owner and grants.
///
/// # Errors
/// When the row is not what the statement promises.
pub(super) fn add_type(
    reader: &mut Reader,
    kind: KindId,
    cells: &[Option<&str>; 7],
    fact: Fact,
) -> Result<Option<FactId>, ReadError> {
    let &[own, namespace, name, array, owner, acl, usual] = cells;
    let Some(schema) = reader.schema(oid(namespace)?) else { return Ok(None) };
    let owner = oid(owner)?;
    let id = schema.child(kind, text(name)?);
    reader.add(Catalog::Type, oid(own)?, &id, fact);
    reader.locate(Catalog::Type, oid(array)?, 0, &id);
    reader.owner(&id, owner);
    reader.grants(&id, Some(owner), acl, usual)?;
    Ok(Some(id))
}

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, array, owner, acl, usual, labels] = columns(KIND.name, cells)?;
    let fact = Fact::new().list("labels", &list(labels)?);
    add_type(reader, KindId::Enum, &[own, namespace, name, array, owner, acl, usual], fact)?;
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let labels: Vec<_> = group.fact.get_list("labels").iter().map(|label| quote_literal(label)).collect();
    let labels = match labels.is_empty() {
        true => String::new(),
        false => format!("\n    {}\n", labels.join(",\n    ")),
    };
    vec![format!("CREATE TYPE {} AS ENUM ({labels})", shared::path(group.id))]
}
