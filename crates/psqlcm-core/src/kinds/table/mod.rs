//! A table: plain, partitioned, a partition, inherited, unlogged. Columns and what can be said within CREATE
//! TABLE are folded into it; partitions are made alone and attached later, so that they keep their own order
//! of columns and the names of their indexes.

use std::collections::BTreeSet;

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, column, constraint, effect, index, plain, shared, typing, Response};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::{Difference, Doing, Group};
use crate::read::{Cells, ReadError, Reader, columns, filled, flag, list, oid};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "table",
    folder: Some("tables"),
    sharing: super::Sharing::ByFile,
    has_columns: true,
    attributes: ATTRIBUTES,
    reads: &[
        Read { catalog: Catalog::Class, sql: &[(OLDEST, include_str!("read.sql"))], row },
        Read {
            catalog: Catalog::Class,
            sql: &[
                (OLDEST, include_str!("read.inherits.sql")),
                (140_000, include_str!("read.inherits.pg14.sql")),
            ],
            row: inherits_row,
        },
    ],
    create,
    respond,
    alter,
    also,
    disturbs,
    spaces: shared::relation_and_type_space,
    rename: shared::rename,
    effect: effect::of_table,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[
    plain("unlogged"),
    plain("options"),
    plain("toast_options"),
    plain("partition_key"),
    plain("partition_bound"),
    plain("parents"),
    plain("access_method"),
    plain("tablespace"),
    plain("replica_identity"),
    plain("row_security"),
    plain("force_row_security"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[
        own,
        namespace,
        name,
        persistence,
        options,
        toast_options,
        replica_identity,
        row_security,
        force_row_security,
        tablespace,
        access_method,
        of_type,
        bound,
        key,
        row_type,
        row_array,
        owner,
        acl,
        usual,
    ] = columns(KIND.name, cells)?;
    let replica_identity = match replica_identity {
        Some("f") => Some("full"),
        Some("n") => Some("nothing"),
        // An index says itself that it is the replica identity.
        Some("d" | "i") => None,
        other => return Err(ReadError::Unknown { what: "replica identity", value: other.unwrap_or_default().into() }),
    };
    let fact = Fact::new()
        .yes("unlogged", persistence == Some("u"))
        .list("options", &list(options)?)
        .list("toast_options", &list(toast_options)?)
        .text("partition_key", key)
        .text("partition_bound", filled(bound))
        .text("access_method", access_method.filter(|&name| name != "heap"))
        .text("tablespace", tablespace)
        .text("replica_identity", replica_identity)
        .yes("row_security", flag(row_security)?)
        .yes("force_row_security", flag(force_row_security)?);
    let cells = &[own, namespace, name, row_type, row_array, owner, acl, usual];
    let table = shared::add_relation(reader, KindId::Table, cells, fact)?;
    if let (Some(table), Some(_)) = (table, of_type) {
        reader.add_part(typing::of(&table), Fact::new().text("type", of_type));
    }
    Ok(())
}

/// A child of a plain parent is made with INHERITS; a partition is attached, which is a fact of its own.
fn inherits_row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[child, parent, _position, is_going] = columns("inheritance", cells)?;
    let Some(child) = reader.relation(oid(child)?) else { return Ok(()) };
    let Some(parent) = reader.relation(oid(parent)?) else {
        reader.leave_out("inheritance", &child.to_string(), "its parent belongs to an extension or another session");
        return Ok(());
    };
    let name = shared::path(&parent);
    let Some(fact) = reader.fact_mut(&child) else { return Ok(()) };
    let bound = fact.get_text("partition_bound").map(str::to_owned);
    let mut parents = fact.get_list("parents").to_vec();
    parents.push(name.as_str().into());
    *fact = std::mem::take(fact).list("parents", &parents);
    match bound {
        None => reader.need(&child, &parent),
        Some(bound) => {
            if flag(is_going)? {
                let what = "its detaching is not finished; a restore attaches it: ALTER TABLE ... DETACH PARTITION ... FINALIZE";
                reader.mention("partition", &shared::path(&child), what);
            }
            let attachment = child.child(KindId::Attachment, "");
            let fact = Fact::new().text("parent", Some(&name)).text("bound", Some(&bound));
            reader.add_part(attachment.clone(), fact);
            reader.need(&attachment, &parent);
        }
    }
    Ok(())
}

/// Whether the kind has rows, and can have parents.
pub(super) fn is_table(kind: KindId) -> bool {
    matches!(kind, KindId::Table | KindId::ForeignTable)
}

