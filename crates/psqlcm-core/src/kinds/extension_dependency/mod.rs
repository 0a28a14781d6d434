//! That an object is to go with an extension that it needs, and yet is none of its members.

use super::{Kind, KindId, OLDEST, Read, shared};
use crate::fact::{Fact, FactId};
use crate::kinds::Catalog;
use crate::name::quote_ident;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "dependency on an extension",
    satellite: true,
    reads: &[Read { catalog: Catalog::Extension, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| {
        let object = id.parent().map(ToString::to_string).unwrap_or_default();
        format!("dependency of {object} on extension {}", quote_ident(id.name()))
    },
    create,
    drop,
    cases: include_str!("cases.md"),
    ..shared::PART
};

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[extension, catalog, object, name, identity] = columns(KIND.name, cells)?;
    let (catalog, name) = (oid(catalog)?, text(name)?);
    let Some(object) = reader.fact_of(catalog, oid(object)?).cloned() else {
        let what = identity.unwrap_or("an object");
        reader.leave_out(
            KIND.name,
            &format!("{what} on {name}"),
            "the object is not among those that are read",
        );
        return Ok(());
    };
    let id = object.child(KindId::ExtensionDependency, name);
    reader.add_part(id.clone(), Fact::new());
    if let Some(extension) = reader.fact_at(Catalog::Extension, oid(extension)?, 0).cloned() {
        reader.need(&id, &extension);
    }
    Ok(())
}

/// A constraint's index is altered by its own name.
fn create(group: &Group<'_>) -> Vec<String> {
    let Some(object) = group.id.parent() else { return Vec::new() };
    vec![format!("ALTER {} DEPENDS ON EXTENSION {}", on(object), quote_ident(group.id.name()))]
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    let Some(object) = difference.id.parent() else { return Vec::new() };
    vec![format!("ALTER {} NO DEPENDS ON EXTENSION {}", on(object), quote_ident(difference.id.name()))]
}

/// The object as ALTER takes it here; the index of a constraint stands for the constraint, and an aggregate is a function.
fn on(object: &FactId) -> String {
    match object.kind() {
        KindId::Constraint => format!("INDEX {}", shared::schema_path(object)),
        KindId::Aggregate => format!("FUNCTION {}({})", shared::schema_path(object), arguments(object.qualifier())),
        _ => (object.kind().kind().reference)(object),
    }
}

/// The arguments of an aggregate as those of a function: all of them, one after the other.
fn arguments(of_aggregate: &str) -> String {
    of_aggregate.strip_prefix("ORDER BY ").unwrap_or(of_aggregate).replacen(" ORDER BY ", ", ", 1)
}
