//! A schema. `public` is in every new database: it is kept as it is there, and only what differs is a fact.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, shared::{self, PART}};
use crate::fact::{Fact, FactId};
use crate::name::{quote_ident, quote_literal};
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "schema",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Namespace, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..PART
};

const ATTRIBUTES: &[Attribute] = &[];

/// The bootstrap superuser and `pg_database_owner`: who owns `public` in a new database, before and since 15.
const OWNERS_OF_PUBLIC: [u32; 2] = [10, 6171];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, name, owner, acl, usual] = columns(KIND.name, cells)?;
    let (own, owner) = (oid(own)?, oid(owner)?);
    let id = FactId::root(KindId::Schema, text(name)?);
    reader.add(Catalog::Namespace, own, &id, Fact::new());
    let usual_owner = OWNERS_OF_PUBLIC[usize::from(reader.server_version() >= 150_000)];
    if id.name() != "public" || owner != usual_owner {
        reader.owner(&id, owner);
    }
    reader.grants(&id, Some(owner), acl, usual)
}

/// Where `public` has to be made it becomes what it is in a new database, from which its owner, grants and comment differ.
fn create(group: &Group<'_>) -> Vec<String> {
    let name = quote_ident(group.id.name());
    if !is_public(group.id) {
        return vec![format!("CREATE SCHEMA {name}")];
    }
    let mut statements = vec![format!("CREATE SCHEMA IF NOT EXISTS {name}")];
    if group.is_added {
        let comment = usual_comment(group.id).map(quote_literal);
        statements.extend(as_it_is_usual(group.snapshot.server_version));
        statements.extend(comment.map(|comment| format!("COMMENT ON SCHEMA {name} IS {comment}")));
    }
    statements
}

/// `public` without an owner of its own is as it is in a new database, with what PUBLIC may do there.
pub(super) fn drop_owner(difference: &Difference<'_>) -> Vec<String> {
    match difference.id.parent().is_some_and(is_public) {
        true => as_it_is_usual(difference.to.server_version),
        false => Vec::new(),
    }
}

/// Gives `public` the owner that it has in a new database, and PUBLIC what it may do there.
fn as_it_is_usual(server_version: u32) -> Vec<String> {
    let (owner, privileges) = match server_version >= 150_000 {
        true => ("ALTER SCHEMA public OWNER TO pg_database_owner", "USAGE"),
        // Whoever made the cluster.
        false => (
            "DO $$ BEGIN EXECUTE pg_catalog.format('ALTER SCHEMA public OWNER TO %I', \
             (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10)); END $$",
            "USAGE, CREATE",
        ),
    };
    let grant = format!("GRANT {privileges} ON SCHEMA public TO PUBLIC");
    vec![owner.to_owned(), "REVOKE ALL ON SCHEMA public FROM PUBLIC".to_owned(), grant]
}

/// Whether what was granted on the object goes along as it gets its usual owner back.
pub(super) fn grant_goes_along(difference: &Difference<'_>) -> bool {
    let Some(schema) = difference.id.parent().filter(|object| is_public(object)) else { return false };
    let owner = schema.child(KindId::Owner, "");
    let (Some(before), None) = (difference.from.get(&owner), difference.to.get(&owner)) else { return false };
    let of_owner = before.get_text("role") == Some(difference.id.name());
    of_owner || difference.id.name().is_empty() || difference.was().get("grantor").is_some()
}

/// The comment that it has in a new database.
pub(super) fn usual_comment(object: &FactId) -> Option<&'static str> {
    is_public(object).then_some("standard public schema")
}

fn is_public(object: &FactId) -> bool {
    object.kind() == KindId::Schema && object.name() == "public"
}
