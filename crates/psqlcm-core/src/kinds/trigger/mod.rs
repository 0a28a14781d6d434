//! A trigger, as PostgreSQL prints it. A partition's copy of its parent's trigger is a fact only where it
//! fires at other times.

use super::{Alone, Attribute, Catalog, Kind, KindId, OLDEST, Read, deparsed, plain, shared, Response};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::{Difference, Doing, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "trigger",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Trigger, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    reference: shared::reference_on,
    create,
    respond,
    alter,
    drop,
    comes_with,
    drops_alone: Alone::AtOnce,
    rename: shared::rename,
    effect: super::effect::of_trigger,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[deparsed("definition"), plain("firing"), plain("copied")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, relation, name, enabled, definition, parent_trigger, constraint] = columns(KIND.name, cells)?;
    let own = oid(own)?;
    let Some(parent) = reader.relation(oid(relation)?) else { return Ok(()) };
    let copied = oid(parent_trigger)? != 0;
    let of = reader.fact_at(Catalog::Trigger, oid(parent_trigger)?, 0).cloned();
    let Some(definition) = definition else {
        if let Some(of) = of {
            reader.locate(Catalog::Trigger, own, 0, &of);
            locate_constraint(reader, constraint, &of)?;
        }
        return Ok(());
    };
    let fact = Fact::new()
        .text("definition", Some(definition))
        .text("firing", firing(enabled)?.or(copied.then_some("origin")))
        .yes("copied", copied);
    let id = parent.child(KindId::Trigger, text(name)?);
    reader.add(Catalog::Trigger, own, &id, fact);
    locate_constraint(reader, constraint, &id)?;
    if let Some(of) = of {
        reader.need(&id, &of);
    }
    Ok(())
}

/// A constraint trigger has a constraint of which there is nothing more to say.
fn locate_constraint(reader: &mut Reader, constraint: Option<&str>, id: &FactId) -> Result<(), ReadError> {
    match oid(constraint)? {
        0 => {}
        constraint => reader.locate(Catalog::Constraint, constraint, 0, id),
    }
    Ok(())
}

/// When a trigger or rule fires where that is not the usual "origin and local": `tgenabled` and `ev_enabled`.
pub(super) fn firing(letter: Option<&str>) -> Result<Option<&'static str>, ReadError> {
    match letter {
        Some("O") => Ok(None),
        Some("D") => Ok(Some("disabled")),
        Some("R") => Ok(Some("replica")),
        Some("A") => Ok(Some("always")),
        other => Err(ReadError::Unknown { what: "firing mode", value: other.unwrap_or_default().to_owned() }),
    }
}

/// The words of ALTER TABLE for a firing mode.
pub(super) fn words(firing: &str) -> &'static str {
    match firing {
        "disabled" => "DISABLE",
        "replica" => "ENABLE REPLICA",
        "always" => "ENABLE ALWAYS",
        _ => "ENABLE",
    }
}

/// What is said of a trigger reaches the copies of it, as it does where copies differ: they come later.
fn create(group: &Group<'_>) -> Vec<String> {
    let definition = group.fact.get_text("definition").filter(|_| !group.fact.is("copied")).map(str::to_owned);
    let firing = group.fact.get_text("firing").map(|firing| fires(group.id, firing));
    definition.into_iter().chain(firing).collect()
}

/// Since 14 a trigger that is no constraint can be replaced.
fn respond(difference: &Difference<'_>) -> Response {
    let is_plain = |fact: &Fact| fact.get_text("definition").is_some_and(|text| text.starts_with(PLAIN));
    let can_be_replaced = difference.to.server_version >= 140_000 && is_plain(difference.was()) && is_plain(difference.becomes());
    let is_copy = difference.was().is("copied") && difference.becomes().is("copied");
    match difference.differs("copied") || (difference.differs("definition") && !can_be_replaced && !is_copy) {
        true => Response::Again,
        false => shared::alters(difference),
    }
}

/// How the definition of a trigger that is no constraint begins.
const PLAIN: &str = "CREATE TRIGGER ";

/// A trigger that is replaced fires as a new one does.
fn alter(difference: &Difference<'_>) -> Vec<String> {
    let fact = difference.becomes();
    let replaced = fact.get_text("definition").filter(|_| difference.differs("definition") && !fact.is("copied"));
    let replace = replaced.map(|text| text.replacen(PLAIN, "CREATE OR REPLACE TRIGGER ", 1));
    let says_firing = difference.differs("firing") || (replace.is_some() && fact.get("firing").is_some());
    let firing = says_firing.then(|| fires(difference.id, fact.get_text("firing").unwrap_or("origin")));
    let reached = firing.is_some() || replace.is_some();
    let copies = if reached { copies_that_stay(difference) } else { Vec::new() };
    replace.into_iter().chain(firing).chain(copies).collect()
}

fn fires(id: &FactId, firing: &str) -> String {
    format!("ALTER TABLE {} {} TRIGGER {}", shared::parent_path(id), words(firing), quote_ident(id.name()))
}

/// What is said of a trigger reaches all copies of it, also those that are to fire as they did.
fn copies_that_stay(difference: &Difference<'_>) -> Vec<String> {
    let is_copy = |(id, fact): &(&FactId, &Fact)| {
        id.kind() == KindId::Trigger && fact.is("copied") && difference.to.needs(id).contains(difference.id)
    };
    let copies = difference.to.facts().filter(is_copy).filter(|(id, fact)| difference.from.get(id) == Some(*fact));
    copies.map(|(id, fact)| fires(id, fact.get_text("firing").unwrap_or("origin"))).collect()
}

/// A copy fires again as the one that it is a copy of.
fn drop(difference: &Difference<'_>) -> Vec<String> {
    if !difference.was().is("copied") {
        return shared::drop_by_reference(difference);
    }
    let mut of = difference.from.needs(difference.id).iter().filter(|id| id.kind() == KindId::Trigger);
    let firing = of.find_map(|id| difference.to.get(id)).and_then(|fact| fact.get_text("firing"));
    vec![fires(difference.id, firing.unwrap_or("origin"))]
}

/// A copy with the one that it is a copy of.
fn comes_with(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    let needed = difference.from.needs(difference.id).iter().filter(|id| doing == Doing::Drop && id.kind() == KindId::Trigger);
    needed.cloned().collect()
}
