//! A tablespace. Where it lies belongs to the machine. Those that initdb makes have no statement of their own.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, local, role, setting, shared};
use crate::fact::{Fact, FactId};
use crate::name::{quote_ident, quote_literal};
use crate::plan::Group;
use crate::read::{Cells, FIRST_USER_OID, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "tablespace",
    attributes: ATTRIBUTES,
    globals: &[Read { catalog: Catalog::Tablespace, sql: &[(OLDEST, include_str!("globals.sql"))], row }],
    create,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[local("location")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, name, owner, location, options, acl, usual] = columns(KIND.name, cells)?;
    let (own, owner) = (oid(own)?, oid(owner)?);
    let is_predefined = own < FIRST_USER_OID;
    let id = FactId::root(KindId::Tablespace, text(name)?);
    // One within the data directory is made with an empty location.
    let location = location.map(|path| if path.starts_with("pg_tblspc/") { "" } else { path });
    let fact = Fact::new().text("location", location.filter(|_| !is_predefined));
    reader.add(Catalog::Tablespace, own, &id, fact);
    setting::add(reader, Some(&id), "", options)?;
    if !is_predefined || owner != role::BOOTSTRAP {
        reader.owner(&id, owner);
    }
    reader.grants(&id, Some(owner), acl, usual)
}

fn create(group: &Group<'_>) -> Vec<String> {
    let name = quote_ident(group.id.name());
    let location = group.fact.get_text("location").map(quote_literal);
    location.map(|location| format!("CREATE TABLESPACE {name} LOCATION {location}")).into_iter().collect()
}
