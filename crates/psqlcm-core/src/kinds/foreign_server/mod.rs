//! A server that a foreign-data wrapper reaches.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, Response, plain, shared};
use crate::fact::{Fact, FactId};
use crate::name::{quote_ident, quote_literal};
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, list, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "server",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::ForeignServer, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    rename: shared::rename,
    respond,
    alter,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("wrapper"), plain("type"), plain("version"), plain("options")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, name, owner, acl, usual, wrapper, kind, version, options] = columns(KIND.name, cells)?;
    let owner = oid(owner)?;
    let id = FactId::root(KindId::ForeignServer, text(name)?);
    let options = shared::without_secrets(reader, &id, list(options)?);
    let fact = Fact::new()
        .text("wrapper", wrapper)
        .text("type", kind)
        .text("version", version)
        .list("options", &options);
    reader.add(Catalog::ForeignServer, oid(own)?, &id, fact);
    reader.owner(&id, owner);
    reader.grants(&id, Some(owner), acl, usual)
}

/// A version can be another, and cannot be taken away.
fn respond(difference: &Difference<'_>) -> Response {
    let loses_version = difference.becomes().get("version").is_none() && difference.differs("version");
    match loses_version {
        true => Response::Again,
        false => shared::alters_only(difference, &["version", "options"]),
    }
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let version = difference.becomes().get_text("version").filter(|_| difference.differs("version"));
    let version = version.map(|version| format!(" VERSION {}", quote_literal(version)));
    let options = shared::changed_foreign_options(difference, "options").map(|options| format!(" {options}"));
    let changes = version.into_iter().chain(options).collect::<String>();
    vec![format!("ALTER {}{changes}", shared::reference(difference.id))]
}

fn create(group: &Group<'_>) -> Vec<String> {
    let clause = |(attribute, word): (&str, &str)| {
        group.fact.get_text(attribute).map(|text| format!(" {word} {}", quote_literal(text)))
    };
    let clauses: String = [("type", "TYPE"), ("version", "VERSION")].into_iter().filter_map(clause).collect();
    let wrapper = quote_ident(group.fact.get_text("wrapper").unwrap_or_default());
    let options = shared::foreign_options(group.fact.get_list("options"));
    vec![format!("CREATE {}{clauses} FOREIGN DATA WRAPPER {wrapper}{options}", shared::reference(group.id))]
}
