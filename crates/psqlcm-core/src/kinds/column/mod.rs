//! A column of a table, view or composite type. Those of views are what their definition makes of them; they
//! are facts because comments, grants and other objects hang on them.

use super::{Alone, constraint, index, Attribute, Catalog, Fold, Kind, KindId, OLDEST, Read, deparsed, order, plain, sequence, shared, table, typing, Reaction, Response};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::{Difference, Doing, Group};
use crate::snapshot::Snapshot;
use crate::read::{self, Cells, ReadError, Reader, columns, flag, list, oid};

mod effect;

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
    respond,
    alter,
    drop,
    create,
    react,
    takes,
    disturbs,
    also,
    comes_with,
    made_with_parent,
    drops_alone: Alone::AtLast,
    rename,
    effect: effect::effect,
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
    // Where a parent has it too, this is only what a drop at the parent would leave; no statement changes it alone.
    order("inherited"),
    order("position"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[
        relation,
        number,
        name,
        data_type,
        collation,
        not_null,
        identity,
        generated,
        storage,
        compression,
        statistics,
        options,
        is_local,
        foreign_options,
        owner,
        acl,
        usual_type,
    ] = columns(KIND.name, cells)?;
    let (relation, number) = (oid(relation)?, oid(number)?);
    let Some(parent) = reader.relation(relation) else { return Ok(()) };
    let Some(name) = name else {
        reader.dropped_column(relation, number);
        return Ok(());
    };
    let identity = match identity {
        Some("a") => Some("ALWAYS"),
        Some("d") => Some("BY DEFAULT"),
        None => None,
        Some(other) => return Err(ReadError::Unknown { what: "kind of identity", value: other.into() }),
    };
    let generated = match generated {
        Some("s") => Some("stored"),
        Some("v") => Some("virtual"),
        None => None,
        Some(other) => return Err(ReadError::Unknown { what: "kind of generation", value: other.into() }),
    };
    let id = parent.child(KindId::Column, name);
    let foreign_options = shared::without_secrets(reader, &id, list(foreign_options)?);
    let fact = Fact::new()
        .int("position", Some(i64::from(number)))
        .text("type", data_type)
        .text("collation", collation)
        .yes("not_null", flag(not_null)?)
        .text("identity", identity)
        .text("generated", generated)
        .text("storage", storage.map(storage_name).transpose()?)
        .text("compression", compression.map(compression_name).transpose()?)
        .int("statistics", read::number(statistics)?)
        .list("options", &list(options)?)
        .list("foreign_options", &foreign_options)
        .yes("inherited", is_local == Some("f"));
    reader.locate(Catalog::Class, relation, number, &id);
    if let Some(data_type) = usual_type {
        reader.column_type(relation, number, oid(Some(data_type))?);
    }
    reader.add_part(id.clone(), fact);
    reader.grants(&id, owner.map(|owner| oid(Some(owner))).transpose()?, acl, None)
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
    if typing::said_by_table(group).is_none() {
        return Some(own_definition(group, id, fact));
    }
    let constraints = constraints(group, id, fact);
    let of_type = || format!("{} WITH OPTIONS{constraints}", quote_ident(id.name()));
    (!constraints.is_empty()).then(of_type)
}

