//! An extension, by name and schema. Its version belongs to the installation: a restore takes the one the
//! server offers, as `pg_dump` does, and a difference is reported.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, local, plain, shared::{self, PART}};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "extension",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Extension, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    respond: shared::alters,
    alter,
    brings_into: Some("schema"),
    cases: include_str!("cases.md"),
    ..PART
};

const ATTRIBUTES: &[Attribute] = &[plain("schema"), local("version")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, name, namespace, schema, version, rows] = columns(KIND.name, cells)?;
    let id = FactId::root(KindId::Extension, text(name)?);
    let fact = Fact::new().text("schema", schema).text("version", version);
    reader.add(Catalog::Extension, oid(own)?, &id, fact);
    if let Some(schema) = reader.schema(oid(namespace)?) {
        reader.need(&id, &schema);
    }
    if let Some(table) = rows {
        reader.mention("rows of a configuration table", table, "rows are not captured");
    }
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let schema = group.fact.get_text("schema").unwrap_or("public");
    let name = quote_ident(group.id.name());
    let create = format!("CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA {}", quote_ident(schema));
    // It comes with a comment of its own.
    let comment = group.snapshot.get(&group.id.child(KindId::Comment, ""));
    let no_comment = comment.is_none().then(|| format!("COMMENT ON EXTENSION {name} IS NULL"));
    std::iter::once(create).chain(no_comment).collect()
}

/// The version belongs to the installation.
fn alter(difference: &Difference<'_>) -> Vec<String> {
    let schema = difference.becomes().get_text("schema").unwrap_or("public");
    vec![format!("ALTER EXTENSION {} SET SCHEMA {}", quote_ident(difference.id.name()), quote_ident(schema))]
}
