//! A column of a table, view or composite type. Those of views are what their definition makes of them; they
//! are facts because comments, grants and other objects hang on them.

use super::{constraint, Attribute, Catalog, Fold, Kind, KindId, OLDEST, Read, deparsed, order, plain, sequence, shared, table};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::Group;
use crate::read::{self, Cells, ReadError, Reader, columns, filled, flag, list, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "column",
    attributes: ATTRIBUTES,
    reads: &[Read {
        catalog: Catalog::Class,
        sql: &[
            (OLDEST, include_str!("read.sql")),
            (140_000, include_str!("read.pg14.sql")),
        ],
        row,
    }],
    fold: |_, _| Fold::Always,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[
    plain("type"),
    plain("collation"),
    plain("not_null"),
    plain("identity"),
    plain("generated"),
    deparsed("expression"),
    plain("storage"),
    plain("compression"),
    plain("statistics"),
    plain("options"),
    plain("foreign_options"),
    plain("inherited"),
    order("position"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[
        relation,
        number,
        position,
        name,
        data_type,
        collation,
        not_null,
        identity,
        storage,
        compression,
        statistics,
        options,
        is_local,
        foreign_options,
        owner,
        acl,
    ] = columns(KIND.name, cells)?;
    let relation = oid(relation)?;
    let Some(parent) = reader.relation(relation) else { return Ok(()) };
    let identity = match identity {
        Some("a") => Some("ALWAYS"),
        Some("d") => Some("BY DEFAULT"),
        Some("") => None,
        other => return Err(ReadError::Unknown { what: "kind of identity", value: other.unwrap_or_default().into() }),
    };
    let id = parent.child(KindId::Column, text(name)?);
    let foreign_options = shared::without_secrets(reader, &id, list(foreign_options)?);
    let fact = Fact::new()
        .int("position", read::number(position)?)
        .text("type", data_type)
        .text("collation", collation)
        .yes("not_null", flag(not_null)?)
        .text("identity", identity)
        .text("storage", storage.map(storage_name).transpose()?)
        .text("compression", filled(compression).map(compression_name).transpose()?)
        .int("statistics", read::number(statistics)?.filter(|&target| target >= 0))
        .list("options", &list(options)?)
        .list("foreign_options", &foreign_options)
        .yes("inherited", !flag(is_local)?);
    reader.locate(Catalog::Class, relation, oid(number)?, &id);
    reader.add_part(id.clone(), fact);
    reader.grants(&id, Some(oid(owner)?), acl, None)
}

fn storage_name(letter: &str) -> Result<&'static str, ReadError> {
    match letter {
        "p" => Ok("PLAIN"),
        "e" => Ok("EXTERNAL"),
        "m" => Ok("MAIN"),
        "x" => Ok("EXTENDED"),
        other => Err(ReadError::Unknown { what: "storage", value: other.to_owned() }),
    }
}

fn compression_name(letter: &str) -> Result<&'static str, ReadError> {
    match letter {
        "p" => Ok("pglz"),
        "l" => Ok("lz4"),
        "d" => Ok("default"),
        other => Err(ReadError::Unknown { what: "compression", value: other.to_owned() }),
    }
}

/// `name type COLLATE collation`, as composite types and tables both take it.
pub(super) fn named_type(id: &FactId, fact: &Fact) -> String {
    let mut text = format!("{} {}", quote_ident(id.name()), fact.get_text("type").unwrap_or_default());
    text += &shared::foreign_options(fact.get_list("foreign_options"));
    if let Some(collation) = fact.get_text("collation") {
        text += &format!(" COLLATE {collation}");
    }
    text
}

/// The column as CREATE TABLE takes it, with what is folded into it. Of a column that comes from the table's type
/// only what the table adds is said, if anything.
pub(super) fn definition(group: &Group<'_>, id: &FactId, fact: &Fact) -> Option<String> {
    let constraints = constraints(group, id, fact);
    if group.fact.get("of_type").is_some() {
        let of_type = || format!("{} WITH OPTIONS{constraints}", quote_ident(id.name()));
        return (!constraints.is_empty()).then(of_type);
    }
    let compression = fact.get_text("compression").map(|name| format!(" COMPRESSION {name}")).unwrap_or_default();
    Some(named_type(id, fact) + &compression + &constraints)
}

/// What follows the column's type.
fn constraints(group: &Group<'_>, id: &FactId, fact: &Fact) -> String {
    let mut text = String::new();
    match group.members_of(id, KindId::Default).next() {
        Some((_, default)) => text += &format!(" DEFAULT {}", default.get_text("expression").unwrap_or_default()),
        // Else it would have its parent's.
        None if parents(group, id).any(|(_, default)| default.is_some()) => text += " DEFAULT NULL",
        None => {}
    }
    let given = parents(group, id).any(|(parent, _)| is_generated_alike(parent, fact));
    if let (Some(how), Some(expression), false) = (fact.get_text("generated"), fact.get_text("expression"), given) {
        text += &format!(" GENERATED ALWAYS AS ({expression})");
        text += if how == "stored" { " STORED" } else { "" };
    }
    text += &identity(group, id, fact);
    text += &not_null(group, id, fact);
    text
}