/// The same, of a column that the table has for itself.
fn own_definition(group: &Group<'_>, id: &FactId, fact: &Fact) -> String {
    let mut text = named_type(id, fact);
    if let Some(compression) = fact.get_text("compression") {
        text += &format!(" COMPRESSION {compression}");
    }
    text + &constraints(group, id, fact)
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
    if let (Some(how), Some(expression)) = (fact.get_text("generated"), fact.get_text("expression"))
        && !parents(group, id).any(|(parent, _)| is_generated_alike(parent, fact))
    {
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
    let Some(how) = fact.get_text("identity") else { return String::new() };
    let Some((sequence, options)) = group.members_of(id, KindId::Sequence).next() else { return String::new() };
    format!(" GENERATED {how} AS IDENTITY ({})", sequence::of_identity(group, sequence, options))
}

/// Since 18 NOT NULL is a constraint with a name: said only where PostgreSQL would choose another.
fn not_null(group: &Group<'_>, id: &FactId, fact: &Fact) -> String {
    if !fact.is("not_null") {
        return String::new();
    }
    let table = id.parent().unwrap_or(id);
    let of_column = |(other, fact): &(&FactId, &Fact)| {
        other.kind() == KindId::Constraint && fact.get_text("column") == Some(id.name()) && other.parent() == Some(table)
    };
    let Some((constraint, its)) = group.snapshot.below(table).find(of_column) else {
        return " NOT NULL".to_owned();
    };
    let from_parent = constraint::comes_from_parent(group.fact, its);
    if from_parent || !group.members.iter().any(|(member, _)| *member == constraint) {
        return String::new();
    }
    let usual = format!("{}_{}_not_null", table.name(), id.name());
    // Beside what is there already PostgreSQL might choose another.
    let name = match constraint.name() == usual && !group.is_added {
        true => String::new(),
        false => format!(" CONSTRAINT {}", quote_ident(constraint.name())),
    };
    let no_inherit = if its.is("no_inherit") { " NO INHERIT" } else { "" };
    format!("{name} NOT NULL{no_inherit}")
}

/// What no clause of CREATE TABLE can say in every supported version; `said` is whether there was one.
pub(super) fn settings(id: &FactId, fact: &Fact, said: bool) -> Vec<String> {
    let alter = || format!("ALTER TABLE ONLY {} ALTER COLUMN {}", shared::parent_path(id), quote_ident(id.name()));
    let mut statements = Vec::new();
    if let Some(compression) = fact.get_text("compression").filter(|_| !said) {
        statements.push(format!("{} SET COMPRESSION {compression}", alter()));
    }
    if let Some(storage) = fact.get_text("storage") {
        statements.push(format!("{} SET STORAGE {storage}", alter()));
    }
    if let Some(target) = fact.get_int("statistics") {
        statements.push(format!("{} SET STATISTICS {target}", alter()));
    }
    let foreign = shared::foreign_options(fact.get_list("foreign_options"));
    if !foreign.is_empty() && !said {
        let table = shared::parent_path(id);
        statements.push(format!("ALTER FOREIGN TABLE ONLY {table} ALTER COLUMN {}{foreign}", quote_ident(id.name())));
    }
    if !fact.get_list("options").is_empty() {
        statements.push(format!("{} SET ({})", alter(), shared::options_list(fact.get_list("options"))));
    }
    statements
}

/// Whether CREATE TABLE ... INHERITS makes the column; a partition is made with all its own.
pub(super) fn is_inherited(group: &Group<'_>, fact: &Fact) -> bool {
    fact.is("inherited") && !table::is_partition(group.fact)
}

/// What an inherited column has that its parents do not give it.
pub(super) fn differences_from_parents<'a>(group: &Group<'a>, id: &'a FactId, fact: &Fact) -> Vec<String> {
    let parents: Vec<_> = parents(group, id).collect();
    unlike_parents(group, id, fact, &parents)
}

/// What columns of other tables have beside what they get as this one is added.
fn of_others(group: &Group<'_>) -> Vec<String> {
    let others = group.members.iter().filter(|(id, _)| id.kind() == KindId::Column);
    others.flat_map(|(id, fact)| beside_parent(group, id, fact)).collect()
}

/// The word that makes a change of a composite type reach the tables that are of it, if there are any.
fn cascade(composite: &FactId, snapshot: &Snapshot) -> &'static str {
    let is_of_type = |(id, _): (&FactId, &Fact)| id.kind() == KindId::Typing && snapshot.needs(id).contains(composite);
    if snapshot.facts().any(is_of_type) { " CASCADE" } else { "" }
}

/// What a column has beside what it gets as its parent's is added.
fn beside_parent<'a>(group: &Group<'a>, id: &'a FactId, fact: &Fact) -> Vec<String> {
    let default = group.members_of(group.id, KindId::Default).next();
    let default = default.and_then(|(_, default)| default.get_text("expression"));
    let mut statements = unlike_parents(group, id, fact, &[(group.fact, default)]);
    if group.fact.get("compression").is_some() && fact.get("compression").is_none() {
        let (table, name) = (shared::parent_path(id), quote_ident(id.name()));
        statements.push(format!("ALTER TABLE ONLY {table} ALTER COLUMN {name} SET COMPRESSION default"));
    }
    statements.extend(settings(id, fact, group.fact.get("compression") == fact.get("compression")));
    statements
}

