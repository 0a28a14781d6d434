//! A text search configuration: its parser, and which dictionaries each type of token goes through.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::Fact;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, list};

pub(super) static KIND: Kind = Kind {
    name: "text search configuration",
    folder: Some("text_search"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::TsConfig, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    rename: shared::rename,
    respond: |difference| shared::alters_only(difference, &["mappings"]),
    alter,
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

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let reference = shared::reference(difference.id);
    let token = |mapping: &str| mapping.split_once(" WITH ").map_or(mapping, |(token, _)| token).to_owned();
    let (before, after) = (difference.was().get_list("mappings"), difference.becomes().get_list("mappings"));
    let has = |mappings: &[Box<str>], known: &str| mappings.iter().any(|mapping| token(mapping) == known);
    let gone = before.iter().map(|mapping| token(mapping)).filter(|known| !has(after, known));
    let gone = gone.map(|token| format!("ALTER {reference} DROP MAPPING FOR {token}"));
    let changed = after.iter().filter(|mapping| !before.contains(mapping)).map(|mapping| {
        let verb = if has(before, &token(mapping)) { "ALTER" } else { "ADD" };
        format!("ALTER {reference} {verb} MAPPING FOR {mapping}")
    });
    gone.chain(changed).collect()
}

fn create(group: &Group<'_>) -> Vec<String> {
    let reference = shared::reference(group.id);
    let parser = group.fact.get_text("parser").unwrap_or_default();
    let mut statements = vec![format!("CREATE {reference} (\n    PARSER = {parser}\n)")];
    let mappings = group.fact.get_list("mappings").iter();
    statements.extend(mappings.map(|mapping| format!("ALTER {reference} ADD MAPPING FOR {mapping}")));
    statements
}
