//! A method of keeping tables or indexes, which has neither owner nor privileges.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::{Fact, FactId};
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "access method",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::AccessMethod, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("type"), plain("handler")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, name, kind, handler] = columns(KIND.name, cells)?;
    let kind = match kind {
        Some("t") => "TABLE",
        Some("i") => "INDEX",
        other => {
            return Err(ReadError::Unknown {
                what: "type of access method",
                value: other.unwrap_or_default().into(),
            });
        }
    };
    let fact = Fact::new().text("type", Some(kind)).text("handler", handler);
    reader.add(Catalog::AccessMethod, oid(own)?, &FactId::root(KindId::AccessMethod, text(name)?), fact);
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let text = |name| group.fact.get_text(name).unwrap_or_default();
    vec![format!("CREATE {} TYPE {} HANDLER {}", shared::reference(group.id), text("type"), text("handler"))]
}
