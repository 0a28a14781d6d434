//! A text search dictionary. Its options are kept by PostgreSQL as the SQL that states them.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::Fact;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, filled};

pub(super) static KIND: Kind = Kind {
    name: "text search dictionary",
    folder: Some("text_search"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::TsDict, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("template"), plain("options")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, owner, template, options] = columns(KIND.name, cells)?;
    let fact = Fact::new().text("template", template).text("options", filled(options));
    let cells = [own, namespace, name, owner];
    shared::add_in_schema(reader, Catalog::TsDict, KindId::TextSearchDictionary, &cells, fact)?;
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let template = group.fact.get_text("template").unwrap_or_default();
    let options =
        group.fact.get_text("options").map(|options| format!(",\n    {options}")).unwrap_or_default();
    vec![format!("CREATE {} (\n    TEMPLATE = {template}{options}\n)", shared::reference(group.id))]
}