/// Whether a parent makes the column as generated as it is; before 16 a child may not say it again.
pub(super) fn is_generated_alike(parent: &Fact, fact: &Fact) -> bool {
    ["generated", "expression"].iter().all(|name| parent.get(name) == fact.get(name))
}

/// A partition's identity comes from its parent when it is attached: only who has a sequence says it.
fn identity(group: &Group<'_>, id: &FactId, fact: &Fact) -> String {
    let sequence = group.members_of(id, KindId::Sequence).next();
    let (Some(how), Some((sequence, options))) = (fact.get_text("identity"), sequence) else {
        return String::new();
    };
    format!(" GENERATED {how} AS IDENTITY ({})", sequence::of_identity(group, sequence, options))
}

/// Since 18 NOT NULL is a constraint with a name: said only where PostgreSQL would choose another.
fn not_null(group: &Group<'_>, id: &FactId, fact: &Fact) -> String {
    if !fact.is("not_null") {
        return String::new();
    }
    let table = id.parent().unwrap_or(id);
    let constraints: Vec<_> = group.children(table, KindId::Constraint);
    let of_column = |fact: &Fact| fact.get_text("column") == Some(id.name());
    let Some((constraint, its)) = constraints.into_iter().find(|(_, fact)| of_column(fact)) else {
        return " NOT NULL".to_owned();
    };
    let from_parent = constraint::comes_from_parent(group.fact, its);
    if from_parent || !group.members.iter().any(|(member, _)| *member == constraint) {
        return String::new();
    }
    let usual = format!("{}_{}_not_null", table.name(), id.name());
    let name = match constraint.name() == usual {
        true => String::new(),
        false => format!(" CONSTRAINT {}", quote_ident(constraint.name())),
    };
    let no_inherit = if its.is("no_inherit") { " NO INHERIT" } else { "" };
    format!("{name} NOT NULL{no_inherit}")
}

/// What no clause of CREATE TABLE can say in every supported version; `said` is whether there was one.
pub(super) fn settings(id: &FactId, fact: &Fact, said: bool) -> Vec<String> {
    let alter = format!("ALTER TABLE ONLY {} ALTER COLUMN {}", shared::parent_path(id), quote_ident(id.name()));
    let mut statements = Vec::new();
    if let Some(compression) = fact.get_text("compression").filter(|_| !said) {
        statements.push(format!("{alter} SET COMPRESSION {compression}"));
    }
    if let Some(storage) = fact.get_text("storage") {
        statements.push(format!("{alter} SET STORAGE {storage}"));
    }
    if let Some(target) = fact.get_int("statistics") {
        statements.push(format!("{alter} SET STATISTICS {target}"));
    }
    let foreign = shared::foreign_options(fact.get_list("foreign_options"));
    if !foreign.is_empty() && !said {
        let table = shared::parent_path(id);
        statements.push(format!("ALTER FOREIGN TABLE ONLY {table} ALTER COLUMN {}{foreign}", quote_ident(id.name())));
    }
    if !fact.get_list("options").is_empty() {
        statements.push(format!("{alter} SET ({})", shared::options_list(fact.get_list("options"))));
    }
    statements
}

/// Whether CREATE TABLE ... INHERITS makes the column; a partition is made with all its own.
pub(super) fn is_inherited(group: &Group<'_>, fact: &Fact) -> bool {
    fact.is("inherited") && !table::is_partition(group.fact)
}

/// What an inherited column has that its parents do not give it.
pub(super) fn differences_from_parents(group: &Group<'_>, id: &FactId, fact: &Fact) -> Vec<String> {
    let alter = format!("ALTER TABLE ONLY {} ALTER COLUMN {}", shared::parent_path(id), quote_ident(id.name()));
    let parents: Vec<_> = parents(group, id).collect();
    let mut statements = Vec::new();
    let own = default_of(group, id);
    let is_apart = own.is_some() && group.members_of(id, KindId::Default).next().is_none();
    let given: Vec<_> = parents.iter().filter_map(|(_, default)| *default).collect();
    match own {
        _ if is_apart => {}
        Some(own) if given.is_empty() || given.iter().any(|default| *default != own) => {
            statements.push(format!("{alter} SET DEFAULT {own}"));
        }
        None if !given.is_empty() => statements.push(format!("{alter} DROP DEFAULT")),
        _ => {}
    }
    let is_constraint = group.children(group.id, KindId::Constraint).iter().any(|(_, fact)| fact.get_text("column") == Some(id.name()));
    if fact.is("not_null") && !is_constraint && !parents.iter().any(|(parent, _)| parent.is("not_null")) {
        statements.push(format!("{alter} SET NOT NULL"));
    }
    statements
}

/// The column's namesakes in the tables it is inherited from, with their defaults.
fn parents<'a>(group: &Group<'a>, id: &FactId) -> impl Iterator<Item = (&'a Fact, Option<&'a str>)> {
    let columns = table::inherited_from(group, group.id).into_iter();
    let columns = columns.map(|(parent, _)| parent.child(KindId::Column, id.name()));
    let columns: Vec<_> = columns
        .filter_map(|column| Some((group.snapshot.get(&column)?, default_of(group, &column))))
        .collect();
    columns.into_iter()
}

fn default_of<'a>(group: &Group<'a>, column: &FactId) -> Option<&'a str> {
    group.snapshot.get(&column.child(KindId::Default, ""))?.get_text("expression")
}
