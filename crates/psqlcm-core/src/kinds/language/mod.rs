//! A language for functions that no extension brought.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::{Fact, FactId};
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, flag, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "language",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Language, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    respond: shared::alters,
    alter: shared::replace_by_create,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("trusted"), plain("handler"), plain("inline"), plain("validator")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, name, owner, acl, usual, trusted, handler, inline, validator] = columns(KIND.name, cells)?;
    let owner = oid(owner)?;
    let id = FactId::root(KindId::Language, text(name)?);
    let fact = Fact::new()
        .yes("trusted", flag(trusted)?)
        .text("handler", handler)
        .text("inline", inline)
        .text("validator", validator);
    reader.add(Catalog::Language, oid(own)?, &id, fact);
    reader.owner(&id, owner);
    reader.grants(&id, Some(owner), acl, usual)
}

fn create(group: &Group<'_>) -> Vec<String> {
    let trusted = if group.fact.is("trusted") { "TRUSTED " } else { "" };
    let option = |(attribute, word): (&str, &str)| {
        group.fact.get_text(attribute).map(|name| format!(" {word} {name}"))
    };
    let options = [("handler", "HANDLER"), ("inline", "INLINE"), ("validator", "VALIDATOR")];
    let options: String = options.into_iter().filter_map(option).collect();
    vec![format!("CREATE {trusted}LANGUAGE {}{options}", shared::path(group.id))]
}
