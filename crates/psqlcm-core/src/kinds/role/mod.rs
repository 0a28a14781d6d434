//! A role that the database names. Its attributes belong to the cluster: they serve to make it where it is
//! missing and are no difference. Passwords are never read.

use super::{Attribute, Kind, local, shared::PART};
use crate::fact::{Fact, FactId};
use crate::name::{quote_ident, quote_literal};
use crate::plan::Group;
use crate::read::{Cells, ReadError, columns, flag, number, oid};

pub(super) static KIND: Kind =
    Kind { name: "role", attributes: ATTRIBUTES, create, cases: include_str!("cases.md"), ..PART };

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
];

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

fn create(group: &Group<'_>) -> Vec<String> {
    if is_predefined(group.id) {
        return Vec::new();
    }
    let mut create = format!("CREATE ROLE {}", quote_ident(group.id.name()));
    for (attribute, words) in [
        ("superuser", " SUPERUSER"),
        ("noinherit", " NOINHERIT"),
        ("createrole", " CREATEROLE"),
        ("createdb", " CREATEDB"),
        ("login", " LOGIN"),
        ("replication", " REPLICATION"),
        ("bypassrls", " BYPASSRLS"),
    ] {
        if group.fact.is(attribute) {
            create += words;
        }
    }
    if let Some(limit) = group.fact.get_int("connection_limit") {
        create += &format!(" CONNECTION LIMIT {limit}");
    }
    if let Some(until) = group.fact.get_text("valid_until") {
        create += &format!(" VALID UNTIL {}", quote_literal(until));
    }
    vec![create]
}
