//! An operator class, with the operators and functions that are a part of it. It always names its family, which
//! PostgreSQL would make along with it otherwise.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, flag, list, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "operator class",
    folder: Some("operator_classes"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::OperatorClass, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| format!("operator class {} using {}", name(id), quote_ident(id.qualifier())),
    reference,
    create,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[
    plain("type"),
    plain("default"),
    plain("family"),
    plain("storage"),
    plain("operators"),
    plain("functions"),
];

/// `app.ops`: the name without the method.
pub(super) fn name(id: &FactId) -> String {
    shared::schema_path(id)
}

fn reference(id: &FactId) -> String {
    format!("OPERATOR CLASS {} USING {}", name(id), quote_ident(id.qualifier()))
}

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[
        own,
        namespace,
        name,
        owner,
        method,
        data_type,
        is_default,
        family,
        storage,
        operators,
        operator_oids,
        functions,
        function_oids,
    ] = columns(KIND.name, cells)?;
    let Some(schema) = reader.schema(oid(namespace)?) else { return Ok(()) };
    let id = schema.qualified_child(KindId::OperatorClass, text(name)?, text(method)?);
    let fact = Fact::new()
        .text("type", data_type)
        .yes("default", flag(is_default)?)
        .text("family", family)
        .text("storage", storage)
        .list("operators", &list(operators)?)
        .list("functions", &list(functions)?);
    reader.add(Catalog::OperatorClass, oid(own)?, &id, fact);
    for (catalog, oids) in
        [(Catalog::AccessOperator, operator_oids), (Catalog::AccessFunction, function_oids)]
    {
        for part in list(oids)? {
            reader.locate(catalog, oid(Some(&part))?, 0, &id);
        }
    }
    reader.owner(&id, oid(owner)?);
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let text = |name| group.fact.get_text(name).unwrap_or_default();
    let storage = group.fact.get_text("storage").map(|storage| format!("STORAGE {storage}"));
    let parts = group.fact.get_list("operators").iter().chain(group.fact.get_list("functions"));
    let mut parts: Vec<_> = storage.into_iter().chain(parts.map(ToString::to_string)).collect();
    if parts.is_empty() {
        // Something must be said, and this changes nothing.
        parts.push(format!("STORAGE {}", text("type")));
    }
    let default = if group.fact.is("default") { " DEFAULT" } else { "" };
    let (own, data_type, method) = (name(group.id), text("type"), quote_ident(group.id.qualifier()));
    let parts: Vec<_> = parts.iter().map(|part| format!("\n    {part}")).collect();
    vec![format!(
        "CREATE OPERATOR CLASS {own}{default} FOR TYPE {data_type} USING {method} FAMILY {} AS{}",
        text("family"),
        parts.join(",")
    )]
}
