//! A sequence. One that serves an identity column belongs to the column and is made with it; one that a column
//! owns stands in the table's file.

use super::{Alone, Attribute, Catalog, Fold, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::{Difference, Doing, Group};
use crate::read::{Cells, ReadError, Reader, columns, flag, number, oid, text};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "sequence",
    folder: Some("sequences"),
    sharing: super::Sharing::ByFile,
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Class, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| format!("sequence {}", shared::schema_path(id)),
    reference: |id| format!("SEQUENCE {}", shared::schema_path(id)),
    fold,
    create,
    home: |id, snapshot| owning_table(id, snapshot).unwrap_or_else(|| id.object().clone()),
    respond: shared::alters,
    alter,
    drop,
    comes_with,
    spaces: shared::relation_space,
    drops_alone: Alone::AtOnce,
    rename: shared::rename,
    also,
    effect: super::effect::of_sequence,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[
    plain("type"),
    plain("start"),
    plain("increment"),
    plain("minimum"),
    plain("maximum"),
    plain("cache"),
    plain("cycle"),
    plain("unlogged"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[
        own,
        namespace,
        name,
        persistence,
        data_type,
        start,
        increment,
        minimum,
        maximum,
        cache,
        cycle,
        how_owned,
        table,
        column,
        owner,
        acl,
        usual,
    ] = columns(KIND.name, cells)?;
    let (own, owner) = (oid(own)?, oid(owner)?);
    let Some(schema) = reader.schema(oid(namespace)?) else { return Ok(()) };
    let fact = Fact::new()
        .text("type", data_type.filter(|&name| name != "bigint"))
        .int("start", number(start)?)
        .int("increment", number(increment)?)
        .int("minimum", number(minimum)?)
        .int("maximum", number(maximum)?)
        .int("cache", number(cache)?)
        .yes("cycle", flag(cycle)?)
        .yes("unlogged", persistence == Some("u"));
    let id = schema.child(KindId::Sequence, text(name)?);
    let owning = match (table, column) {
        (Some(table), Some(column)) => reader.column(oid(Some(table))?, oid(Some(column))?),
        _ => None,
    };
    match (how_owned, owning) {
        (Some("i"), Some(column)) => {
            // Its owner is the table's.
            let id = column.child(KindId::Sequence, id.name());
            reader.add(Catalog::Class, own, &id, fact);
            return reader.grants(&id, Some(owner), acl, usual);
        }
        (Some(_), Some(column)) => {
            reader.add(Catalog::Class, own, &id, fact);
            let owned = id.child(KindId::OwnedBy, "");
            reader.add_part(owned.clone(), Fact::new().text("column", Some(&shared::path(&column))));
            reader.need(&owned, &column);
        }
        _ => reader.add(Catalog::Class, own, &id, fact),
    }
    reader.owner(&id, owner);
    reader.grants(&id, Some(owner), acl, usual)
}

fn create(group: &Group<'_>) -> Vec<String> {
    if let Some(column) = identity_column(group.id) {
        let Some(how) = group.snapshot.get(column).and_then(|fact| fact.get_text("identity")) else { return Vec::new() };
        let (table, name) = (shared::parent_path(column), quote_ident(column.name()));
        let options = of_identity(group, group.id, group.fact);
        return vec![format!("ALTER TABLE {table} ALTER COLUMN {name} ADD GENERATED {how} AS IDENTITY ({options})")];
    }
    let unlogged = if group.fact.is("unlogged") { " UNLOGGED" } else { "" };
    let data_type = group.fact.get_text("type").map(|name| format!(" AS {name}")).unwrap_or_default();
    let options = options(group.fact);
    vec![format!("CREATE{unlogged} SEQUENCE {}{data_type}{options}", shared::path(group.id))]
}

/// One that serves an identity column cannot be made otherwise.
fn fold(id: &FactId, _: &Fact) -> Fold {
    match id.parent().map(FactId::kind) {
        Some(KindId::Column) => Fold::Always,
        _ => Fold::Never,
    }
}

/// What CREATE TABLE says of the sequence of an identity column. Before 15 all sequences are as durable as can
/// be; since then they are as durable as their table unless it is said.
pub(super) fn of_identity(group: &Group<'_>, id: &FactId, fact: &Fact) -> String {
    let like_table = fact.is("unlogged") == group.fact.is("unlogged") || group.snapshot.server_version < 150_000;
    let persistence = match fact.is("unlogged") {
        _ if like_table => "",
        true => " UNLOGGED",
        false => " LOGGED",
    };
    format!("SEQUENCE NAME {}{persistence}{}", shared::schema_path(id), options(fact))
}

/// The options that are not the usual ones of the type and the direction.
fn options(fact: &Fact) -> String {
    let number = |name: &str| fact.get_int(name).unwrap_or_default();
    let (lowest, highest) = match fact.get_text("type") {
        Some("smallint") => (i64::from(i16::MIN), i64::from(i16::MAX)),
        Some("integer") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    let rises = number("increment") > 0;
    let (minimum, maximum) = if rises { (1, highest) } else { (lowest, -1) };
    let start = if rises { number("minimum") } else { number("maximum") };
    let mut text = String::new();
    for (name, usual, words) in [
        ("increment", 1, "INCREMENT BY"),
        ("minimum", minimum, "MINVALUE"),
        ("maximum", maximum, "MAXVALUE"),
        ("start", start, "START WITH"),
        ("cache", 1, "CACHE"),
    ] {
        if number(name) != usual {
            text += &format!(" {words} {}", number(name));
        }
    }
    text + if fact.is("cycle") { " CYCLE" } else { "" }
}

/// The table whose column owns the sequence, if any.
fn owning_table(id: &FactId, snapshot: &Snapshot) -> Option<FactId> {
    let owned = id.child(KindId::OwnedBy, "");
    snapshot.needs(&owned).iter().find_map(|id| id.ancestor(KindId::Table).cloned())
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let (fact, path) = (difference.becomes(), shared::schema_path(difference.id));
    let number = |name: &str| fact.get_int(name).unwrap_or_default();
    let mut changes = String::new();
    if difference.differs("type") {
        changes += &format!(" AS {}", fact.get_text("type").unwrap_or("bigint"));
    }
    for (name, words) in [
        ("increment", "INCREMENT BY"),
        ("minimum", "MINVALUE"),
        ("maximum", "MAXVALUE"),
        ("start", "START WITH"),
        ("cache", "CACHE"),
    ] {
        // Another type brings its own bounds where these were its usual ones.
        if difference.differs(name) || (difference.differs("type") && name.ends_with("imum")) {
            changes += &format!(" {words} {}", number(name));
        }
    }
    if difference.differs("cycle") {
        changes += if fact.is("cycle") { " CYCLE" } else { " NO CYCLE" };
    }
    let change = (!changes.is_empty()).then(|| format!("ALTER SEQUENCE {path}{changes}"));
    let persistence = if fact.is("unlogged") { "UNLOGGED" } else { "LOGGED" };
    let persistence = difference.differs("unlogged").then(|| format!("ALTER SEQUENCE {path} SET {persistence}"));
    change.into_iter().chain(persistence).collect()
}

/// The sequence of an identity column goes with the column's being one.
fn drop(difference: &Difference<'_>) -> Vec<String> {
    match identity_column(difference.id) {
        Some(column) => vec![format!(
            "ALTER TABLE {} ALTER COLUMN {} DROP IDENTITY",
            shared::parent_path(column),
            quote_ident(column.name())
        )],
        None => shared::drop_by_reference(difference),
    }
}

fn identity_column(id: &FactId) -> Option<&FactId> {
    id.parent().filter(|parent| parent.kind() == KindId::Column)
}

/// A column must be known not to be null before it has an identity.
fn also(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    let Some(column) = identity_column(difference.id).filter(|_| doing == Doing::Create) else { return Vec::new() };
    let constraints = column.parent().into_iter().flat_map(|table| difference.to.below(table));
    let of_column = |fact: &Fact| fact.get_text("column") == Some(column.name());
    constraints.filter(|(id, fact)| id.kind() == KindId::Constraint && of_column(fact)).map(|(id, _)| id.clone()).collect()
}

/// With the column that owns it.
fn comes_with(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    let owning = difference.from.needs(&difference.id.child(KindId::OwnedBy, "")).iter();
    owning.filter(|id| doing == Doing::Drop && id.kind() == KindId::Column).cloned().collect()
}
