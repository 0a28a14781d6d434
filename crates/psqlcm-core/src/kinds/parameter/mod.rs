//! A configuration parameter of the server on which somebody was granted something. It is there whatever we do.

use super::{Catalog, Kind, KindId, OLDEST, Read, role, shared};
use crate::fact::{Fact, FactId};
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "parameter",
    globals: &[Read {
        catalog: Catalog::ParameterAcl,
        sql: &[(OLDEST, include_str!("globals.sql")), (150_000, include_str!("globals.pg15.sql"))],
        row,
    }],
    reference: |id| format!("PARAMETER {}", shared::parameter(id.name())),
    cases: include_str!("cases.md"),
    ..shared::PART
};

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, name, acl, usual] = columns(KIND.name, cells)?;
    let id = FactId::root(KindId::Parameter, text(name)?);
    reader.add(Catalog::ParameterAcl, oid(own)?, &id, Fact::new());
    reader.grants(&id, Some(role::BOOTSTRAP), acl, usual)
}
