//! A text search dictionary. Its options are kept by PostgreSQL as the SQL that states them.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::Fact;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, filled};

pub(super) static KIND: Kind = Kind {
    name: "text search dictionary",
    folder: Some("text_search"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::TsDict, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    rename: shared::rename,
    respond: |difference| shared::alters_only(difference, &["options"]),
    alter,
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

/// An option that is named without a value goes.
fn alter(difference: &Difference<'_>) -> Vec<String> {
    let options = |fact: &'_ Fact| -> Vec<String> {
        let items = shared::list_items(fact.get_text("options").unwrap_or_default());
        items.into_iter().map(str::to_owned).collect()
    };
    let name = |option: &str| option.split_once(" = ").map_or(option, |(name, _)| name).to_owned();
    let (before, after) = (options(difference.was()), options(difference.becomes()));
    let set = after.iter().filter(|option| !before.contains(option)).cloned();
    let is_gone = |known: &String| !after.iter().any(|option| name(option) == *known);
    let gone = before.iter().map(|option| name(option)).filter(is_gone);
    let changes: Vec<String> = set.chain(gone).collect();
    vec![format!("ALTER {} ({})", shared::reference(difference.id), changes.join(", "))]
}

fn create(group: &Group<'_>) -> Vec<String> {
    let template = group.fact.get_text("template").unwrap_or_default();
    let options =
        group.fact.get_text("options").map(|options| format!(",\n    {options}")).unwrap_or_default();
    vec![format!("CREATE {} (\n    TEMPLATE = {template}{options}\n)", shared::reference(group.id))]
}
