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
    let firing = group.fact.get_text("firing").map(|firing| {
        let name = quote_ident(group.id.name());
        format!("ALTER TABLE {} {} TRIGGER {name}", shared::parent_path(group.id), words(firing))
    });
    definition.into_iter().chain(firing).collect()
}

/// Since 14 a trigger that is no constraint can be replaced.
fn respond(difference: &Difference<'_>) -> Response {
    let replaced = difference.differs("definition") || difference.differs("copied");
    match replaced {
        true => Response::Again,
        false => shared::alters(difference),
    }
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let (table, name) = (shared::parent_path(difference.id), quote_ident(difference.id.name()));
    let firing = difference.becomes().get_text("firing").unwrap_or("origin");
    vec![format!("ALTER TABLE {table} {} TRIGGER {name}", words(firing))]
}

/// A copy with the one that it is a copy of.
fn comes_with(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    let needed = difference.from.needs(difference.id).iter().filter(|id| doing == Doing::Drop && id.kind() == KindId::Trigger);
    needed.cloned().collect()
}
