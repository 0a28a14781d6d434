//! A view: its name, columns and options. What it selects is a fact of its own, so that a view and a function
//! that need each other can be made: first a view with the right columns and no rows, then the function, then
//! the real definition.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, list, text};

pub(super) static KIND: Kind = Kind {
    name: "view",
    folder: Some("views"),
    sharing: super::Sharing::ByFile,
    has_columns: true,
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Class, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    respond: shared::alters,
    alter,
    spaces: shared::relation_and_type_space,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("options")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, options, definition, row_type, row_array, owner, acl, usual] =
        columns(KIND.name, cells)?;
    let cells = &[own, namespace, name, row_type, row_array, owner, acl, usual];
    let fact = Fact::new().list("options", &list(options)?);
    let Some(id) = shared::add_relation(reader, KindId::View, cells, fact)? else { return Ok(()) };
    let query = shared::settled(text(definition)?.trim_end_matches(';'));
    reader.add_part(id.child(KindId::ViewDefinition, ""), Fact::new().text("query", Some(&query)));
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let definition = group.member(KindId::ViewDefinition).and_then(|fact| fact.get_text("query"));
    match definition {
        Some(query) => vec![statement("CREATE VIEW", group.id, group.fact, query)],
        None => vec![statement("CREATE VIEW", group.id, &Fact::new(), &placeholder(group))],
    }
}

/// The statement that makes or replaces a view.
pub(super) fn statement(verb: &str, id: &FactId, view: &Fact, query: &str) -> String {
    let options = shared::with_options(view.get_list("options"));
    format!("{verb} {}{options} AS\n{query}", shared::path(id))
}

/// A query without rows whose columns have the view's names and types.
pub(super) fn placeholder(group: &Group<'_>) -> String {
    let column = |(id, fact): (&FactId, &Fact)| {
        let data_type = fact.get_text("type").unwrap_or_default();
        let collation = fact.get_text("collation").map(|name| format!(" COLLATE {name}")).unwrap_or_default();
        format!("\n    NULL::{data_type}{collation} AS {}", quote_ident(id.name()))
    };
    let columns: Vec<_> = group.children(group.id, KindId::Column).into_iter().map(column).collect();
    format!("SELECT{}", columns.join(","))
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let changes = shared::changed_options(difference, "options", "").into_iter();
    changes.map(|change| format!("ALTER VIEW {} {change}", shared::path(difference.id))).collect()
}