/// Whether the table is made on its own and later attached to its parent.
pub(super) fn is_partition(fact: &Fact) -> bool {
    fact.get("partition_bound").is_some()
}

/// The table of which another one is a partition.
pub(crate) fn partitioned<'a>(snapshot: &'a Snapshot, id: &FactId) -> Option<&'a FactId> {
    let fact = snapshot.get(id).filter(|fact| is_partition(fact))?;
    parents_of(snapshot, id, fact).first().copied()
}

/// Whether the table has partitions rather than rows.
pub(super) fn is_partitioned(fact: &Fact) -> bool {
    fact.get("partition_key").is_some()
}

/// Whether a child is made on its own and then told its parents: with INHERITS its columns would come in another
/// order, or would be generated as the parent's are. That is possible only where all it shares with its parents is
/// its own too.
fn joins_later(snapshot: &Snapshot, id: &FactId, fact: &Fact) -> bool {
    if is_partition(fact) || fact.get_list("parents").is_empty() {
        return false;
    }
    let is_shared = |(below, fact): (&FactId, &Fact)| below.parent() == Some(id) && fact.is("inherited");
    if snapshot.below(id).any(is_shared) {
        return false;
    }
    let own = columns_of(snapshot, id);
    let parents = parents_of(snapshot, id, fact);
    let inherited = parents.iter().flat_map(|parent| columns_of(snapshot, parent));
    let mut usual: Vec<&str> = Vec::new();
    for name in inherited.chain(own.iter().copied()) {
        if !usual.contains(&name) {
            usual.push(name);
        }
    }
    let column = |table: &FactId, name: &str| snapshot.get(&table.child(KindId::Column, name));
    let is_other = |name: &&str| {
        let Some(own) = column(id, name).filter(|fact| fact.get("generated").is_some()) else { return false };
        let given = parents.iter().filter_map(|parent| column(parent, name));
        given.into_iter().any(|parent| !column::is_generated_alike(parent, own))
    };
    usual != own || own.iter().any(is_other)
}

/// The tables that a child inherits from, in the order in which they were named.
fn parents_of<'a>(snapshot: &'a Snapshot, id: &FactId, fact: &Fact) -> Vec<&'a FactId> {
    let place = |parent: &FactId| {
        let name = shared::path(parent);
        fact.get_list("parents").iter().position(|parent| **parent == *name)
    };
    let placed = snapshot.needs(id).iter().filter_map(|parent| Some((place(parent)?, parent)));
    let mut placed: Vec<_> = placed.collect();
    placed.sort_unstable();
    placed.into_iter().map(|(_, parent)| parent).collect()
}

/// The names of the columns of a table or view in stored order.
pub(super) fn columns_of<'a>(snapshot: &'a Snapshot, table: &'a FactId) -> Vec<&'a str> {
    let of = |id: &FactId| id.kind() == KindId::Column && id.parent() == Some(table);
    let mut columns: Vec<_> = snapshot.below(table).filter(|(id, _)| of(id)).collect();
    columns.sort_by_key(|(_, fact)| crate::plan::position(fact));
    columns.into_iter().map(|(id, _)| id.name()).collect()
}

/// Where what is inherited comes from when the table is made.
pub(super) fn inherited_from<'a>(group: &Group<'a>, table: &FactId) -> Vec<(&'a FactId, &'a Fact)> {
    let snapshot = group.snapshot;
    if snapshot.needs(table).is_empty() {
        return Vec::new();
    }
    let made_alone =
        snapshot.get(table).is_none_or(|fact| is_partition(fact) || joins_later(snapshot, table, fact));
    let parents = group.snapshot.needs(table).iter().filter(|id| !made_alone && is_table(id.kind()));
    parents.filter_map(|id| group.snapshot.get(id).map(|fact| (id, fact))).collect()
}