fn unlike_parents<'a>(
    group: &Group<'a>,
    id: &'a FactId,
    fact: &Fact,
    parents: &[(&Fact, Option<&str>)],
) -> Vec<String> {
    let alter = format!("ALTER TABLE ONLY {} ALTER COLUMN {}", shared::parent_path(id), quote_ident(id.name()));
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
    let constraints = id.parent().map(|table| group.children(table, KindId::Constraint)).unwrap_or_default();
    let is_constraint = constraints.iter().any(|(_, fact)| fact.get_text("column") == Some(id.name()));
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

/// A column that is added to a table that is there already, or an attribute to a type.
fn create(group: &Group<'_>) -> Vec<String> {
    let Some((relation, fact)) = group.id.parent().and_then(|id| group.snapshot.entry(id)) else { return Vec::new() };
    let path = shared::path(relation);
    match relation.kind() {
        KindId::Composite => {
            let attribute = named_type(group.id, group.fact);
            let add = format!("ALTER TYPE {path} ADD ATTRIBUTE {attribute}{}", cascade(relation, group.snapshot));
            std::iter::once(add).chain(of_others(group)).collect()
        }
        kind if table::is_table(kind) => {
            let members = std::iter::once((group.id, group.fact)).chain(group.members.iter().copied()).collect();
            let table = Group { members, ..Group::of(relation, fact, group.snapshot) };
            let add = [format!("ALTER TABLE {path} ADD COLUMN {}", own_definition(&table, group.id, group.fact))];
            let statements = add.into_iter().chain(settings(group.id, group.fact, true)).chain(of_others(group)).collect();
            shared::on_path(&table, statements)
        }
        // The definition of a view makes its columns.
        _ => Vec::new(),
    }
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    let Some(relation) = difference.id.parent() else { return Vec::new() };
    let (path, name) = (shared::path(relation), quote_ident(difference.id.name()));
    match relation.kind() {
        KindId::Composite => vec![format!("ALTER TYPE {path} DROP ATTRIBUTE {name}{}", cascade(relation, difference.from))],
        kind if table::is_table(kind) => {
            let only = if table::loses_alone(difference, difference.id) { "ONLY " } else { "" };
            vec![format!("ALTER TABLE {only}{path} DROP COLUMN {name}")]
        }
        _ => Vec::new(),
    }
}

/// What a column that is made again takes along: keys, checks and indexes that name it, of which no edge tells.
fn takes(difference: &Difference<'_>) -> Vec<FactId> {
    let Some(table) = difference.id.parent() else { return Vec::new() };
    let name = quote_ident(difference.id.name());
    let is_taken = |id: &FactId, fact: &Fact| {
        let text = fact.get_text("definition").unwrap_or_default();
        match id.kind() {
            KindId::Index | KindId::Constraint => shared::names(text, &name),
            KindId::ForeignKey => shared::names(text.split(" REFERENCES ").next().unwrap_or(text), &name),
            _ => false,
        }
    };
    let siblings = difference.from.below(table).filter(|(id, fact)| id.parent() == Some(table) && is_taken(id, fact));
    siblings.map(|(id, _)| id.clone()).collect()
}

/// Columns of views are what the definition makes of them.
fn respond(difference: &Difference<'_>) -> Response {
    let kind = difference.id.parent().map(FactId::kind);
    match (kind, difference.before, difference.after) {
        (Some(KindId::View), None, Some(_)) => Response::Again,
        (Some(KindId::View), ..) => Response::Parent,
        (Some(KindId::MaterializedView), Some(_), Some(_)) if difference.differs_only_in(SETTINGS) => Response::Alter,
        (Some(KindId::MaterializedView), ..) => Response::Parent,
        (Some(KindId::Composite), Some(_), Some(_)) if is_used(difference) => Response::Parent,
        (_, Some(_), Some(_)) if difference.differs_only_in(&["inherited"]) => Response::Nothing,
        (_, Some(old), Some(new)) if difference.differs("generated") && (new.get("generated").is_some() || is_virtual(old)) => Response::Again,
        (_, Some(_), Some(_)) if difference.differs("expression") && difference.to.server_version < 170_000 && difference.becomes().get("expression").is_some() => Response::Again,
        (_, Some(_), Some(_)) => Response::Alter,
        _ => Response::Again,
    }
}

/// Whether the column holds nothing: its expression cannot be left out.
fn is_virtual(fact: &Fact) -> bool {
    fact.get_text("generated") == Some("virtual")
}

/// What can be said of a column whatever it holds.
const SETTINGS: &[&str] = &["storage", "compression", "statistics", "options"];

/// Whether a table has a column of the composite type: PostgreSQL then refuses to change the types of attributes.
fn is_used(difference: &Difference<'_>) -> bool {
    let Some(composite) = difference.id.parent() else { return false };
    difference.dependents(composite).iter().any(|id| id.kind() == KindId::Column)
}

fn made_with_parent(id: &FactId) -> bool {
    !id.parent().is_some_and(|parent| table::is_table(parent.kind()))
}

/// A column of a type that is made anew is changed to the new one.
fn react(difference: &Difference<'_>, needed: &FactId) -> Reaction {
    let is_of_table = difference.id.parent().is_some_and(|parent| table::is_table(parent.kind()));
    let is_type = matches!(
        needed.kind(),
        KindId::Enum | KindId::Composite | KindId::Domain | KindId::Range | KindId::BaseType | KindId::Collation
    );
    match is_of_table && is_type && difference.becomes().get("generated").is_none() {
        true => Reaction::Remade,
        false => Reaction::Again,
    }
}

/// What shows a column keeps it from having another type; indexes and constraints are made again by PostgreSQL itself.
fn disturbs(difference: &Difference<'_>, other: &FactId) -> bool {
    let is_other_type = difference.is_remade || difference.differs("type") || difference.differs("collation");
    if difference.before.is_some() && is_other_type && other.parent() == difference.id.parent() && index::is_incomplete(difference, other) {
        return true;
    }
    // What keeps rows of the table as values.
    let is_kept = other.parent().is_some_and(|parent| parent.kind() == KindId::MaterializedView);
    if difference.before.is_none() || !difference.from.needs(other).contains(difference.id) && other.parent() != Some(difference.id) {
        return is_kept && other.kind() == KindId::Column && other.parent() != difference.id.parent();
    }
    let is_generated = |id: &FactId| {
        id.kind() == KindId::Column && difference.from.get(id).is_some_and(|fact| fact.get("generated").is_some())
    };
    let shows = matches!(
        other.kind(),
        KindId::View
            | KindId::ViewDefinition
            | KindId::MaterializedView
            | KindId::Rule
            | KindId::Policy
            | KindId::Trigger
            | KindId::Function
            | KindId::Procedure
            | KindId::PublicationTable
    );
    let is_in_the_way = |id: &FactId| id.kind() == KindId::Default && !is_cast_along(difference, id);
    is_other_type && (shows || is_generated(other) || is_in_the_way(other))
}

/// Whether PostgreSQL can make a default of the new type of a column what it was of the old one: by assignment, from the
/// type that the expression has by itself. Of that little is known here.
fn is_cast_along(difference: &Difference<'_>, default: &FactId) -> bool {
    let side = |fact: &'_ Fact| fact.get_text("type").unwrap_or_default().to_owned();
    let (old, new) = (side(difference.was()), side(difference.becomes()));
    let expression = difference.from.get(default).and_then(|fact| fact.get_text("expression")).unwrap_or_default();
    let calls = difference.from.needs(default).iter().any(|id| id.kind() != KindId::Sequence);
    if difference.is_remade || calls || conversion(difference).is_some() {
        return false;
    }
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|letter| matches!(letter, '0'..='9' | '.' | '-' | '(' | ')'));
    let is_type = |text: &str| text.matches('(').count() == text.matches(')').count() && !text.contains('\'');
    let cast = expression.rsplit_once("::").map(|(_, cast)| cast).filter(|cast| is_type(cast));
    match (family(&new), cast) {
        (Some("text"), _) => true,
        (_, Some(cast)) => [&old, &new].iter().any(|name| base(name) == base(cast) || is_akin(family(name), family(cast))),
        (Some("integer" | "number"), None) => is_number(expression) || expression.starts_with("nextval("),
        (Some("moment"), None) => family(&old) == Some("moment"),
        _ => false,
    }
}

