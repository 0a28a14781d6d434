//! A row security policy; that a table has row security enabled or forced is said by the table.

use super::{Alone, Attribute, Catalog, Kind, KindId, OLDEST, Read, deparsed, plain, shared, Response};
use crate::fact::Fact;
use crate::name::quote_ident;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, flag, list, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "policy",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Policy, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    reference: shared::reference_on,
    create,
    respond,
    alter,
    drops_alone: Alone::AtOnce,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] =
    &[plain("command"), plain("restrictive"), plain("roles"), deparsed("using"), deparsed("check")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, relation, name, command, permissive, roles, using, check] = columns(KIND.name, cells)?;
    let own = oid(own)?;
    let Some(table) = reader.relation(oid(relation)?) else { return Ok(()) };
    let command = match command {
        Some("*") => None,
        Some("r") => Some("SELECT"),
        Some("a") => Some("INSERT"),
        Some("w") => Some("UPDATE"),
        Some("d") => Some("DELETE"),
        other => return Err(ReadError::Unknown { what: "command of a policy", value: other.unwrap_or_default().into() }),
    };
    let id = table.child(KindId::Policy, text(name)?);
    let mut names = Vec::new();
    for role in list(roles)? {
        match oid(Some(&role))? {
            // PUBLIC, which is what no role at all means.
            0 => {}
            role => match reader.role(role) {
                Some(role) => {
                    reader.need(&id, &role);
                    names.push(role.name().to_owned());
                }
                None => reader.leave_out("policy", &id.to_string(), &format!("role {role} is gone")),
            },
        }
    }
    let fact = Fact::new()
        .text("command", command)
        .yes("restrictive", !flag(permissive)?)
        .list("roles", &names)
        .text("using", using)
        .text("check", check);
    reader.add(Catalog::Policy, own, &id, fact);
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let fact = group.fact;
    let mut create = format!("CREATE POLICY {} ON {}", quote_ident(group.id.name()), shared::parent_path(group.id));
    if fact.is("restrictive") {
        create += " AS RESTRICTIVE";
    }
    if let Some(command) = fact.get_text("command") {
        create += &format!(" FOR {command}");
    }
    let roles: Vec<_> = fact.get_list("roles").iter().map(|name| quote_ident(name)).collect();
    if !roles.is_empty() {
        create += &format!(" TO {}", roles.join(", "));
    }
    for (attribute, words) in [("using", "USING"), ("check", "WITH CHECK")] {
        if let Some(expression) = fact.get_text(attribute) {
            create += &format!(" {words} ({expression})");
        }
    }
    vec![create]
}

/// An expression can be another, and cannot be taken away.
fn respond(difference: &Difference<'_>) -> Response {
    let is_taken = |name| difference.was().get(name).is_some() && difference.becomes().get(name).is_none();
    match is_taken("using") || is_taken("check") {
        true => Response::Again,
        false => shared::alters_only(difference, &["roles", "using", "check"]),
    }
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let fact = difference.becomes();
    let mut alter = format!("ALTER {}", shared::reference_on(difference.id));
    if difference.differs("roles") {
        let roles: Vec<_> = fact.get_list("roles").iter().map(|name| quote_ident(name)).collect();
        alter += &format!(" TO {}", if roles.is_empty() { "PUBLIC".to_owned() } else { roles.join(", ") });
    }
    for (attribute, words) in [("using", "USING"), ("check", "WITH CHECK")] {
        if let Some(expression) = fact.get_text(attribute).filter(|_| difference.differs(attribute)) {
            alter += &format!(" {words} ({expression})");
        }
    }
    vec![alter]
}