/// Makes foreign tables too.
pub(super) fn create(group: &Group<'_>) -> Vec<String> {
    let fact = group.fact;
    let path = shared::path(group.id);
    let mut parts = Vec::new();
    let mut after = Vec::new();
    let of_type = typing::said_by_table(group);
    let mut inline = BTreeSet::new();
    let mut keys = BTreeSet::new();
    for (id, column) in group.children(group.id, KindId::Column) {
        let inherited = column::is_inherited(group, column);
        match inherited {
            true => after.extend(column::differences_from_parents(group, id, column)),
            false => {
                parts.extend(column::definition(group, id, column));
                inline.insert(id.name());
            }
        }
        after.extend(column::settings(id, column, !inherited && of_type.is_none()));
    }
    for (id, part) in group.members_of(group.id, KindId::Constraint) {
        let with_column = inline.contains(part.get_text("column").unwrap_or_default());
        match () {
            () if with_column || constraint::comes_from_parent(fact, part) => {}
            // Of two that have the same index CREATE TABLE makes one.
            () if constraint::key(part).is_some_and(|key| !keys.insert(key)) => {
                after.push(format!("ALTER TABLE ONLY {path} ADD {}", constraint::clause(id, part)));
            }
            () => parts.push(constraint::clause(id, part)),
        }
        after.extend(constraint::settings(id, part));
    }
    let unlogged = if fact.is("unlogged") { " UNLOGGED" } else { "" };
    let foreign = if group.id.kind() == KindId::ForeignTable { " FOREIGN" } else { "" };
    let of_type = of_type.map(|of_type| format!(" OF {of_type}")).unwrap_or_default();
    let mut create = format!("CREATE{unlogged}{foreign} TABLE {path}{of_type}");
    // A typed table has its columns from its type, and may have nothing to add.
    if of_type.is_empty() || !parts.is_empty() {
        let indent = if parts.is_empty() { "" } else { "\n    " };
        create += &format!(" ({indent}{}\n)", parts.join(",\n    "));
    }
    let joins = joins_later(group.snapshot, group.id, fact);
    if !is_partition(fact) && !joins && !fact.get_list("parents").is_empty() {
        create += &format!("\nINHERITS ({})", fact.get_list("parents").join(", "));
    }
    if let Some(server) = fact.get_text("server") {
        let options = shared::foreign_options(fact.get_list("foreign_options"));
        create += &format!("\nSERVER {}{options}", quote_ident(server));
    }
    if let Some(key) = fact.get_text("partition_key") {
        create += &format!("\nPARTITION BY {key}");
    }
    if let Some(method) = fact.get_text("access_method") {
        create += &format!("\nUSING {}", quote_ident(method));
    }
    let toast = fact.get_list("toast_options").iter().map(|option| format!("toast.{option}").into());
    let options: Vec<_> = fact.get_list("options").iter().cloned().chain(toast).collect();
    if !options.is_empty() {
        create += &format!("\n{}", shared::with_options(&options).trim_start());
    }
    if let Some(tablespace) = fact.get_text("tablespace") {
        create += &format!("\nTABLESPACE {}", quote_ident(tablespace));
    }
    let mut statements = vec![create];
    if joins {
        let parents = fact.get_list("parents").iter();
        statements.extend(parents.map(|parent| format!("ALTER TABLE ONLY {path} INHERIT {parent}")));
    }
    statements.extend(after);
    if let Some(identity) = fact.get_text("replica_identity") {
        statements.push(format!("ALTER TABLE ONLY {path} REPLICA IDENTITY {}", identity.to_uppercase()));
    }
    for (attribute, words) in [("row_security", "ENABLE"), ("force_row_security", "FORCE")] {
        if fact.is(attribute) {
            let only = if attribute == "force_row_security" { "ONLY " } else { "" };
            statements.push(format!("ALTER TABLE {only}{path} {words} ROW LEVEL SECURITY"));
        }
    }
    let is_looked_at = |(_, part): &(&FactId, &Fact)| {
        part.get("generated").is_some() || part.get_text("type") == Some("exclusion")
    };
    match fact.get("partition_key").is_some() || group.members.iter().any(is_looked_at) {
        true => shared::on_path(group, statements),
        false => statements,
    }
}

fn respond(difference: &Difference<'_>) -> Response {
    let changes_method = difference.differs("access_method") && difference.to.server_version < 150_000;
    match changes_method || difference.differs("partition_key") {
        true => Response::Again,
        false => shared::alters(difference),
    }
}

