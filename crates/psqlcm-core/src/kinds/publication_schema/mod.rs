//! That all tables of a schema are in a publication.

use super::{Catalog, Kind, KindId, OLDEST, Read, shared};
use crate::fact::Fact;
use crate::name::quote_ident;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "publication schema",
    reads: &[Read {
        catalog: Catalog::PublicationSchema,
        sql: &[(OLDEST, include_str!("read.sql")), (150_000, include_str!("read.pg15.sql"))],
        row,
    }],
    display: |id| format!("schema {} of publication {}", quote_ident(id.name()), shared::parent_path(id)),
    create,
    drop,
    cases: include_str!("cases.md"),
    ..shared::PART
};

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, publication, schema] = columns(KIND.name, cells)?;
    let publication = reader.fact_at(Catalog::Publication, oid(publication)?, 0).cloned();
    let Some(publication) = publication else { return Ok(()) };
    let id = publication.child(KindId::PublicationSchema, text(schema)?);
    reader.add(Catalog::PublicationSchema, oid(own)?, &id, Fact::new());
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let schema = quote_ident(group.id.name());
    vec![format!("ALTER PUBLICATION {} ADD TABLES IN SCHEMA {schema}", shared::parent_path(group.id))]
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    let schema = quote_ident(difference.id.name());
    vec![format!("ALTER PUBLICATION {} DROP TABLES IN SCHEMA {schema}", shared::parent_path(difference.id))]
}
