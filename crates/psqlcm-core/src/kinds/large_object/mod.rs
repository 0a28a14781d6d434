//! A large object: that it is there, for its owner, grants and comment. What it holds is data, like rows, and so is that
//! there is one more or less: it is restored, empty and under its number, and is no difference.

use super::{Catalog, Kind, KindId, OLDEST, Read, shared};
use crate::fact::{Fact, FactId};
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "large object",
    folder: Some("large_objects"),
    state: true,
    reads: &[Read { catalog: Catalog::LargeObject, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| format!("large object {}", id.name()),
    reference: |id| format!("LARGE OBJECT {}", id.name()),
    create,
    drop: shared::goes_along,
    cases: include_str!("cases.md"),
    ..shared::PART
};

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, owner, acl, usual] = columns(KIND.name, cells)?;
    let owner = oid(owner)?;
    let id = FactId::root(KindId::LargeObject, text(own)?);
    reader.add(Catalog::LargeObject, oid(own)?, &id, Fact::new());
    reader.owner(&id, owner);
    reader.grants(&id, Some(owner), acl, usual)
}

fn create(group: &Group<'_>) -> Vec<String> {
    vec![format!("SELECT pg_catalog.lo_create({})", group.id.name())]
}
