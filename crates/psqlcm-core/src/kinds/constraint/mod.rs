//! A check, primary key, unique, exclusion or not-null constraint of a table or domain.

use super::{Alone, Attribute, Catalog, Fold, Kind, KindId, OLDEST, Read, deparsed, domain, index, order, plain, shared, table, Response, Space};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::{Difference, Doing, Group};
use crate::read::{Cells, ReadError, Reader, columns, flag, list, oid, text};
use crate::snapshot::Snapshot;

mod definition;

pub(super) static KIND: Kind = Kind {
    name: "constraint",
    attributes: ATTRIBUTES,
    reads: &[Read {
        catalog: Catalog::Constraint,
        sql: &[(OLDEST, include_str!("read.sql")), (150_000, include_str!("read.pg15.sql"))],
        row,
    }],
    // Since version 18; the column says it too.
    newer: is_not_null,
    reference: |id| match id.ancestor(KindId::Domain) {
        Some(domain) => format!("CONSTRAINT {} ON DOMAIN {}", quote_ident(id.name()), shared::path(domain)),
        None => shared::reference_on(id),
    },
    fold,
    create,
    edges,
    respond,
    alter,
    drop,
    react: index::react,
    takes,
    comes_with,
    also,
    spaces,
    drops_alone: Alone::AtLast,
    rename,
    effect: super::effect::of_constraint,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[
    plain("type"),
    deparsed("definition"),
    plain("column"),
    plain("not_valid"),
    plain("no_inherit"),
    order("inherited"),
    plain("index_options"),
    plain("tablespace"),
    plain("clustered"),
    plain("replica_identity"),
    plain("on_partitioned"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[
        own,
        relation,
        domain,
        name,
        kind,
        definition,
        key,
        referenced,
        referenced_key,
        on_update,
        on_delete,
        deferrable,
        deferred,
        column,
        valid,
        no_inherit,
        is_local,
        from_parent,
        index,
        index_options,
        tablespace,
        clustered,
        replica_identity,
        is_partitioned,
    ] = columns(KIND.name, cells)?;
    let (own, relation) = (oid(own)?, oid(relation)?);
    let parent = match oid(domain)? {
        0 => reader.relation(relation),
        domain => reader.fact_at(Catalog::Type, domain, 0).cloned(),
    };
    let Some(parent) = parent else { return Ok(()) };
    let name = text(name)?;
    let put_together = match key {
        Some(key) => definition::Names {
            kind,
            relation,
            key,
            referenced,
            referenced_key,
            on_update,
            on_delete,
            deferrable: flag(deferrable)?,
            deferred: flag(deferred)?,
            no_inherit: flag(no_inherit)?,
        }
        .definition(reader)?,
        None => None,
    };
    let is_to_be_asked = key.is_some() && put_together.is_none();
    let definition = put_together.as_deref().or(definition);
    let kind = match kind {
        Some("c") => "check",
        Some("p") => "primary key",
        Some("u") => "unique",
        Some("x") => "exclusion",
        Some("n") => "not null",
        // The trigger says all there is to say.
        Some("t") => return Ok(()),
        // The parent's foreign key makes those of its partitions.
        Some("f") if flag(from_parent)? => return Ok(()),
        Some("f") => {
            let id = parent.child(KindId::ForeignKey, name);
            let fact = Fact::new().text("definition", definition).yes("not_valid", !flag(valid)?);
            add(reader, own, &id, fact, is_to_be_asked);
            return Ok(());
        }
        other => return Err(ReadError::Unknown { what: "type of constraint", value: other.unwrap_or_default().into() }),
    };
    let column = match column.filter(|_| kind == "not null") {
        Some(number) => reader.column(relation, oid(Some(number))?),
        None => None,
    };
    let fact = Fact::new()
        .text("type", Some(kind))
        .text("definition", definition)
        .text("column", column.as_ref().map(FactId::name))
        .yes("not_valid", !flag(valid)?)
        .yes("no_inherit", flag(no_inherit)? && matches!(kind, "check" | "not null"))
        .yes("inherited", !flag(is_local)?)
        .list("index_options", &list(index_options)?)
        .text("tablespace", tablespace)
        .yes("clustered", flag(clustered)?)
        .yes("replica_identity", flag(replica_identity)?)
        .yes("on_partitioned", flag(is_partitioned)?);
    let id = parent.child(KindId::Constraint, name);
    add(reader, own, &id, fact, is_to_be_asked);
    match oid(index)? {
        0 => {}
        index => reader.locate(Catalog::Class, index, 0, &id),
    }
    Ok(())
}

/// Adds the fact; the server is to print its definition where that could not be put together.
fn add(reader: &mut Reader, own: u32, id: &FactId, fact: Fact, is_to_be_asked: bool) {
    reader.add(Catalog::Constraint, own, id, fact);
    if is_to_be_asked {
        reader.ask_definition(Catalog::Constraint, own, "pg_get_constraintdef");
    }
}

/// Within CREATE TABLE a constraint cannot be NOT VALID, and the keys of a partitioned table come after its
/// partitions are attached.
fn fold(_: &FactId, fact: &Fact) -> Fold {
    match is_said_by_table(fact) && !is_part_of_exclusion(fact) {
        true => Fold::May,
        false => Fold::Never,
    }
}

/// Whether CREATE TABLE can say it.
pub(super) fn is_said_by_table(fact: &Fact) -> bool {
    let by_index = matches!(fact.get_text("type"), Some("primary key" | "unique" | "exclusion"));
    fact.get_text("type").is_some() && !fact.is("not_valid") && !(by_index && fact.is("on_partitioned"))
}

/// Whether it is what a partition has of an exclusion constraint of its table (version 17). PostgreSQL attaches no index of such
/// (`CompareIndexInfo`): it makes it with that of the table, or as the partition is attached.
pub(super) fn is_part_of_exclusion(fact: &Fact) -> bool {
    is_exclusion(fact) && fact.is("inherited")
}

fn is_exclusion(fact: &Fact) -> bool {
    fact.get_text("type") == Some("exclusion")
}

/// What a constraint with an index is made of, whether it is a primary key or unique.
pub(super) fn key(fact: &Fact) -> Option<&str> {
    let definition = fact.get_text("definition").filter(|_| has_index(fact))?;
    Some(["PRIMARY KEY ", "UNIQUE "].iter().find_map(|word| definition.strip_prefix(word)).unwrap_or(definition))
}

/// Whether it is a not-null constraint.
pub(super) fn is_not_null(fact: &Fact) -> bool {
    fact.get_text("type") == Some("not null")
}

/// Whether making the table makes it, because a parent has it; a partition is made with all its own.
pub(super) fn comes_from_parent(table: &Fact, fact: &Fact) -> bool {
    fact.is("inherited") && !table::is_partition(table)
}

/// `CONSTRAINT name CHECK (...)`.
pub(super) fn clause(id: &FactId, fact: &Fact) -> String {
    format!("CONSTRAINT {} {}", quote_ident(id.name()), definition(fact))
}

/// PostgreSQL prints the definition without the options of its index, which stand before DEFERRABLE.
fn definition(fact: &Fact) -> String {
    let text = fact.get_text("definition").unwrap_or_default();
    let options = fact.get_list("index_options");
    if options.is_empty() || is_exclusion(fact) {
        return text.to_owned();
    }
    let (before, when) = deferrable(text);
    format!("{before}{}{when}", shared::with_options(options))
}

/// What PostgreSQL prints last of a constraint: when it is checked; after that, that it is not valid or not enforced.
pub(super) fn deferrable(definition: &str) -> (&str, &str) {
    let ends = [" NOT VALID", NOT_ENFORCED];
    let definition = ends.iter().find_map(|end| definition.strip_suffix(end)).unwrap_or(definition);
    let ends = [" DEFERRABLE INITIALLY DEFERRED", " DEFERRABLE"];
    let rest = ends.iter().find_map(|end| definition.strip_suffix(end)).unwrap_or(definition);
    (rest, &definition[rest.len()..])
}

/// What PostgreSQL prints last of a constraint that it does not look after.
pub(super) const NOT_ENFORCED: &str = " NOT ENFORCED";

/// What follows once the constraint's index is there.
pub(super) fn settings(id: &FactId, fact: &Fact) -> Vec<String> {
    index::settings(id, fact)
}

/// Only where the table or domain could not say it.
fn create(group: &Group<'_>) -> Vec<String> {
    let (id, fact) = (group.id, group.fact);
    if is_part_of_exclusion(fact) {
        return settings(id, fact);
    }
    let reaches_children = match fact.get_text("type") {
        Some("check" | "not null") => !fact.is("no_inherit"),
        Some("exclusion") => fact.is("on_partitioned"),
        _ => false,
    };
    let alter = match id.parent().map(FactId::kind) {
        Some(KindId::Domain) => "ALTER DOMAIN",
        // The parent's statement reaches its children.
        _ if reaches_children && fact.is("inherited") && !group.is_added => return Vec::new(),
        _ if reaches_children => "ALTER TABLE",
        _ => "ALTER TABLE ONLY",
    };
    let mut statements = vec![format!("{alter} {} ADD {}", shared::parent_path(id), clause(id, fact))];
    let parts = group.members.iter().filter(|(_, fact)| is_part_of_exclusion(fact)).copied();
    statements.extend(std::iter::once((id, fact)).chain(parts).flat_map(|(id, fact)| settings(id, fact)));
    shared::on_path(group, statements)
}

/// A constraint that is not valid is added once its table is there, and reaches the children that are there then:
/// those where it is not valid either. In a child that came later it is valid, as that had no rows to check.
fn edges(snapshot: &mut Snapshot) {
    let children: Vec<_> = snapshot
        .facts()
        .filter(|(id, _)| id.kind() == KindId::Constraint)
        .filter(|(_, fact)| fact.is("inherited") && matches!(fact.get_text("type"), Some("check" | "not null")))
        .filter_map(|(id, fact)| Some((id.clone(), id.parent()?.clone(), fact.is("not_valid"))))
        .filter(|(_, child, _)| snapshot.get(child).is_some_and(|table| !table::is_partition(table)))
        .collect();
    for (id, child, not_valid) in children {
        let parents = snapshot.needs(&child).iter().filter(|needed| table::is_table(needed.kind()));
        let parents: Vec<_> = parents.map(|parent| parent.child(KindId::Constraint, id.name())).collect();
        for of_parent in parents {
            match snapshot.get(&of_parent).is_some_and(|fact| fact.is("not_valid")) {
                true if not_valid => snapshot.add_need(&of_parent, &child),
                true => snapshot.add_need(&child, &of_parent),
                false => {}
            }
        }
    }
}

/// That it was checked can be said in place, what is said of its index, and whether children have it that a column is not
/// null.
fn respond(difference: &Difference<'_>) -> Response {
    if demands_more(difference) {
        return Response::Parent;
    }
    const IN_PLACE: [&str; 8] = [
        "definition",
        "inherited",
        "not_valid",
        "index_options",
        "tablespace",
        "clustered",
        "replica_identity",
        "on_partitioned",
    ];
    if comes_from_reaching(difference) {
        return Response::Nothing;
    }
    let is_same = demand(difference.was()) == demand(difference.becomes());
    let is_unproved = difference.becomes().is("not_valid") && !difference.was().is("not_valid");
    let sets_nothing = difference.differs("index_options") && index::has_partitions(difference);
    match is_same && !is_unproved && !sets_nothing {
        true if difference.differs_only_in(&IN_PLACE) || reaches_others(difference) => shared::alters(difference),
        _ => Response::Again,
    }
}

/// Whether it demands of a domain what PostgreSQL cannot look for in what is stored.
fn demands_more(difference: &Difference<'_>) -> bool {
    let domain = difference.id.parent().filter(|parent| parent.kind() == KindId::Domain);
    let is_new = difference.after.is_some_and(|fact| !fact.is("not_valid")) && difference.before != difference.after;
    domain.is_some_and(|domain| is_new && domain::is_used_within(domain, difference.from))
}

/// What it demands, without what can be said otherwise in place.
fn demand(fact: &Fact) -> String {
    let text = fact.get_text("definition").unwrap_or_default();
    let text = text.strip_suffix(" NOT VALID").unwrap_or(text);
    match is_not_null(fact) {
        true => text.strip_suffix(" NO INHERIT").unwrap_or(text).to_owned(),
        false => shared::without_printed_options(text),
    }
}

/// Whether nothing differs but that children have it too, or not any more, that a column is not null.
fn reaches_others(difference: &Difference<'_>) -> bool {
    is_not_null(difference.becomes())
        && difference.differs("no_inherit")
        && difference.differs_only_in(&["definition", "inherited", "not_valid", "no_inherit"])
}

/// Whether it comes as the parent's, which is there already, reaches children.
fn comes_from_reaching(difference: &Difference<'_>) -> bool {
    let stopped = |of_parent: &FactId| {
        let is = |snapshot: &Snapshot| snapshot.get(of_parent).map(|fact| fact.is("no_inherit"));
        is(difference.from) == Some(true) && is(difference.to) == Some(false)
    };
    let is_child = |fact: &Fact| is_not_null(fact) && fact.is("inherited");
    difference.before.is_none()
        && difference.after.is_some_and(is_child)
        && table::same_in_parents(difference).iter().any(stopped)
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let (word, table) = (alter_word(difference.id), shared::parent_path(difference.id));
    let name = quote_ident(difference.id.name());
    let validate = difference.differs("not_valid").then(|| format!("{word} {table} VALIDATE CONSTRAINT {name}"));
    let reach = difference.differs("no_inherit").then(|| {
        let inherit = if difference.becomes().is("no_inherit") { "NO INHERIT" } else { "INHERIT" };
        format!("{word} {table} ALTER CONSTRAINT {name} {inherit}")
    });
    let options = index::set_options(difference.id, shared::changed_options(difference, "index_options", ""));
    validate.into_iter().chain(reach).chain(options).chain(index::changed_settings(difference)).collect()
}

pub(super) fn drop(difference: &Difference<'_>) -> Vec<String> {
    let (word, table) = (alter_word(difference.id), shared::parent_path(difference.id));
    let only = if table::loses_alone(difference, difference.id) { " ONLY" } else { "" };
    let drop = format!("{word}{only} {table} DROP CONSTRAINT {}", quote_ident(difference.id.name()));
    std::iter::once(drop).chain(index::left_without_identity(difference)).collect()
}

fn alter_word(id: &FactId) -> &'static str {
    match id.parent().map(FactId::kind) {
        Some(KindId::Domain) => "ALTER DOMAIN",
        _ => "ALTER TABLE",
    }
}

/// With the one that the table inherits it from, or whose index its own belongs to.
fn comes_with(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    let inherits = matches!(difference.becomes().get_text("type"), Some("check" | "not null"));
    let mut with = with_column(difference, doing);
    with.extend(match inherits {
        true if doing == Doing::Drop && difference.was().is("inherited") => table::lost_in_parents(difference),
        true if doing == Doing::Create && difference.becomes().is("inherited") => inherited_from(difference),
        true => Vec::new(),
        false if doing == Doing::Create && is_part_of_exclusion(difference.becomes()) => {
            index::of_parent(difference.id, difference.to).cloned().collect()
        }
        false => index::comes_with(difference, doing),
    });
    with
}

/// The parents' constraint that makes this one. One that is not valid is added to a parent after its children
/// were made, and reaches them; partitions must have it before they are attached.
fn inherited_from(difference: &Difference<'_>) -> Vec<FactId> {
    let table = difference.id.parent().and_then(|table| difference.to.entry(table));
    let Some((table, _)) = table.filter(|(_, fact)| !table::is_partition(fact)) else {
        let is_as_valid = |id: &FactId| is_not_valid(difference, id) == difference.becomes().is("not_valid");
        return table::same_in_parents(difference).into_iter().filter(is_as_valid).collect();
    };
    let parents = difference.to.needs(table).iter().filter(|id| table::is_table(id.kind()));
    parents.map(|parent| parent.child(KindId::Constraint, difference.id.name())).collect()
}

/// What the children have checked already comes before what the parent has not: it would not be valid with that.
fn valid_in_children(difference: &Difference<'_>) -> Vec<FactId> {
    let mut children = table::in_children(difference, difference.id);
    children.retain(|id| difference.becomes().is("not_valid") && !is_not_valid(difference, id));
    children
}

fn is_not_valid(difference: &Difference<'_>, id: &FactId) -> bool {
    difference.to.get(id).is_some_and(|fact| fact.is("not_valid"))
}

/// What children have from this table alone they lose with it, unless the table loses it alone.
fn takes(difference: &Difference<'_>) -> Vec<FactId> {
    match () {
        () if has_index(difference.was()) => index::takes(difference),
        () if table::loses_alone(difference, difference.id) => Vec::new(),
        () => table::kept_by_children(difference, difference.id),
    }
}

/// The column that takes along what is said of it alone, or brings it: one with an identity is not null in any case.
fn with_column(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    let fact = if doing == Doing::Drop { difference.was() } else { difference.becomes() };
    let name = fact.get_text("column");
    let column = difference.id.parent().zip(name).map(|(table, name)| table.child(KindId::Column, name));
    let brings = is_not_null(fact) && is_said_by_table(fact);
    let comes_or_goes = |id: &FactId| match doing {
        Doing::Drop => difference.drops(id),
        _ => brings && (difference.drops(id) || difference.from.get(id).is_none()),
    };
    column.filter(comes_or_goes).into_iter().collect()
}

fn spaces<'a>(id: &'a FactId, fact: &'a Fact) -> Vec<Space<'a>> {
    let mut spaces = vec![Space::Constraint(id.parent(), id.name())];
    if has_index(fact) {
        spaces.push(Space::Relation(id.schema(), id.name()));
    }
    if is_primary_key(fact) {
        spaces.push(Space::Single(id.parent(), "primary key"));
    }
    spaces
}

/// What a key's index had better wait for, and what PostgreSQL wants to know of the columns of a primary key: that they are
/// not null, which it would say itself.
fn also(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    let fact = if doing == Doing::Drop { difference.was() } else { difference.becomes() };
    let mut others = if has_index(fact) { index::also(difference, doing) } else { Vec::new() };
    others.extend(match doing {
        Doing::Drop => table::before_it_goes(difference),
        _ => valid_in_children(difference),
    });
    let wanted: fn(&Fact) -> bool = match doing {
        Doing::Create if is_primary_key(fact) => is_not_null,
        Doing::Drop if is_not_null(fact) => is_primary_key,
        _ => return others,
    };
    let side = if doing == Doing::Drop { difference.from } else { difference.to };
    let siblings = difference.id.parent().into_iter().flat_map(|table| side.below(table));
    // A column with an identity is not null as long as it has one.
    let is_wanted = |id: &FactId, fact: &Fact| match id.kind() {
        KindId::Constraint => wanted(fact),
        KindId::Sequence => doing == Doing::Drop,
        _ => false,
    };
    let found = siblings.filter(|(id, fact)| is_wanted(id, fact)).map(|(id, _)| id.clone());
    found.chain(others).collect()
}

fn is_primary_key(fact: &Fact) -> bool {
    fact.get_text("type") == Some("primary key")
}

/// Whether an index upholds it.
pub(super) fn has_index(fact: &Fact) -> bool {
    matches!(fact.get_text("type"), Some("primary key" | "unique" | "exclusion"))
}

pub(super) fn rename(id: &FactId, name: &str) -> Option<Vec<String>> {
    let (alter, table) = (alter_word(id), shared::parent_path(id));
    Some(vec![format!("{alter} {table} RENAME CONSTRAINT {} TO {}", quote_ident(id.name()), quote_ident(name))])
}