/// What a partition belongs to, and its bound, is said by the fact of its attachment.
pub(super) fn alter(difference: &Difference<'_>) -> Vec<String> {
    let (old, new) = (difference.was(), difference.becomes());
    let alter = format!("ALTER TABLE {}", shared::path(difference.id));
    let only = format!("ALTER TABLE ONLY {}", shared::path(difference.id));
    let mut statements = Vec::new();
    let own_parents = |fact: &Fact| if is_partition(fact) { Vec::new() } else { fact.get_list("parents").to_vec() };
    let (left, joined) = (own_parents(old), own_parents(new));
    statements.extend(left.iter().filter(|parent| !joined.contains(parent)).map(|parent| format!("{only} NO INHERIT {parent}")));
    statements.extend(joined.iter().filter(|parent| !left.contains(parent)).map(|parent| format!("{only} INHERIT {parent}")));
    if difference.differs("unlogged") {
        statements.push(format!("{only} SET {}", if new.is("unlogged") { "UNLOGGED" } else { "LOGGED" }));
    }
    for (attribute, prefix) in [("options", ""), ("toast_options", "toast.")] {
        let options = shared::changed_options(difference, attribute, prefix);
        statements.extend(options.into_iter().map(|change| format!("{only} {change}")));
    }
    if difference.differs("access_method") {
        statements.push(format!("{only} SET ACCESS METHOD {}", quote_ident(new.get_text("access_method").unwrap_or("heap"))));
    }
    if difference.differs("tablespace") {
        let tablespace = new.get_text("tablespace").unwrap_or("pg_default");
        statements.push(format!("{only} SET TABLESPACE {}", quote_ident(tablespace)));
    }
    let is_of_an_index = || index::is_of_an_index(difference.to, difference.id, "replica_identity");
    if difference.differs("replica_identity") && !is_of_an_index() {
        let identity = new.get_text("replica_identity").unwrap_or("default").to_uppercase();
        statements.push(format!("{only} REPLICA IDENTITY {identity}"));
    }
    if difference.differs("row_security") {
        statements.push(format!("{alter} {} ROW LEVEL SECURITY", if new.is("row_security") { "ENABLE" } else { "DISABLE" }));
    }
    if difference.differs("force_row_security") {
        statements.push(format!("{only} {} ROW LEVEL SECURITY", if new.is("force_row_security") { "FORCE" } else { "NO FORCE" }));
    }
    statements
}

/// What had better been made what it is to be before the table is.
pub(super) fn also(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    match doing {
        Doing::Create => inherited_defaults(difference),
        Doing::Alter if difference.differs("unlogged") => {
            of_parents(difference).into_iter().chain(logged_first(difference)).collect()
        }
        _ => of_parents(difference),
    }
}

/// A table that is made as a child takes the defaults that its parents have by then.
fn inherited_defaults(difference: &Difference<'_>) -> Vec<FactId> {
    let parents = difference.to.needs(difference.id).iter().filter(|id| is_table(id.kind()));
    let parts = parents.flat_map(|parent| [difference.from, difference.to].into_iter().flat_map(|side| side.below(parent)));
    parts.map(|(id, _)| id).filter(|id| id.kind() == KindId::Default).cloned().collect()
}

/// A logged table cannot refer to one that is not: the tables that refer to it stop being logged before it does, and those that
/// it refers to are logged before it is.
fn logged_first(difference: &Difference<'_>) -> Vec<FactId> {
    let keys = foreign_keys(difference.to);
    match difference.becomes().is("unlogged") {
        true => keys.filter(|(_, referred)| *referred == difference.id).map(|(table, _)| table.clone()).collect(),
        false => keys.filter(|(table, _)| *table == difference.id).map(|(_, referred)| referred.clone()).collect(),
    }
}

/// Neither of two tables that refer to each other can stop being logged, or be logged, before the other.
fn disturbs(difference: &Difference<'_>, other: &FactId) -> bool {
    let is_mutual = |table: &FactId| {
        let mut referred = effect::needed_relations(difference.from, other);
        referred.any(|referred| foreign_keys(difference.from).any(|key| key == (referred, table)))
    };
    difference.differs("unlogged") && other.kind() == KindId::ForeignKey && other.parent().is_some_and(is_mutual)
}

/// The tables with foreign keys, each with another that it refers to.
fn foreign_keys(side: &Snapshot) -> impl Iterator<Item = (&FactId, &FactId)> {
    let keys = side.facts().map(|(id, _)| id).filter(|id| id.kind() == KindId::ForeignKey);
    keys.flat_map(|key| effect::needed_relations(side, key).filter_map(|referred| Some((key.parent()?, referred))))
}

/// A table that joins a parent must have all that it has.
fn of_parents(difference: &Difference<'_>) -> Vec<FactId> {
    let left = difference.was().get_list("parents");
    let joins = difference.becomes().get_list("parents").iter().any(|parent| !left.contains(parent));
    if !joins || difference.after.is_none_or(is_partition) {
        return Vec::new();
    }
    let parents = difference.to.needs(difference.id).iter().filter(|id| is_table(id.kind()));
    let tables = std::iter::once(difference.id).chain(parents);
    let parts = tables.flat_map(|table| difference.to.below(table).map(|(id, _)| id));
    parts.filter(|id| matches!(id.kind(), KindId::Column | KindId::Constraint)).cloned().collect()
}

