//! An operator. One that others name as their commutator or negator before it is there is a shell, which
//! PostgreSQL makes along with them.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::Fact;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, flag, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "operator",
    folder: Some("operators"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Operator, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[
    plain("function"),
    plain("left"),
    plain("right"),
    plain("commutator"),
    plain("negator"),
    plain("restrict"),
    plain("join"),
    plain("hashes"),
    plain("merges"),
];

const OPTIONS: [(&str, &str); 7] = [
    ("function", "FUNCTION"),
    ("left", "LEFTARG"),
    ("right", "RIGHTARG"),
    ("commutator", "COMMUTATOR"),
    ("negator", "NEGATOR"),
    ("restrict", "RESTRICT"),
    ("join", "JOIN"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[
        own,
        namespace,
        name,
        owner,
        left,
        right,
        function,
        commutator,
        negator,
        restrict,
        join,
        hashes,
        merges,
    ] = columns(KIND.name, cells)?;
    let own = oid(own)?;
    let Some(schema) = reader.schema(oid(namespace)?) else { return Ok(()) };
    let arguments = format!("{}, {}", left.unwrap_or("NONE"), right.unwrap_or("NONE"));
    let id = schema.qualified_child(KindId::Operator, text(name)?, &arguments);
    if function.is_none() {
        reader.pass(Catalog::Operator, own);
        return Ok(());
    }
    let fact = Fact::new()
        .text("function", function)
        .text("left", left)
        .text("right", right)
        .text("commutator", commutator)
        .text("negator", negator)
        .text("restrict", restrict)
        .text("join", join)
        .yes("hashes", flag(hashes)?)
        .yes("merges", flag(merges)?);
    reader.add(Catalog::Operator, own, &id, fact);
    reader.owner(&id, oid(owner)?);
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let option = |(attribute, word): (&str, &str)| {
        group.fact.get_text(attribute).map(|value| format!("\n    {word} = {value}"))
    };
    let mut options: Vec<_> = OPTIONS.into_iter().filter_map(option).collect();
    for (attribute, word) in [("hashes", "HASHES"), ("merges", "MERGES")] {
        options.extend(group.fact.is(attribute).then(|| format!("\n    {word}")));
    }
    let schema = group.id.parent().map(shared::path).unwrap_or_default();
    vec![format!("CREATE OPERATOR {schema}.{} ({}\n)", group.id.name(), options.join(","))]
}