/// Whether PostgreSQL converts between types of these families by assignment.
fn is_akin(one: Option<&str>, other: Option<&str>) -> bool {
    let is_numeric = |family: Option<&str>| matches!(family, Some("integer" | "number"));
    one.is_some() && (one == other || is_numeric(one) && is_numeric(other))
}

/// A view's column comes with its definition; a parent's column comes, or goes, before those of its children.
fn also(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    let Some(relation) = difference.id.parent() else { return Vec::new() };
    match relation.kind() {
        KindId::View if doing != Doing::Drop => vec![relation.child(KindId::ViewDefinition, "")],
        kind if table::is_table(kind) => match doing {
            Doing::Drop => table::before_it_goes(difference),
            _ => given_by(difference),
        },
        _ => Vec::new(),
    }
}

/// With the column that it is inherited from, or the attribute of the table's type.
fn comes_with(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    let of_type = table::same_in_type(difference).filter(|_| doing != Doing::Alter);
    let inherited = match doing {
        Doing::Create if difference.becomes().is("inherited") => table::same_in_parents(difference),
        Doing::Drop if difference.was().is("inherited") => table::lost_in_parents(difference),
        _ => Vec::new(),
    };
    of_type.into_iter().chain(inherited).collect()
}

/// What gives the table the column all the time.
fn given_by(difference: &Difference<'_>) -> Vec<FactId> {
    table::same_in_type(difference).into_iter().chain(table::same_in_parents(difference)).collect()
}

