//! An operator or a function that is in an operator family and in none of its classes.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, operator_family, plain, shared};
use crate::fact::Fact;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "operator family member",
    attributes: ATTRIBUTES,
    reads: &[
        Read {
            catalog: Catalog::AccessOperator,
            sql: &[(OLDEST, include_str!("read.operators.sql"))],
            row: operator_row,
        },
        Read {
            catalog: Catalog::AccessFunction,
            sql: &[(OLDEST, include_str!("read.functions.sql"))],
            row: function_row,
        },
    ],
    display: |id| {
        let family = id.parent().map(ToString::to_string).unwrap_or_default();
        format!("{} ({}) of {family}", id.name(), id.qualifier())
    },
    create,
    drop,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("definition")];

fn operator_row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    row(reader, Catalog::AccessOperator, cells)
}

fn function_row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    row(reader, Catalog::AccessFunction, cells)
}

/// What is in a class is a part of the class, which was not read yet: [`super::operator_class`] says that it is there.
fn row(reader: &mut Reader, catalog: Catalog, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, family, name, types, definition] = columns(KIND.name, cells)?;
    let family = reader.fact_at(Catalog::OperatorFamily, oid(family)?, 0).cloned();
    let Some(family) = family else { return Ok(()) };
    let id = family.qualified_child(KindId::OperatorFamilyMember, text(name)?, text(types)?);
    reader.add(catalog, oid(own)?, &id, Fact::new().text("definition", definition));
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let Some(family) = group.id.parent() else { return Vec::new() };
    let definition = group.fact.get_text("definition").unwrap_or_default();
    vec![format!("ALTER {} ADD {definition}", operator_family::reference(family))]
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    let Some(family) = difference.id.parent() else { return Vec::new() };
    let member = format!("{} ({})", difference.id.name().to_uppercase(), difference.id.qualifier());
    vec![format!("ALTER {} DROP {member}", operator_family::reference(family))]
}
