//! The default of a column; the expression of a generated column is a part of the column.

use super::{Alone, Attribute, Catalog, Fold, Kind, KindId, OLDEST, Read, deparsed, shared};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid, text, text_value};

pub(super) static KIND: Kind = Kind {
    name: "default",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::AttrDef, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| format!("default of column {}", shared::parent_path(id)),
    fold,
    create,
    respond: shared::alters,
    alter: shared::alter_by_create,
    drop,
    drops_alone: Alone::AtOnce,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[deparsed("expression")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, relation, column, expression] = columns(KIND.name, cells)?;
    let own = oid(own)?;
    let Some(column) = reader.column(oid(relation)?, oid(column)?) else { return Ok(()) };
    let expression = text_value(text(expression)?);
    match reader.fact_mut(&column).filter(|fact| fact.get("generated").is_some()) {
        Some(generated) => {
            generated.set("expression", expression);
            reader.locate(Catalog::AttrDef, own, 0, &column);
        }
        None => {
            let id = column.child(KindId::Default, "");
            reader.add(Catalog::AttrDef, own, &id, Fact::new().with("expression", expression));
        }
    }
    Ok(())
}

/// A view's column takes its default only once the view is there.
fn fold(id: &FactId, _: &Fact) -> Fold {
    match id.ancestor(KindId::View) {
        Some(_) => Fold::Never,
        None => Fold::May,
    }
}

/// Only where it could not be folded: it needs something that needs the table, or the column is a view's.
fn create(group: &Group<'_>) -> Vec<String> {
    let (Some(column), Some(expression)) = (group.id.parent(), group.fact.get_text("expression")) else {
        return Vec::new();
    };
    vec![format!("{} SET DEFAULT {expression}", alter_of(column))]
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    let Some(column) = difference.id.parent() else { return Vec::new() };
    vec![format!("{} DROP DEFAULT", alter_of(column))]
}

/// The words that all statements about it begin with.
fn alter_of(column: &FactId) -> String {
    let only = match column.parent().map(FactId::kind) {
        Some(KindId::View) => "VIEW",
        _ => "TABLE ONLY",
    };
    format!("ALTER {only} {} ALTER COLUMN {}", shared::parent_path(column), quote_ident(column.name()))
}