/// Changes a column in place: first what its type is, then what is said of it.
fn alter(difference: &Difference<'_>) -> Vec<String> {
    let (id, new) = (difference.id, difference.becomes());
    let Some(relation) = id.parent() else { return Vec::new() };
    let (path, name) = (shared::path(relation), quote_ident(id.name()));
    let is_other_type = difference.is_remade || difference.differs("type") || difference.differs("collation");
    if relation.kind() == KindId::Composite {
        let definition = named_type(id, new);
        let definition = definition.strip_prefix(&*name).unwrap_or(&definition);
        return vec![format!("ALTER TYPE {path} ALTER ATTRIBUTE {name} TYPE{definition}{}", cascade(relation, difference.from))];
    }
    let alter = format!("ALTER TABLE {path} ALTER COLUMN {name}");
    let only = format!("ALTER TABLE ONLY {path} ALTER COLUMN {name}");
    let mut statements = Vec::new();
    let parents = given_by(difference);
    let comes_from_parent = parents.iter().any(|id| difference.from.get(id).is_some() && difference.to.get(id).is_some());
    // The parent's statement reaches it, and PostgreSQL refuses its own.
    let loses_expression = |before: Option<&Fact>, after: Option<&Fact>| {
        before.is_some_and(|fact| fact.get("generated").is_some()) && after.is_some_and(|fact| fact.get("generated").is_none())
    };
    let is_reached = parents.iter().any(|id| loses_expression(difference.from.get(id), difference.to.get(id)));
    if loses_expression(difference.before, difference.after) && !is_reached {
        statements.push(format!("{alter} DROP EXPRESSION"));
    }
    if is_other_type && !comes_from_parent {
        let collation = new.get_text("collation").map(|name| format!(" COLLATE {name}")).unwrap_or_default();
        let data_type = new.get_text("type").unwrap_or_default();
        let using = conversion(difference).map(|expression| format!(" USING {expression}")).unwrap_or_default();
        statements.push(format!("{alter} TYPE {data_type}{collation}{using}"));
        statements.extend(index::comments_of_partitions(difference, relation));
    }
    if difference.differs("expression") && new.get("generated").is_some() && difference.was().get("generated").is_some() {
        statements.push(format!("{alter} SET EXPRESSION AS ({})", new.get_text("expression").unwrap_or_default()));
    }
    // Since 18 a constraint of its own says it.
    let says_not_null = difference.to.server_version < 180_000;
    if difference.differs("not_null") && says_not_null {
        statements.push(format!("{alter} {} NOT NULL", if new.is("not_null") { "SET" } else { "DROP" }));
    }
    // Where it has another sequence it gets its identity with it.
    let keeps = |id: &FactId| id.kind() == KindId::Sequence && difference.to.get(id).is_some();
    let keeps_sequence = difference.from.below(id).any(|(below, _)| keeps(below));
    if let Some(how) = new.get_text("identity").filter(|_| keeps_sequence && difference.differs("identity")) {
        statements.push(format!("{alter} SET GENERATED {how}"));
    }
    // Another type brings its own.
    let storage = new.get_text("storage").map(str::to_owned);
    let reset = (storage.is_none() && !is_other_type).then(|| usual_storage(difference));
    if let Some(storage) = storage.or(reset).filter(|_| difference.differs("storage") || is_other_type) {
        statements.push(format!("{only} SET STORAGE {storage}"));
    }
    if difference.differs("compression") {
        statements.push(format!("{only} SET COMPRESSION {}", new.get_text("compression").unwrap_or("default")));
    }
    if difference.differs("statistics") {
        statements.push(format!("{only} SET STATISTICS {}", new.get_int("statistics").unwrap_or(-1)));
    }
    let options = shared::changed_options(difference, "options", "").into_iter();
    statements.extend(options.map(|change| format!("{only} {change}")));
    if let Some(options) = shared::changed_foreign_options(difference, "foreign_options") {
        statements.push(format!("ALTER FOREIGN TABLE ONLY {path} ALTER COLUMN {name} {options}"));
    }
    statements
}

