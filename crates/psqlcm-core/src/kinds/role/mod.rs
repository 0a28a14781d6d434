//! A role: one that a database names, or one of the cluster's. Its attributes belong to the cluster: for a database
//! they serve to make it where it is missing and are no difference. Passwords are never read.

use super::{Attribute, Catalog, Kind, OLDEST, Read, local, shared::{self, PART}, Response};
use crate::fact::{Fact, FactId, Value};
use crate::name::{quote_ident, quote_literal};
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, flag, number, oid};

pub(super) static KIND: Kind = Kind {
    name: "role",
    attributes: ATTRIBUTES,
    globals: &[Read { catalog: Catalog::Authid, sql: &[(OLDEST, include_str!("globals.sql"))], row: global }],
    create,
    respond: |difference| match (difference.before, difference.after) {
        (Some(_), Some(_)) => Response::Nothing,
        _ => Response::Again,
    },
    drop: shared::goes_along,
    cases: include_str!("cases.md"),
    ..PART
};

const ATTRIBUTES: &[Attribute] = &[
    local("superuser"),
    local("noinherit"),
    local("createrole"),
    local("createdb"),
    local("login"),
    local("replication"),
    local("bypassrls"),
    local("connection_limit"),
    local("valid_until"),
    local("bootstrap"),
];

/// The properties, each with the words for it and for its opposite.
const PROPERTIES: [(&str, &str, &str); 7] = [
    ("superuser", "SUPERUSER", "NOSUPERUSER"),
    ("noinherit", "NOINHERIT", "INHERIT"),
    ("createrole", "CREATEROLE", "NOCREATEROLE"),
    ("createdb", "CREATEDB", "NOCREATEDB"),
    ("login", "LOGIN", "NOLOGIN"),
    ("replication", "REPLICATION", "NOREPLICATION"),
    ("bypassrls", "BYPASSRLS", "NOBYPASSRLS"),
];

/// The superuser that initdb makes (`BOOTSTRAP_SUPERUSERID`), whatever its name.
pub(super) const BOOTSTRAP: u32 = 10;

/// A role of the cluster: a fact once it is asked for.
fn global(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own] = columns(KIND.name, cells)?;
    let own = oid(own)?;
    let role = reader.role(own).filter(|_| own == BOOTSTRAP);
    if let Some(fact) = role.and_then(|id| reader.fact_mut(&id)) {
        fact.set("bootstrap", Value::Yes);
    }
    Ok(())
}

/// The role of a row of `pg_roles`, with its name among the attributes.
pub(crate) fn from_row(cells: Cells<'_>) -> Result<(u32, Fact), ReadError> {
    let &[own, name, superuser, inherit, createrole, createdb, login, replication, bypassrls, limit, until] =
        columns(KIND.name, cells)?;
    let fact = Fact::new()
        .text("name", name)
        .yes("superuser", flag(superuser)?)
        .yes("noinherit", !flag(inherit)?)
        .yes("createrole", flag(createrole)?)
        .yes("createdb", flag(createdb)?)
        .yes("login", flag(login)?)
        .yes("replication", flag(replication)?)
        .yes("bypassrls", flag(bypassrls)?)
        .int("connection_limit", number(limit)?.filter(|&limit| limit != -1))
        .text("valid_until", until);
    Ok((oid(own)?, fact))
}

/// Whether initdb or the server itself makes the role: such a role is in every cluster of the version.
pub(crate) fn is_predefined(id: &FactId) -> bool {
    id.name().starts_with("pg_")
}

/// The statement that gives an existing role the attributes of `after` where they are not those of `before`.
pub fn alteration(id: &FactId, before: &Fact, after: &Fact) -> String {
    let differs = |attribute: &str| before.get(attribute) != after.get(attribute);
    format!("ALTER ROLE {}{}", quote_ident(id.name()), words(after, differs))
}

fn create(group: &Group<'_>) -> Vec<String> {
    let name = quote_ident(group.id.name());
    match group.fact.is("bootstrap") {
        _ if is_predefined(group.id) => Vec::new(),
        // Every cluster has one, so all of its properties must be said.
        true => {
            let is_property = |name: &str| PROPERTIES.iter().any(|(property, ..)| *property == name);
            let is_said = |name: &str| is_property(name) || group.fact.get(name).is_some();
            vec![format!("ALTER ROLE {name}{}", words(group.fact, is_said))]
        }
        false => vec![format!("CREATE ROLE {name}{}", words(group.fact, |name| group.fact.get(name).is_some()))],
    }
}

/// The options of CREATE ROLE and ALTER ROLE for those attributes that are to be said.
fn words(fact: &Fact, is_said: impl Fn(&str) -> bool) -> String {
    let mut words = String::new();
    for (attribute, yes, no) in PROPERTIES.iter().filter(|(attribute, ..)| is_said(attribute)) {
        words += &format!(" {}", if fact.is(attribute) { yes } else { no });
    }
    if is_said("connection_limit") {
        words += &format!(" CONNECTION LIMIT {}", fact.get_int("connection_limit").unwrap_or(-1));
    }
    if is_said("valid_until") {
        words += &format!(" VALID UNTIL {}", quote_literal(fact.get_text("valid_until").unwrap_or("infinity")));
    }
    words
}