/// What is done before a column or constraint can go: what is inherited is dropped once the table is no partition of its parent,
/// or no child; and what children have, once they are none.
pub(super) fn before_it_goes(difference: &Difference<'_>) -> Vec<FactId> {
    let parting = difference.id.parent().filter(|table| is_table(table.kind()));
    let parting = parting.map(|table| vec![table.child(KindId::Attachment, ""), table.clone()]);
    let others = parting.into_iter().flatten().chain(same_in_parents(difference));
    others.chain(parted_children(difference)).collect()
}

/// The columns or constraints of parents that take along this one as they go.
pub(super) fn lost_in_parents(difference: &Difference<'_>) -> Vec<FactId> {
    let mut same = same_in_parents(difference);
    same.retain(|part| !loses_alone(difference, part));
    same
}

/// The attribute of that name in the type that the table is of all the time.
pub(super) fn same_in_type(difference: &Difference<'_>) -> Option<FactId> {
    let typing = typing::of(difference.id.parent()?);
    let [before, after] = [difference.from, difference.to].map(|side| side.get(&typing));
    if difference.drops(&typing) || before.is_none() || before != after {
        return None;
    }
    let composite = difference.to.needs(&typing).iter().find(|id| id.kind() == KindId::Composite)?;
    Some(composite.child(KindId::Column, difference.id.name()))
}

/// What makes children of the table children no more: what the table loses goes once that is done, as it would go from them too.
pub(super) fn parted_children(difference: &Difference<'_>) -> Vec<FactId> {
    let dependents = difference.id.parent().map_or(&[][..], |table| difference.dependents(table));
    let parents = |side: &Snapshot, id: &FactId| side.get(id).map(|fact| fact.get_list("parents").to_vec());
    let is_parted = |id: &FactId| match id.kind() {
        KindId::Attachment => true,
        kind => is_table(kind) && parents(difference.from, id) != parents(difference.to, id),
    };
    dependents.iter().filter(|id| is_parted(id)).map(|id| (*id).clone()).collect()
}

/// What the children that stay children have of a table's column or constraint, and only from there, and keep.
pub(super) fn kept_by_children(difference: &Difference<'_>, part: &FactId) -> Vec<FactId> {
    let mut parts = in_children(difference, part);
    parts.retain(|part| difference.from.get(part).is_some_and(|fact| fact.is("inherited")));
    parts
}

/// What the children that stay children have in the end of the name of a table's column or constraint.
pub(super) fn in_children(difference: &Difference<'_>, part: &FactId) -> Vec<FactId> {
    let Some(table) = part.parent() else { return Vec::new() };
    let children = difference.dependents(table).iter().filter_map(|id| match id.kind() {
        KindId::Attachment => id.parent().filter(|_| difference.to.needs(id).contains(table)),
        kind => Some(*id).filter(|_| is_table(kind) && difference.to.needs(id).contains(table)),
    });
    let parts = children.map(|child| child.child(part.kind(), part.name()));
    parts.filter(|part| difference.to.get(part).is_some()).collect()
}

/// Whether a table loses a column or constraint without its children. Partitions lose it always.
pub(super) fn loses_alone(difference: &Difference<'_>, part: &FactId) -> bool {
    let table = part.parent().and_then(|table| difference.from.get(table));
    let may = difference.to.get(part).is_none() && table.is_some_and(|table| !is_partitioned(table));
    may && !kept_by_children(difference, part).is_empty()
}

/// The columns or constraints of that name in the tables that this one inherits from before and after, and all the time.
pub(super) fn same_in_parents(difference: &Difference<'_>) -> Vec<FactId> {
    let Some(table) = difference.id.parent() else { return Vec::new() };
    let parents = |snapshot: &Snapshot| -> BTreeSet<FactId> {
        let attachment = table.child(KindId::Attachment, "");
        let needed = snapshot.needs(table).iter().chain(snapshot.needs(&attachment));
        needed.filter(|id| is_table(id.kind())).cloned().collect()
    };
    if difference.drops(&table.child(KindId::Attachment, "")) {
        return Vec::new();
    }
    let kept = parents(difference.from).intersection(&parents(difference.to)).cloned().collect::<Vec<_>>();
    kept.iter().map(|parent| parent.child(difference.id.kind(), difference.id.name())).collect()
}
