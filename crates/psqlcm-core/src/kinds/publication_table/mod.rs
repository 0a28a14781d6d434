//! That a table is in a publication, with the rows and columns of it that are published.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, deparsed, plain, shared};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, list, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "publication table",
    attributes: ATTRIBUTES,
    reads: &[Read {
        catalog: Catalog::PublicationTable,
        sql: &[(OLDEST, include_str!("read.sql")), (150_000, include_str!("read.pg15.sql"))],
        row,
    }],
    display: |id| format!("table {} of publication {}", table(id), shared::parent_path(id)),
    create,
    drop,
    effect: super::effect::light,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("columns"), deparsed("filter")];

/// The table's name; it may belong to an extension and be no fact.
fn table(id: &FactId) -> String {
    format!("{}.{}", quote_ident(id.qualifier()), quote_ident(id.name()))
}

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, publication, schema, name, columns, filter] = columns(KIND.name, cells)?;
    let publication = reader.fact_at(Catalog::Publication, oid(publication)?, 0).cloned();
    let Some(publication) = publication else { return Ok(()) };
    let id = publication.qualified_child(KindId::PublicationTable, text(name)?, text(schema)?);
    let fact = Fact::new().list("columns", &list(columns)?).text("filter", filter);
    reader.add(Catalog::PublicationTable, oid(own)?, &id, fact);
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let columns: Vec<_> = group.fact.get_list("columns").iter().map(|name| quote_ident(name)).collect();
    let columns = if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
    let filter = group.fact.get_text("filter").map(|filter| format!(" WHERE ({filter})")).unwrap_or_default();
    let publication = shared::parent_path(group.id);
    vec![format!("ALTER PUBLICATION {publication} ADD TABLE ONLY {}{columns}{filter}", table(group.id))]
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    vec![format!("ALTER PUBLICATION {} DROP TABLE ONLY {}", shared::parent_path(difference.id), table(difference.id))]
}
