//! What a role's new objects will give to another role (ALTER DEFAULT PRIVILEGES). Made last of all, as it
//! would change what is made after it.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, grant, order, plain, shared};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::{Difference, Group};
use crate::privileges::{Acl, differences};
use crate::read::{Cells, ReadError, Reader, columns, oid};

pub(super) static KIND: Kind = Kind {
    name: "default privilege",
    satellite: true,
    late: true,
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::DefaultAcl, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| {
        let within = id.schema().map(|name| format!(" in schema {}", quote_ident(name))).unwrap_or_default();
        let (objects, grantee) = id.qualifier().split_once(' ').unwrap_or_default();
        let role = quote_ident(id.name());
        format!("default privilege on {} of role {role}{within} for {}", objects.to_lowercase(), grant::shown(grantee))
    },
    create,
    respond: shared::alters,
    alter,
    meddles: Some(meddles),
    drop,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[
    plain("objects"),
    plain("grantee"),
    plain("privileges"),
    plain("revoke_first"),
    order("position"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[_, role, namespace, objects, acl, usual] = columns(KIND.name, cells)?;
    let schema = match oid(namespace)? {
        0 => None,
        namespace => match reader.schema(namespace) {
            Some(schema) => Some(schema),
            None => return Ok(()),
        },
    };
    let objects = match objects {
        Some("r") => "TABLES",
        Some("S") => "SEQUENCES",
        Some("f") => "FUNCTIONS",
        Some("T") => "TYPES",
        Some("n") => "SCHEMAS",
        Some("L") => "LARGE OBJECTS",
        other => return Err(ReadError::Unknown { what: "default privilege for", value: other.unwrap_or_default().into() }),
    };
    let role = oid(role)?;
    let Some(role) = reader.role(role) else {
        reader.leave_out("default privilege", objects, &format!("role {role} is gone"));
        return Ok(());
    };
    let entries = differences(&Acl::parse(acl.unwrap_or("{}"))?, &Acl::parse(usual.unwrap_or("{}"))?);
    for (position, entry) in entries.into_iter().enumerate() {
        // The grantor is always the role itself.
        let qualifier = format!("{objects} {}", entry.grantee);
        let id = FactId::build(schema.clone(), KindId::DefaultPrivilege, role.name(), &qualifier);
        let fact = Fact::new()
            .text("objects", Some(objects))
            .text("grantee", Some(&entry.grantee))
            .list("privileges", &entry.privileges)
            .yes("revoke_first", entry.revoke_first)
            .int("position", i64::try_from(position).ok());
        reader.add_part(id.clone(), fact);
        reader.need(&id, &role);
        if let Some(grantee) = reader.role_named(&entry.grantee) {
            reader.need(&id, &grantee);
        }
    }
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let text = |name: &str| group.fact.get_text(name).unwrap_or_default();
    let alter = alter_of(group.id);
    let (objects, grantee) = (text("objects"), grant::to(text("grantee")));
    let mut statements = Vec::new();
    if group.fact.is("revoke_first") {
        statements.push(format!("{alter} REVOKE ALL ON {objects} FROM {grantee}"));
    }
    for (privileges, option) in grant::split(group.fact.get_list("privileges")) {
        if !privileges.is_empty() {
            statements.push(format!("{alter} GRANT {} ON {objects} TO {grantee}{option}", privileges.join(", ")));
        }
    }
    statements
}

/// Whoever makes the object may be the role that it is about.
fn meddles(id: &FactId, object: &FactId) -> bool {
    let objects = id.qualifier().split_once(' ').map_or(id.qualifier(), |(objects, _)| objects);
    let is_of_sort = match objects {
        "TABLES" => matches!(
            object.kind(),
            KindId::Table | KindId::ForeignTable | KindId::View | KindId::MaterializedView
        ),
        "SEQUENCES" => object.kind() == KindId::Sequence,
        "FUNCTIONS" => matches!(object.kind(), KindId::Function | KindId::Procedure | KindId::Aggregate),
        "TYPES" => matches!(
            object.kind(),
            KindId::Enum | KindId::Composite | KindId::Domain | KindId::Range | KindId::BaseType
        ),
        "SCHEMAS" => object.kind() == KindId::Schema,
        _ => false,
    };
    is_of_sort && id.schema().is_none_or(|schema| object.schema() == Some(schema))
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let group = Group::of(difference.id, difference.becomes(), difference.to);
    drop(difference).into_iter().chain(create(&group)).collect()
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    let fact = difference.was();
    let text = |name: &str| fact.get_text(name).unwrap_or_default();
    let alter = alter_of(difference.id);
    let (objects, grantee) = (text("objects"), grant::to(text("grantee")));
    let mut statements = Vec::new();
    if !fact.get_list("privileges").is_empty() {
        statements.push(format!("{alter} REVOKE ALL ON {objects} FROM {grantee}"));
    }
    if fact.is("revoke_first") {
        statements.push(format!("{alter} GRANT ALL ON {objects} TO {grantee}"));
    }
    statements
}

/// The words that all statements about it begin with.
fn alter_of(id: &FactId) -> String {
    let within = id.schema().map(|name| format!(" IN SCHEMA {}", quote_ident(name))).unwrap_or_default();
    format!("ALTER DEFAULT PRIVILEGES FOR ROLE {}{within}", quote_ident(id.name()))
}
