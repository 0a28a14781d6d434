//! A cast between two types, which has no name, no schema, no owner and no privileges.

use std::collections::BTreeSet;

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::{Fact, FactId};
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, oid, text};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "cast",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Cast, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| format!("cast ({} AS {})", id.name(), id.qualifier()),
    reference,
    create,
    edges,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("method"), plain("context")];

/// Both types are as PostgreSQL prints them, quoted where they must be.
fn reference(id: &FactId) -> String {
    format!("CAST ({} AS {})", id.name(), id.qualifier())
}

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, source, target, method, function, context] = columns(KIND.name, cells)?;
    let method = match (method, function) {
        (Some("f"), Some(function)) => format!("WITH FUNCTION {function}"),
        (Some("b"), _) => "WITHOUT FUNCTION".to_owned(),
        (Some("i"), _) => "WITH INOUT".to_owned(),
        (other, _) => {
            return Err(ReadError::Unknown {
                what: "method of a cast",
                value: other.unwrap_or_default().into(),
            });
        }
    };
    let context = match context {
        Some("e") => None,
        Some("a") => Some("ASSIGNMENT"),
        Some("i") => Some("IMPLICIT"),
        other => {
            return Err(ReadError::Unknown {
                what: "context of a cast",
                value: other.unwrap_or_default().into(),
            });
        }
    };
    let id = FactId::build(None, KindId::Cast, text(source)?, text(target)?);
    let fact = Fact::new().text("method", Some(&method)).text("context", context);
    reader.add(Catalog::Cast, oid(own)?, &id, fact);
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let method = group.fact.get_text("method").unwrap_or_default();
    let context = group.fact.get_text("context").map(|context| format!(" AS {context}")).unwrap_or_default();
    vec![format!("CREATE {} {method}{context}", reference(group.id))]
}

/// What uses a cast is known to need its function only, and yet is made again by a text that has the cast.
fn edges(snapshot: &mut Snapshot) {
    let casts = snapshot.facts().map(|(id, _)| id).filter(|id| id.kind() == KindId::Cast);
    for cast in casts.cloned().collect::<Vec<FactId>>() {
        let functions = snapshot.needs(&cast).iter().filter(|needed| needed.kind() == KindId::Function);
        let functions: Vec<FactId> = functions.cloned().collect();
        if functions.is_empty() {
            continue;
        }
        let before = before(snapshot, &cast);
        let uses = |id: &&FactId| {
            let apart = id.path().all(|at| !before.contains(at));
            apart && snapshot.needs(id).iter().any(|needed| functions.contains(needed))
        };
        let users: Vec<FactId> = snapshot.facts().map(|(id, _)| id).filter(uses).cloned().collect();
        users.iter().for_each(|user| snapshot.add_need(user, &cast));
    }
}

/// All that must be there before the cast, itself included.
fn before(snapshot: &Snapshot, cast: &FactId) -> BTreeSet<FactId> {
    let mut seen = BTreeSet::from([cast.clone()]);
    let mut waiting = vec![cast.clone()];
    while let Some(at) = waiting.pop() {
        for needed in snapshot.needs(&at) {
            if seen.insert(needed.clone()) {
                waiting.push(needed.clone());
            }
        }
    }
    // What is in a schema does not come before the cast because the schema does.
    seen.retain(|id| id.kind() != KindId::Schema);
    seen
}