/// The storage that a type gives where nothing is said: before 16 there is no word for it.
fn usual_storage(difference: &Difference<'_>) -> String {
    match difference.to.server_version >= 160_000 {
        true => "DEFAULT".to_owned(),
        false if difference.becomes().get_text("type").is_some_and(is_main) => "MAIN".to_owned(),
        false => "EXTENDED".to_owned(),
    }
}

/// The types whose values are kept in the table while they can be, compressed (`typstorage` m).
fn is_main(name: &str) -> bool {
    ["numeric", "inet", "cidr"].contains(&base(name))
}

/// How what is stored becomes what is to be stored, where PostgreSQL does not know by itself: by the text of it.
fn conversion(difference: &Difference<'_>) -> Option<String> {
    let name = quote_ident(difference.id.name());
    let (old, new) = (difference.was().get_text("type")?, difference.becomes().get_text("type")?);
    match (family(old), family(new)) {
        _ if difference.is_remade => Some(format!("{name}::text::{new}")),
        (Some("boolean"), Some("integer")) | (Some("integer"), Some("boolean")) => Some(format!("{name}::{new}")),
        (_, Some("text")) => None,
        (old, new) if is_akin(old, new) => None,
        _ if base(old) == base(new) => None,
        _ => Some(format!("{name}::text::{new}")),
    }
}

/// Types between which PostgreSQL converts by assignment (`pg_cast`, `castcontext` a or i).
fn family(name: &str) -> Option<&'static str> {
    match base(name) {
        "integer" => Some("integer"),
        "smallint" | "bigint" | "numeric" | "real" | "double precision" => Some("number"),
        "text" | "character varying" | "character" | "name" => Some("text"),
        "boolean" => Some("boolean"),
        "date" | "timestamp without time zone" | "timestamp with time zone" => Some("moment"),
        "json" | "jsonb" => Some("json"),
        "inet" | "cidr" => Some("address"),
        "bit" | "bit varying" => Some("bits"),
        _ => None,
    }
}

/// The type's name without its modifiers.
fn base(name: &str) -> &str {
    match name.split_once('(') {
        Some((base, rest)) if rest.ends_with(')') => base.trim_end(),
        Some(("timestamp", rest)) if rest.ends_with("without time zone") => "timestamp without time zone",
        Some(("timestamp", rest)) if rest.ends_with("with time zone") => "timestamp with time zone",
        _ => name,
    }
}

/// The columns of tables of the type are renamed with the attribute.
fn rename(id: &FactId, name: &str) -> Option<Vec<String>> {
    let relation = id.parent()?;
    let (path, old, new) = (shared::path(relation), quote_ident(id.name()), quote_ident(name));
    match relation.kind() {
        KindId::Composite => Some(vec![format!("ALTER TYPE {path} RENAME ATTRIBUTE {old} TO {new} CASCADE")]),
        KindId::View => Some(vec![format!("ALTER VIEW {path} RENAME COLUMN {old} TO {new}")]),
        KindId::MaterializedView => Some(vec![format!("ALTER MATERIALIZED VIEW {path} RENAME COLUMN {old} TO {new}")]),
        kind if table::is_table(kind) => Some(vec![format!("ALTER TABLE {path} RENAME COLUMN {old} TO {new}")]),
        _ => None,
    }
}
