//! An operator. One that others name as their commutator or negator before it is there is a shell, which
//! PostgreSQL makes along with them.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, Response, plain, shared};
use crate::fact::Fact;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, flag, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "operator",
    folder: Some("operators"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Operator, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    respond,
    alter,
    drop,
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

/// Estimators can be others; since 17 what it has not can be added.
fn respond(difference: &Difference<'_>) -> Response {
    const ADDED: [&str; 4] = ["commutator", "negator", "hashes", "merges"];
    let is_added = |attribute: &&str| difference.differs(attribute) && difference.was().get(attribute).is_none();
    let mut settable = vec!["restrict", "join"];
    if difference.to.server_version >= 170_000 {
        settable.extend(ADDED.iter().filter(|attribute| is_added(attribute)));
    }
    shared::alters_only(difference, &settable)
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let fact = difference.becomes();
    let words = OPTIONS.into_iter().chain([("hashes", "HASHES"), ("merges", "MERGES")]);
    let changed = words.filter(|(attribute, _)| difference.differs(attribute)).map(|(attribute, word)| {
        match fact.get_text(attribute) {
            _ if fact.is(attribute) => word.to_owned(),
            value => format!("{word} = {}", value.unwrap_or("NONE")),
        }
    });
    let changed: Vec<String> = changed.collect();
    vec![format!("ALTER {} SET ({})", shared::reference(difference.id), changed.join(", "))]
}

/// One that is only a name goes with the one that named it: nothing else tells of it.
fn drop(difference: &Difference<'_>) -> Vec<String> {
    let (fact, schema) = (difference.was(), difference.id.parent());
    let side = |attribute: &str| fact.get_text(attribute).unwrap_or("NONE");
    let (left, right) = (side("left"), side("right"));
    let named = [("commutator", right, left), ("negator", left, right)];
    let shells = named.into_iter().filter_map(|(attribute, left, right)| {
        let name = fact.get_text(attribute)?;
        let name = name.strip_prefix("OPERATOR(").and_then(|name| name.strip_suffix(')')).unwrap_or(name);
        let own = name.rsplit_once('.').map_or(name, |(_, own)| own);
        let id = schema?.qualified_child(KindId::Operator, own, &format!("{left}, {right}"));
        let is_here = name == shared::path(&id).split_once('(').map_or(name, |(path, _)| path.trim_end());
        let is_shell = is_here && difference.from.get(&id).is_none();
        is_shell.then(|| format!("DROP OPERATOR IF EXISTS {}", shared::path(&id)))
    });
    shared::drop_by_reference(difference).into_iter().chain(shells).collect()
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
