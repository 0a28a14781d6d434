//! A column of a table, view or composite type. Those of views are what their definition makes of them; they
//! are facts because comments, grants and other objects hang on them.

use super::{Attribute, Catalog, Fold, Kind, KindId, OLDEST, Read, deparsed, order, plain, shared, table};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, filled, flag, list, number, oid, text};

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
    plain("identity_sequence"),
    plain("identity_options"),
    plain("identity_persistence"),
    plain("generated"),
    deparsed("expression"),
    plain("storage"),
    plain("compression"),
    plain("statistics"),
    plain("options"),
    plain("inherited"),
    order("position"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[
        relation,
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
    let fact = Fact::new()
        .int("position", number(position)?)
        .text("type", data_type)
        .text("collation", collation)
        .yes("not_null", flag(not_null)?)
        .text("identity", identity)
        .text("storage", storage.map(storage_name).transpose()?)
        .text("compression", filled(compression).map(compression_name).transpose()?)
        .int("statistics", number(statistics)?.filter(|&target| target >= 0))
        .list("options", &list(options)?)
        .yes("inherited", !flag(is_local)?);
    let id = parent.child(KindId::Column, text(name)?);
    reader.locate(Catalog::Class, relation, oid(position)?, &id);
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
        other => Err(ReadError::Unknown { what: "compression", value: other.to_owned() }),
    }
}

/// `name type COLLATE collation`, as composite types and tables both take it.
pub(super) fn named_type(id: &FactId, fact: &Fact) -> String {
    let mut text = format!("{} {}", quote_ident(id.name()), fact.get_text("type").unwrap_or_default());
    if let Some(collation) = fact.get_text("collation") {
        text += &format!(" COLLATE {collation}");
    }
    text
}

/// The column as CREATE TABLE takes it, with what is folded into it.
pub(super) fn definition(group: &Group<'_>, id: &FactId, fact: &Fact) -> String {
    let mut text = named_type(id, fact);
    if let Some(compression) = fact.get_text("compression") {
        text += &format!(" COMPRESSION {compression}");
    }
    if let Some(default) = group.members_of(id, KindId::Default).next() {
        text += &format!(" DEFAULT {}", default.1.get_text("expression").unwrap_or_default());
    }
    if let (Some(how), Some(expression)) = (fact.get_text("generated"), fact.get_text("expression")) {
        text += &format!(" GENERATED ALWAYS AS ({expression})");
        text += if how == "stored" { " STORED" } else { "" };
    }
    text += &identity(fact);
    text += &not_null(group, id, fact);
    text
}

/// A partition's identity comes from its parent when it is attached: only who has a sequence says it.
fn identity(fact: &Fact) -> String {
    let (Some(how), Some(sequence)) = (fact.get_text("identity"), fact.get_text("identity_sequence")) else {
        return String::new();
    };
    let options = fact.get_text("identity_options").unwrap_or_default();
    let persistence = fact.get_text("identity_persistence").map(|word| format!(" {word}")).unwrap_or_default();
    format!(" GENERATED {how} AS IDENTITY (SEQUENCE NAME {sequence}{persistence}{options})")
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
    if !group.members.iter().any(|(member, _)| *member == constraint) {
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

/// What no clause of CREATE TABLE can say in every supported version.
pub(super) fn settings(id: &FactId, fact: &Fact) -> Vec<String> {
    let alter = format!("ALTER TABLE ONLY {} ALTER COLUMN {}", shared::parent_path(id), quote_ident(id.name()));
    let mut statements = Vec::new();
    if let Some(storage) = fact.get_text("storage") {
        statements.push(format!("{alter} SET STORAGE {storage}"));
    }
    if let Some(target) = fact.get_int("statistics") {
        statements.push(format!("{alter} SET STATISTICS {target}"));
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
    let parents: Vec<_> = table::inherited_from(group, group.id)
        .into_iter()
        .map(|(parent, _)| parent.child(KindId::Column, id.name()))
        .filter_map(|column| group.snapshot.get(&column).map(|fact| (column, fact)))
        .collect();
    let mut statements = Vec::new();
    let default_of = |column: &FactId| {
        let default = group.snapshot.get(&column.child(KindId::Default, ""))?;
        default.get_text("expression").map(str::to_owned)
    };
    let own = default_of(id);
    let is_apart = own.is_some() && group.members_of(id, KindId::Default).next().is_none();
    let given: Vec<_> = parents.iter().filter_map(|(column, _)| default_of(column)).collect();
    match own {
        _ if is_apart => {}
        Some(own) if given.is_empty() || given.iter().any(|default| *default != own) => {
            statements.push(format!("{alter} SET DEFAULT {own}"));
        }
        None if !given.is_empty() => statements.push(format!("{alter} DROP DEFAULT")),
        _ => {}
    }
    let is_constraint = group.children(group.id, KindId::Constraint).iter().any(|(_, fact)| fact.get_text("column") == Some(id.name()));
    if fact.is("not_null") && !is_constraint && !parents.iter().any(|(_, parent)| parent.is("not_null")) {
        statements.push(format!("{alter} SET NOT NULL"));
    }
    statements
}
