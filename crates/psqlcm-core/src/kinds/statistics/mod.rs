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
    let fact = Fact::new().text("definition", definition).int("target", target);
    let cells = [own, namespace, name, owner];
    shared::add_in_schema(reader, Catalog::StatisticExt, KindId::Statistics, &cells, fact)?;
    Ok(())
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
