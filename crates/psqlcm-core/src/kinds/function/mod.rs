//! A function, window functions included, as PostgreSQL prints it.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, deparsed, plain, shared, shell_type, Response};
use crate::fact::Fact;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "function",
    folder: Some("functions"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Proc, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    respond,
    alter: shared::alter_by_create,
    spaces: shared::routine_space,
    comes_with: shell_type::type_of,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

/// `arguments` and `result` decide whether CREATE OR REPLACE can change it in place.
const ATTRIBUTES: &[Attribute] = &[plain("arguments"), plain("result"), deparsed("definition")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, kind, signature, arguments, result, definition, owner, acl, usual] =
        columns(KIND.name, cells)?;
    let (own, owner) = (oid(own)?, oid(owner)?);
    let Some(schema) = reader.schema(oid(namespace)?) else { return Ok(()) };
    let kind = match kind {
        Some("f" | "w") => KindId::Function,
        Some("p") => KindId::Procedure,
        other => return Err(ReadError::Unknown { what: "kind of routine", value: other.unwrap_or_default().into() }),
    };
    let id = schema.qualified_child(kind, text(name)?, text(signature)?);
    let fact = Fact::new()
        .text("arguments", arguments)
        .text("result", result)
        .text("definition", definition.map(|text| text.trim_end_matches('\n')));
    reader.add(Catalog::Proc, own, &id, fact);
    reader.owner(&id, owner);
    reader.grants(&id, Some(owner), acl, usual)
}

/// The definition is a whole statement.
pub(super) fn create(group: &Group<'_>) -> Vec<String> {
    vec![group.fact.get_text("definition").unwrap_or_default().to_owned()]
}

/// CREATE OR REPLACE changes all but how a function is called and what it gives.
pub(super) fn respond(difference: &Difference<'_>) -> Response {
    match difference.differs("arguments") || difference.differs("result") {
        true => Response::Again,
        false => shared::alters(difference),
    }
}
