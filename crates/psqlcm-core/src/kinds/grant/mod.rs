//! What one role was granted on an object, or on a column, by another, where that differs from what a new
//! object gives it.

use super::{Attribute, Kind, KindId, order, plain, schema, shared};
use crate::fact::FactId;
use crate::name::quote_ident;
use crate::plan::{Difference, Doing, Group};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "grant",
    satellite: true,
    late: true,
    attributes: ATTRIBUTES,
    display: |id| {
        let object = id.parent().map(ToString::to_string).unwrap_or_default();
        format!("grant on {object} to {}", shown(id.name()))
    },
    create,
    respond: shared::alters,
    alter,
    drop,
    also,
    effect: super::effect::none,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("privileges"), plain("revoke_first"), plain("grantor"), order("position")];

/// A grantee for people; `PUBLIC` is no role's name.
pub(super) fn shown(grantee: &str) -> &str {
    if grantee.is_empty() { "PUBLIC" } else { grantee }
}

/// A grantee for SQL.
pub(super) fn to(grantee: &str) -> String {
    if grantee.is_empty() { "PUBLIC".to_owned() } else { quote_ident(grantee).into_owned() }
}

/// The privileges without and with the grant option.
pub(super) fn split(privileges: &[Box<str>]) -> [(Vec<&str>, &'static str); 2] {
    let plain = privileges.iter().filter(|name| !name.ends_with('*')).map(AsRef::as_ref).collect();
    let grantable = privileges.iter().filter_map(|name| name.strip_suffix('*')).collect();
    [(plain, ""), (grantable, " WITH GRANT OPTION")]
}

/// Revoking all of a table's privileges takes those of its columns along, which are granted again.
fn create(group: &Group<'_>) -> Vec<String> {
    let mut statements = grant(group);
    if group.is_added && group.fact.is("revoke_first") {
        statements.extend(of_columns(group.id, group.snapshot, |_| true));
    }
    statements
}

fn grant(group: &Group<'_>) -> Vec<String> {
    let Some(object) = group.id.parent() else { return Vec::new() };
    let grantee = to(group.id.name());
    let (columns, on) = target(object);
    let mut statements = Vec::new();
    if group.fact.is("revoke_first") {
        statements.push(format!("REVOKE ALL{columns} ON {on} FROM {grantee}"));
    }
    for (privileges, option) in split(group.fact.get_list("privileges")) {
        let listed: Vec<_> = privileges.iter().map(|name| format!("{name}{columns}")).collect();
        if !listed.is_empty() {
            statements.push(format!("GRANT {} ON {on} TO {grantee}{option}", listed.join(", ")));
        }
    }
    // PostgreSQL records the owner as grantor whoever grants, unless the grantor does it.
    if let Some(grantor) = group.fact.get_text("grantor") {
        statements.insert(0, format!("SET ROLE {}", quote_ident(grantor)));
        statements.push("RESET ROLE".to_owned());
    }
    statements
}

/// The list of columns, if any, and the object as GRANT names it.
fn target(object: &FactId) -> (String, String) {
    match (object.kind(), object.parent()) {
        (KindId::Column, Some(table)) => {
            (format!(" ({})", quote_ident(object.name())), format!("TABLE {}", shared::path(table)))
        }
        (KindId::View | KindId::MaterializedView | KindId::ForeignTable, _) => (String::new(), format!("TABLE {}", shared::path(object))),
        // GRANT knows functions and aggregates by one word and in one form.
        (KindId::Aggregate, Some(schema)) => {
            let name = format!("{}.{}", shared::path(schema), quote_ident(object.name()));
            (String::new(), format!("FUNCTION {name}({})", object.qualifier()))
        }
        (KindId::ForeignServer, _) => (String::new(), format!("FOREIGN SERVER {}", shared::path(object))),
        (KindId::Domain, _) => (String::new(), format!("TYPE {}", shared::path(object))),
        _ => (String::new(), (object.kind().kind().reference)(object)),
    }
}

/// What was granted before goes first: REVOKE of a table's privileges takes those of its columns along, which are
/// granted again.
fn alter(difference: &Difference<'_>) -> Vec<String> {
    let lost = difference.was().get_list("privileges").iter().any(|privilege| {
        !difference.after.is_some_and(|fact| fact.get_list("privileges").contains(privilege))
    });
    let is_same = difference.after.is_some() && !lost && !difference.differs("revoke_first") && !difference.differs("grantor");
    let mut statements = if is_same { Vec::new() } else { drop(difference) };
    let group = Group::of(difference.id, difference.becomes(), difference.to);
    statements.extend(grant(&group));
    if !is_same {
        statements.extend(of_columns_left(difference));
    }
    statements
}

/// The privileges that a new object gives are given back where they had been taken.
fn drop(difference: &Difference<'_>) -> Vec<String> {
    let Some(object) = difference.id.parent().filter(|_| !schema::grant_goes_along(difference)) else {
        return Vec::new();
    };
    let grantee = to(difference.id.name());
    let (columns, on) = target(object);
    let mut statements = Vec::new();
    if !difference.was().get_list("privileges").is_empty() {
        statements.push(format!("REVOKE ALL{columns} ON {on} FROM {grantee}"));
    }
    let again = difference.after.is_some_and(|fact| fact.is("revoke_first"));
    if difference.was().is("revoke_first") && !again {
        let usual = if object.kind() == KindId::Database { "CONNECT, TEMPORARY" } else { "ALL" };
        statements.push(format!("GRANT {usual} ON {on} TO {grantee}"));
    }
    if let Some(grantor) = difference.was().get_text("grantor") {
        statements.insert(0, format!("SET ROLE {}", quote_ident(grantor)));
        statements.push("RESET ROLE".to_owned());
    }
    if difference.after.is_none() {
        statements.extend(of_columns_left(difference));
    }
    statements
}

/// What the same role had on columns of the object, and is to have.
fn of_columns_left(difference: &Difference<'_>) -> Vec<String> {
    of_columns(difference.id, difference.to, |id| difference.from.get(id).is_some())
}

/// What the same role is to have on some columns of the object.
fn of_columns(id: &FactId, to: &Snapshot, is_wanted: impl Fn(&FactId) -> bool) -> Vec<String> {
    let Some(object) = id.parent() else { return Vec::new() };
    let is_of_column = |other: &FactId| {
        other.kind() == KindId::Grant && other.name() == id.name() && other.parent() != Some(object) && is_wanted(other)
    };
    let grants = to.below(object).filter(|(other, _)| is_of_column(other));
    grants.flat_map(|(other, fact)| grant(&Group::of(other, fact, to))).collect()
}

/// Another owner takes over what the one before had granted.
fn also(difference: &Difference<'_>, doing: Doing) -> Vec<FactId> {
    if doing == Doing::Drop {
        return Vec::new();
    }
    difference.id.object().parent().map(|_| difference.id.object().child(KindId::Owner, "")).into_iter().collect()
}
