//! An enum type with its labels in sort order.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared, Response};
use crate::fact::{Fact, FactId};
use crate::name::quote_literal;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, list, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "enum",
    folder: Some("types"),
    sharing: super::Sharing::ByFile,
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Type, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    reference,
    create,
    respond,
    alter,
    set_aside: shared::rename_aside,
    drop_aside: shared::drop_aside,
    spaces: shared::type_space,
    rename: shared::rename,
    effect: super::effect::of_enum,
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

/// Labels are added in place; whatever else becomes of them asks for another type.
fn respond(difference: &Difference<'_>) -> Response {
    let mut after = difference.becomes().get_list("labels").iter();
    match difference.was().get_list("labels").iter().all(|label| after.any(|other| other == label)) {
        true => shared::alters(difference),
        false => Response::Again,
    }
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let (before, after) = (difference.was().get_list("labels"), difference.becomes().get_list("labels"));
    let path = shared::path(difference.id);
    let mut statements = Vec::new();
    for (at, label) in after.iter().enumerate().filter(|(_, label)| !before.contains(label)) {
        let place = match at.checked_sub(1) {
            Some(previous) => format!(" AFTER {}", quote_literal(&after[previous])),
            None => after.iter().find(|label| before.contains(label)).map(|next| format!(" BEFORE {}", quote_literal(next))).unwrap_or_default(),
        };
        statements.push(format!("ALTER TYPE {path} ADD VALUE {}{place}", quote_literal(label)));
    }
    statements
}
