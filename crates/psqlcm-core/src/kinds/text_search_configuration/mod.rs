//! A text search configuration: its parser, and which dictionaries each type of token goes through.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::Fact;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, list};

pub(super) static KIND: Kind = Kind {
    name: "text search configuration",
    folder: Some("text_search"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::TsConfig, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

/// `mappings` holds `token WITH dictionary, dictionary`.
const ATTRIBUTES: &[Attribute] = &[plain("parser"), plain("mappings")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, owner, parser, mappings] = columns(KIND.name, cells)?;
    let fact = Fact::new().text("parser", parser).list("mappings", &list(mappings)?);
    let cells = [own, namespace, name, owner];
    shared::add_in_schema(reader, Catalog::TsConfig, KindId::TextSearchConfiguration, &cells, fact)?;
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let reference = shared::reference(group.id);
    let parser = group.fact.get_text("parser").unwrap_or_default();
    let mut statements = vec![format!("CREATE {reference} (\n    PARSER = {parser}\n)")];
    let mappings = group.fact.get_list("mappings").iter();
    statements.extend(mappings.map(|mapping| format!("ALTER {reference} ADD MAPPING FOR {mapping}")));
    statements
}
