//! Extended statistics: an object of a schema that stands with the table it is about.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, deparsed, plain, shared};
use crate::fact::{Fact, FactId};
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, number};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "statistics",
    folder: Some("statistics"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::StatisticExt, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    home,
    respond: |difference| shared::alters_only(difference, &["target"]),
    alter,
    rename: shared::rename,
    effect: super::effect::of_statistics,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[deparsed("definition"), plain("target")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, owner, definition, target] = columns(KIND.name, cells)?;
    let target = number(target)?.filter(|&target| target >= 0);
    let definition = definition.map(|text| with_sorted_columns(text).unwrap_or_else(|| text.to_owned()));
    let fact = Fact::new().text("definition", definition.as_deref()).int("target", target);
    let cells = [own, namespace, name, owner];
    shared::add_in_schema(reader, Catalog::StatisticExt, KindId::Statistics, &cells, fact)?;
    Ok(())
}

/// PostgreSQL prints the columns in the order in which they stand in the table, whatever was said, and expressions after them.
fn with_sorted_columns(definition: &str) -> Option<String> {
    let mut rest = definition.strip_prefix("CREATE STATISTICS ")?;
    rest = &rest[name_length(rest)..];
    while let Some(name) = rest.strip_prefix('.') {
        rest = &name[name_length(name)..];
    }
    if let Some(kinds) = rest.strip_prefix(" (") {
        rest = kinds.split_once(')')?.1;
    }
    rest = rest.strip_prefix(" ON ")?;
    let head = &definition[..definition.len() - rest.len()];
    let mut names = Vec::new();
    loop {
        let (name, after) = rest.split_at(name_length(rest));
        let next = after.strip_prefix(", ");
        if name.is_empty() || (next.is_none() && !after.starts_with(" FROM ")) {
            break;
        }
        names.push(name);
        rest = next.unwrap_or(after);
    }
    names.sort_unstable();
    let comma = if names.is_empty() || rest.starts_with(" FROM ") { "" } else { ", " };
    Some(format!("{head}{}{comma}{rest}", names.join(", ")))
}

fn name_length(text: &str) -> usize {
    let mut length = 0;
    while text[length..].starts_with('"') {
        length += shared::quoted(&text.as_bytes()[length..], b'"', false);
    }
    if length > 0 { length } else { text.find([' ', ',', '.', '(']).unwrap_or(text.len()) }
}

fn create(group: &Group<'_>) -> Vec<String> {
    let mut statements = vec![group.fact.get_text("definition").unwrap_or_default().to_owned()];
    let target = group.fact.get_int("target");
    statements.extend(
        target.map(|target| format!("ALTER STATISTICS {} SET STATISTICS {target}", shared::path(group.id))),
    );
    statements
}

/// With the relation whose columns they are about, where that is in the same schema.
fn home(id: &FactId, snapshot: &Snapshot) -> FactId {
    let relations =
        snapshot.needs(id).iter().map(FactId::object).filter(|object| object.kind().kind().has_columns);
    relations.into_iter().find(|object| object.schema() == id.schema()).unwrap_or(id).clone()
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let target = difference.becomes().get_int("target").unwrap_or(-1);
    vec![format!("ALTER STATISTICS {} SET STATISTICS {target}", shared::path(difference.id))]
}

#[cfg(test)]
mod tests {
    use super::with_sorted_columns;

    #[test]
    fn columns_are_sorted_and_nothing_else() {
        for (definition, expected) in [
            ("ON b, a FROM s.t", "ON a, b FROM s.t"),
            ("(ndistinct, mcv) ON id, \"E, \"\"e\" FROM t", "(ndistinct, mcv) ON \"E, \"\"e\", id FROM t"),
            ("ON b, a, lower(z), (c + 1) FROM t", "ON a, b, lower(z), (c + 1) FROM t"),
            ("ON lower(b), (a || ' FROM ') FROM t", "ON lower(b), (a || ' FROM ') FROM t"),
            ("ON b, s.f(a) FROM t", "ON b, s.f(a) FROM t"),
        ] {
            let whole = |text: &str| format!("CREATE STATISTICS \"S 3\".\"x ON y\" {text}");
            assert_eq!(with_sorted_columns(&whole(definition)), Some(whole(expected)));
        }
    }
}
