//! What a provider of security labels says of an object. A restore needs the provider: its library must be loaded.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, member, plain, shared};
use crate::fact::Fact;
use crate::name::{quote_ident, quote_literal};
use crate::plan::{Difference, Group};
use crate::read::{Cells, FIRST_USER_OID, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "security label",
    satellite: true,
    attributes: ATTRIBUTES,
    reads: &[Read {
        catalog: Catalog::Extension,
        sql: &[(OLDEST, include_str!("read.sql")), (140_000, include_str!("read.pg14.sql"))],
        row,
    }],
    globals: &[Read { catalog: Catalog::Authid, sql: &[(OLDEST, include_str!("globals.sql"))], row: global }],
    display: |id| {
        let object = id.parent().map(ToString::to_string).unwrap_or_default();
        format!("security label of {} on {object}", quote_ident(id.name()))
    },
    create,
    respond: shared::alters,
    alter: shared::alter_by_create,
    drop,
    effect: super::effect::light,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("label")];

/// An object of an extension or of PostgreSQL itself is a fact for the sake of its label.
fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[_, catalog, object, column, provider, label, kind, identity] = columns(KIND.name, cells)?;
    let (catalog, object, column) = (oid(catalog)?, oid(object)?, oid(column)?);
    let (provider, fact) = (text(provider)?.to_owned(), Fact::new().text("label", label));
    let (kind, identity) = (text(kind)?.to_owned(), text(identity)?.to_owned());
    reader.once_read((catalog, object, column), move |reader, id| {
        let extension = reader.extension_of(catalog, object);
        let is_given = extension.is_some() || object < FIRST_USER_OID;
        let given = || is_given.then(|| member::id(extension, &kind, &identity)).flatten();
        let Some(labelled) = id.cloned().or_else(given) else {
            let identity = format!("{kind} {identity} ({provider})");
            reader.leave_out(KIND.name, &identity, "the object is not among those that are read");
            return;
        };
        if id.is_none() {
            reader.add_part(labelled.clone(), Fact::new());
        }
        reader.add_part(labelled.child(KindId::SecurityLabel, &provider), fact);
    });
    Ok(())
}

/// The label of a role or a tablespace.
fn global(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[object, catalog, provider, label] = columns(KIND.name, cells)?;
    if let Some(id) = reader.global(oid(catalog)?, oid(object)?) {
        reader.add_part(id.child(KindId::SecurityLabel, text(provider)?), Fact::new().text("label", label));
    }
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let Some(object) = group.id.parent() else { return Vec::new() };
    let object = (object.kind().kind().reference)(object);
    let label = quote_literal(group.fact.get_text("label").unwrap_or_default());
    vec![format!("SECURITY LABEL FOR {} ON {object} IS {label}", quote_ident(group.id.name()))]
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    let Some(object) = difference.id.parent() else { return Vec::new() };
    let (provider, object) = (quote_ident(difference.id.name()), (object.kind().kind().reference)(object));
    vec![format!("SECURITY LABEL FOR {provider} ON {object} IS NULL")]
}
