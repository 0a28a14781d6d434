//! How values of a type reach functions in a language, and come back; it has no owner and no privileges.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "transform",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Transform, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| format!("transform for {} language {}", id.name(), quote_ident(id.qualifier())),
    reference,
    create,
    respond: shared::alters,
    alter: shared::replace_by_create,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("from_sql"), plain("to_sql")];

/// The type is as PostgreSQL prints it, quoted where it must be.
fn reference(id: &FactId) -> String {
    format!("TRANSFORM FOR {} LANGUAGE {}", id.name(), quote_ident(id.qualifier()))
}

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, data_type, language, from_sql, to_sql] = columns(KIND.name, cells)?;
    let id = FactId::build(None, KindId::Transform, text(data_type)?, text(language)?);
    let fact = Fact::new().text("from_sql", from_sql).text("to_sql", to_sql);
    reader.add(Catalog::Transform, oid(own)?, &id, fact);
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let clause = |(attribute, words): (&str, &str)| {
        group.fact.get_text(attribute).map(|function| format!("{words} SQL WITH FUNCTION {function}"))
    };
    let clauses: Vec<_> = [("from_sql", "FROM"), ("to_sql", "TO")].into_iter().filter_map(clause).collect();
    vec![format!("CREATE {} ({})", reference(group.id), clauses.join(", "))]
}
