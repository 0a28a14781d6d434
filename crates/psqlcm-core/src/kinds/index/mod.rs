//! An index that no constraint made, as PostgreSQL prints it.

use super::{Alone, Attribute, Catalog, Kind, KindId, OLDEST, Read, comment, constraint, deparsed, plain, shared, table, Response, Reaction};
use crate::fact::{Fact, FactId};
use crate::name::{quote_ident, quote_literal};
use crate::plan::{Difference, Doing, Group};
use crate::read::{Cells, ReadError, Reader, columns, flag, list, oid, text};
use crate::snapshot::Snapshot;

mod definition;

pub(super) static KIND: Kind = Kind {
    name: "index",
    sharing: super::Sharing::ByFile,
    attributes: ATTRIBUTES,
    reads: &[
        Read {
            catalog: Catalog::OperatorClass,
            sql: &[(OLDEST, include_str!("read.classes.sql"))],
            row: definition::class_row,
        },
        Read { catalog: Catalog::Class, sql: &[(OLDEST, include_str!("read.sql"))], row },
        Read { catalog: Catalog::Class, sql: &[(OLDEST, include_str!("read.statistics.sql"))], row: statistics_row },
    ],
    reference: |id| format!("INDEX {}", shared::schema_path(id)),
    create,
    respond,
    alter,
    drop,
    react,
    takes,
    comes_with,
    also,
    spaces: shared::relation_space,
    drops_alone: Alone::AtLast,
    rename: shared::rename,
    effect: super::effect::of_index,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[
    deparsed("definition"),
    plain("tablespace"),
    plain("clustered"),
    plain("replica_identity"),
    plain("statistics"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[
        own,
        relation,
        name,
        definition,
        key,
        classes,
        collations,
        orders,
        is_valid,
        tablespace,
        clustered,
        replica_identity,
    ] = columns(KIND.name, cells)?;
    let (own, relation) = (oid(own)?, oid(relation)?);
    let Some(table) = reader.relation(relation) else { return Ok(()) };
    let id = table.child(KindId::Index, text(name)?);
    if !flag(is_valid)? {
        reader.pass(Catalog::Class, own);
        reader.mention("invalid index", &shared::schema_path(&id), "left out: its build failed; rebuild or drop it");
        return Ok(());
    }
    let put_together = match key {
        Some(key) => {
            definition::Names { relation, key, classes, collations, orders }.definition(reader, &id)?
        }
        None => None,
    };
    let is_to_be_asked = key.is_some() && put_together.is_none();
    let fact = Fact::new()
        .text("definition", put_together.as_deref().or(definition))
        .text("tablespace", tablespace)
        .yes("clustered", flag(clustered)?)
        .yes("replica_identity", flag(replica_identity)?);
    reader.add(Catalog::Class, own, &id, fact);
    if is_to_be_asked {
        reader.ask_definition(Catalog::Class, own, "pg_get_indexdef");
    }
    Ok(())
}

/// The statistics target of an expression column, as `number=target`.
fn statistics_row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[index, targets] = columns("index statistics", cells)?;
    let Some(id) = reader.relation(oid(index)?) else { return Ok(()) };
    let targets = list(targets)?;
    if let Some(fact) = reader.fact_mut(&id) {
        *fact = std::mem::take(fact).list("statistics", &targets);
    }
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let mut statements = vec![group.fact.get_text("definition").unwrap_or_default().to_owned()];
    statements.extend(settings(group.id, group.fact));
    match shared::makes_on_own_path(group.snapshot) {
        true => statements,
        false => shared::on_path(group, statements),
    }
}

/// What is said of an index once it is there; constraints say the same of theirs.
pub(super) fn settings(id: &FactId, fact: &Fact) -> Vec<String> {
    let (index, table) = (|| shared::schema_path(id), || shared::parent_path(id));
    let mut statements = Vec::new();
    if let Some(tablespace) = fact.get_text("tablespace") {
        statements.push(format!("ALTER INDEX {} SET TABLESPACE {}", index(), quote_ident(tablespace)));
    }
    for (number, target) in fact.get_list("statistics").iter().filter_map(|item| item.split_once('=')) {
        statements.push(format!("ALTER INDEX {} ALTER COLUMN {number} SET STATISTICS {target}", index()));
    }
    if fact.is("clustered") {
        statements.push(format!("ALTER TABLE {} CLUSTER ON {}", table(), quote_ident(id.name())));
    }
    if fact.is("replica_identity") {
        statements.push(format!("ALTER TABLE ONLY {} REPLICA IDENTITY USING INDEX {}", table(), quote_ident(id.name())));
    }
    statements
}

/// The options after WITH can be set in place, and what is said of the index.
fn respond(difference: &Difference<'_>) -> Response {
    let rest = |fact: &Fact| shared::without_printed_options(fact.get_text("definition").unwrap_or_default());
    let options_differ = difference.differs("definition");
    match rest(difference.was()) == rest(difference.becomes()) && !(options_differ && has_partitions(difference)) {
        true => shared::alters(difference),
        false => Response::Again,
    }
}

/// What an index or a key is over, as far as PostgreSQL looks at it to find the index of a partition that will do for that of
/// its table (`CompareIndexInfo`): neither at the order of values nor at options.
pub(super) fn columns_of(id: &FactId, fact: &Fact) -> Option<String> {
    let definition = fact.get_text("definition").unwrap_or_default();
    let columns = match id.kind() {
        KindId::Index => definition.split_once(&format!("{} USING ", shared::parent_path(id)))?.1.to_owned(),
        KindId::Constraint => format!("btree {}", constraint::deferrable(constraint::key(fact)?).0),
        _ => return None,
    };
    let columns = shared::without_printed_options(&columns);
    Some([" DESC", " NULLS FIRST", " NULLS LAST"].iter().fold(columns, |columns, order| columns.replace(order, "")))
}

/// Whether the table is partitioned: PostgreSQL sets no option of an index of such.
pub(super) fn has_partitions(difference: &Difference<'_>) -> bool {
    let table = difference.id.parent().and_then(|table| difference.to.get(table));
    table.is_some_and(table::is_partitioned)
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let definition = |fact: &'_ Fact| fact.get_text("definition").unwrap_or_default().to_owned();
    let options = shared::changed_printed_options(&definition(difference.was()), &definition(difference.becomes()));
    set_options(difference.id, options).chain(changed_settings(difference)).collect()
}

/// `ALTER INDEX app.orders_pkey SET (fillfactor='50')`; constraints say the same of theirs.
pub(super) fn set_options(id: &FactId, changes: Vec<String>) -> impl Iterator<Item = String> {
    let index = shared::schema_path(id);
    changes.into_iter().map(move |change| format!("ALTER INDEX {index} {change}"))
}

/// What is said of an index, where it is said otherwise; constraints say the same of theirs.
pub(super) fn changed_settings(difference: &Difference<'_>) -> Vec<String> {
    let (fact, id) = (difference.becomes(), difference.id);
    let (name, table, index) = (quote_ident(id.name()), shared::parent_path(id), shared::schema_path(id));
    let mut statements = Vec::new();
    if difference.differs("tablespace") {
        let tablespace = fact.get_text("tablespace").unwrap_or("pg_default");
        statements.push(format!("ALTER INDEX {index} SET TABLESPACE {}", quote_ident(tablespace)));
    }
    if difference.differs("statistics") {
        let targets = |fact: &Fact| fact.get_list("statistics").iter().filter_map(|item| item.split_once('=')).map(|(number, target)| (number.to_owned(), target.to_owned())).collect::<Vec<_>>();
        let (before, after) = (targets(difference.was()), targets(fact));
        let gone = before.iter().filter(|(number, _)| !after.iter().any(|(other, _)| other == number));
        let reset = gone.map(|(number, _)| (number.clone(), "-1".to_owned())).collect::<Vec<_>>();
        for (number, target) in after.iter().chain(&reset) {
            statements.push(format!("ALTER INDEX {index} ALTER COLUMN {number} SET STATISTICS {target}"));
        }
    }
    // A table has one such index at most: where another takes its place there is nothing to say of this one.
    match fact.is("clustered") {
        _ if !difference.differs("clustered") => {}
        true => statements.push(format!("ALTER TABLE {table} CLUSTER ON {name}")),
        false if is_followed(difference, "clustered") => {}
        false => statements.push(format!("ALTER TABLE {table} SET WITHOUT CLUSTER")),
    }
    match fact.is("replica_identity") {
        _ if !difference.differs("replica_identity") => {}
        true => statements.push(format!("ALTER TABLE ONLY {table} REPLICA IDENTITY USING INDEX {name}")),
        false if is_followed(difference, "replica_identity") => {}
        false => statements.push(format!("ALTER TABLE ONLY {table} REPLICA IDENTITY DEFAULT")),
    }
    statements
}

/// Whether it is the index of a partitioned table that some partitions have no part of: where PostgreSQL makes it again it makes
/// theirs.
pub(super) fn is_incomplete(difference: &Difference<'_>, index: &FactId) -> bool {
    if !matches!(index.kind(), KindId::Index | KindId::Constraint) {
        return false;
    }
    let count = |of: &FactId, kind| difference.dependents(of).iter().filter(|id| id.kind() == kind).count();
    let is_index = index.kind() == KindId::Index || difference.from.get(index).is_some_and(constraint::has_index);
    let partitions = index.parent().map_or(0, |table| count(table, KindId::Attachment));
    is_index && count(index, KindId::IndexAttachment) < partitions
}

/// What is said of the partitions' indexes, once PostgreSQL has made those of the partitioned table again: until 17 it gives them
/// the comment of that table's index.
pub(super) fn comments_of_partitions(difference: &Difference<'_>, table: &FactId) -> Vec<String> {
    let is_commented = |id: &FactId| difference.from.get(&comment::id_on_index(id)).is_some();
    let own = difference.from.below(table).map(|(id, _)| id);
    let own = own.filter(|id| matches!(id.kind(), KindId::Index | KindId::Constraint) && is_commented(id));
    let mut waiting: Vec<&FactId> = if difference.from.server_version < 180_000 { own.collect() } else { Vec::new() };
    let mut statements = Vec::new();
    while let Some(index) = waiting.pop() {
        let attached = difference.dependents(index).iter().filter(|id| id.kind() == KindId::IndexAttachment);
        for index in attached.filter_map(|id| id.parent()).filter(|id| !difference.drops(id)) {
            let text = difference.to.get(&comment::id_on_index(index)).and_then(|fact| fact.get_text("text"));
            let text = text.map_or_else(|| "NULL".to_owned(), quote_literal);
            statements.push(format!("COMMENT ON INDEX {} IS {text}", shared::schema_path(index)));
            waiting.push(index);
        }
    }
    statements
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    shared::drop_by_reference(difference).into_iter().chain(left_without_identity(difference)).collect()
}

/// A table whose replica identity is an index that goes has none from then on: its rows in publications could not be changed.
pub(super) fn left_without_identity(difference: &Difference<'_>) -> Option<String> {
    let stays = difference.id.parent().is_some_and(|table| difference.to.get(table).is_some());
    let is_left = stays && difference.was().is("replica_identity") && !is_followed(difference, "replica_identity");
    is_left.then(|| format!("ALTER TABLE ONLY {} REPLICA IDENTITY DEFAULT", shared::parent_path(difference.id)))
}

/// Whether another index of the table, or the table itself, is to have what this one had.
fn is_followed(difference: &Difference<'_>, attribute: &str) -> bool {
    let table = difference.id.parent().and_then(|table| difference.to.entry(table));
    table.is_some_and(|(id, fact)| fact.get(attribute).is_some() || is_of_an_index(difference.to, id, attribute))
}

/// Whether an index of the table has that.
pub(super) fn is_of_an_index(snapshot: &Snapshot, table: &FactId, attribute: &str) -> bool {
    snapshot.below(table).any(|(id, fact)| id.parent() == Some(table) && fact.is(attribute))
}

/// The index of a partition goes with the one of the partitioned table that it belongs to, while it is a partition.
pub(super) fn comes_with(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    let is_detached = difference.id.parent().is_some_and(|table| difference.drops(&table.child(KindId::Attachment, "")));
    match doing {
        Doing::Drop if !is_detached => of_parent(difference.id, difference.from).cloned().collect(),
        _ => Vec::new(),
    }
}

/// The index of a table that stays a partition cannot go without the one that it belongs to, nor be made again.
pub(super) fn takes(difference: &Difference<'_>) -> Vec<FactId> {
    let stays_partition = difference.id.parent().is_some_and(|table| {
        let attachment = table.child(KindId::Attachment, "");
        difference.from.get(&attachment) == difference.to.get(&attachment) && !difference.drops(&attachment)
    });
    of_parent(difference.id, difference.from).filter(|_| stays_partition).cloned().collect()
}

/// The index or key of the partitioned table that this one belongs to.
pub(super) fn of_parent<'a>(id: &FactId, side: &'a Snapshot) -> impl Iterator<Item = &'a FactId> + use<'a> {
    let needed = side.needs(&id.child(KindId::IndexAttachment, "")).iter();
    needed.filter(|id| matches!(id.kind(), KindId::Index | KindId::Constraint))
}

/// That a partition is attached, or its index, only says when the index of the partitioned table could be made; and what is
/// no partition any more keeps its index.
pub(super) fn react(difference: &Difference<'_>, needed: &FactId) -> Reaction {
    let attachment = difference.id.parent().map(|table| table.child(KindId::Attachment, ""));
    let is_detached = attachment.is_some_and(|id| difference.from.get(&id) != difference.to.get(&id));
    match needed.kind() {
        KindId::Attachment | KindId::IndexAttachment => Reaction::Stays,
        _ if is_detached && of_parent(difference.id, difference.from).any(|of_parent| of_parent == needed) => Reaction::Stays,
        _ => Reaction::Again,
    }
}

/// The index of a partition can be dropped once the partition is none. When a partition is attached, PostgreSQL takes
/// whatever index will do for the parent's: those that are not meant come later.
pub(super) fn also(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    let is_parents = difference.to.get(&difference.id.child(KindId::IndexAttachment, "")).is_some();
    let table = difference.id.parent().filter(|_| doing == Doing::Drop || !is_parents);
    let children = if doing == Doing::Drop { table::parted_children(difference) } else { Vec::new() };
    table.map(|table| table.child(KindId::Attachment, "")).into_iter().chain(children).collect()
}
