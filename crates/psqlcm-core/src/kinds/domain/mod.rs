//! A domain; its constraints are facts of their own.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, Response, constraint, deparsed, enum_type, plain, shared};
use crate::fact::{Fact, FactId};
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, flag};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "domain",
    folder: Some("domains"),
    sharing: super::Sharing::ByFile,
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Type, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    respond,
    alter,
    set_aside: shared::rename_aside,
    drop_aside: shared::drop_aside,
    spaces: shared::type_space,
    rename: shared::rename,
    effect: super::effect::of_domain,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("type"), plain("collation"), deparsed("default"), plain("not_null")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, array, owner, acl, usual, base, collation, default, not_null] =
        columns(KIND.name, cells)?;
    let fact = Fact::new()
        .text("type", base)
        .text("collation", collation)
        .text("default", default)
        .yes("not_null", flag(not_null)?);
    enum_type::add_type(reader, KindId::Domain, &[own, namespace, name, array, owner, acl, usual], fact)?;
    Ok(())
}

/// Whether a column's type is made of the domain, as its array is: PostgreSQL then refuses to demand more of it.
pub(super) fn is_used_within(domain: &FactId, snapshot: &Snapshot) -> bool {
    let path = shared::path(domain);
    snapshot.facts().any(|(id, fact)| {
        let is_itself = fact.get_text("type") == Some(&path);
        id.kind() == KindId::Column
            && snapshot.needs(id).contains(domain)
            && (!is_itself || id.parent().is_some_and(|parent| parent.kind() == KindId::Composite))
    })
}

fn respond(difference: &Difference<'_>) -> Response {
    let demands_more = difference.becomes().is("not_null") && difference.differs("not_null");
    match demands_more && is_used_within(difference.id, difference.from) {
        true => Response::Again,
        false => shared::alters_only(difference, &["default", "not_null"]),
    }
}

fn create(group: &Group<'_>) -> Vec<String> {
    let text = |name: &str| group.fact.get_text(name).unwrap_or_default();
    let mut create = format!("CREATE DOMAIN {} AS {}", shared::path(group.id), text("type"));
    if let Some(collation) = group.fact.get_text("collation") {
        create += &format!(" COLLATE {collation}");
    }
    if let Some(default) = group.fact.get_text("default") {
        create += &format!(" DEFAULT {default}");
    }
    let named: Vec<_> = group.members_of(group.id, KindId::Constraint).collect();
    if group.fact.is("not_null") && !named.iter().any(|(_, fact)| constraint::is_not_null(fact)) {
        create += " NOT NULL";
    }
    for (id, fact) in named {
        create += &format!("\n    {}", constraint::clause(id, fact));
    }
    vec![create]
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let alter = format!("ALTER DOMAIN {}", shared::path(difference.id));
    let mut statements = Vec::new();
    if difference.differs("default") {
        statements.push(match difference.becomes().get_text("default") {
            Some(default) => format!("{alter} SET DEFAULT {default}"),
            None => format!("{alter} DROP DEFAULT"),
        });
    }
    if difference.differs("not_null") {
        statements.push(format!("{alter} {} NOT NULL", if difference.becomes().is("not_null") { "SET" } else { "DROP" }));
    }
    statements
}
