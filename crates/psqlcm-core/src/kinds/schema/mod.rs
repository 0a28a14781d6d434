//! A schema. `public` is in every new database: it is kept as it is there, and only what differs is a fact.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, shared::PART};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "schema",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Namespace, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    cases: include_str!("cases.md"),
    ..PART
};

const ATTRIBUTES: &[Attribute] = &[];

/// The bootstrap superuser and `pg_database_owner`: who owns `public` in a new database, before and since 15.
const OWNERS_OF_PUBLIC: [u32; 2] = [10, 6171];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, name, owner, acl, usual] = columns(KIND.name, cells)?;
    let (own, owner) = (oid(own)?, oid(owner)?);
    let id = FactId::root(KindId::Schema, text(name)?);
    reader.add(Catalog::Namespace, own, &id, Fact::new());
    let usual_owner = OWNERS_OF_PUBLIC[usize::from(reader.server_version() >= 150_000)];
    if id.name() != "public" || owner != usual_owner {
        reader.owner(&id, owner);
    }
    reader.grants(&id, Some(owner), acl, usual)
}

fn create(group: &Group<'_>) -> Vec<String> {
    let unless = if group.id.name() == "public" { " IF NOT EXISTS" } else { "" };
    vec![format!("CREATE SCHEMA{unless} {}", quote_ident(group.id.name()))]
}
