//! An object that came with an extension or with PostgreSQL itself, and whose privileges were changed. Nothing
//! makes it but its extension; it is here for its grants.
//!
//! Its name is the whole identity as PostgreSQL prints it, quotes and argument types included; its qualifier is the
//! word that GRANT knows it by.

use super::{Catalog, Kind, KindId, OLDEST, Read, shared};
use crate::fact::{Fact, FactId};
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "member",
    reads: &[Read { catalog: Catalog::Extension, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| format!("{} {}", id.qualifier().to_lowercase(), id.name()),
    reference: |id| format!("{} {}", id.qualifier(), id.name()),
    cases: include_str!("cases.md"),
    ..shared::PART
};

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[extension, word, identity, column, owner, acl, usual] = columns(KIND.name, cells)?;
    let extension = reader.fact_at(Catalog::Extension, oid(extension)?, 0).cloned();
    let member = FactId::build(extension, KindId::Member, text(identity)?, text(word)?);
    reader.add_part(member.clone(), Fact::new());
    let of = match column {
        Some(column) => {
            let column = member.child(KindId::Column, column);
            reader.add_part(column.clone(), Fact::new());
            column
        }
        None => member,
    };
    reader.grants(&of, Some(oid(owner)?), acl, usual)
}
