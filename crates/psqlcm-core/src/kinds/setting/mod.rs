//! A configuration parameter set for the database, or for a role in it; in the cluster's globals for a role, or for all, or
//! for a tablespace.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, database, order, plain, shared};
use crate::fact::{Fact, FactId};
use crate::name::{quote_ident, quote_literal};
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, list, oid};

pub(super) static KIND: Kind = Kind {
    name: "setting",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Database, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    globals: &[Read { catalog: Catalog::Database, sql: &[(OLDEST, include_str!("globals.sql"))], row: global }],
    display: |id| match (id.parent(), id.qualifier()) {
        (None, _) => format!("setting {} for all roles", id.name()),
        (Some(of), _) if of.kind() != KindId::Database => format!("setting {} for {of}", id.name()),
        (_, "") => format!("setting {}", id.name()),
        (_, role) => format!("setting {} for role {role}", id.name()),
    },
    create,
    respond: shared::alters,
    alter: shared::alter_by_create,
    drop,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("value"), order("position")];

/// Parameters whose value is a list of names: PostgreSQL keeps it quoted as it must be written
/// (`GUC_LIST_QUOTE` in `src/backend/utils/misc/guc_tables.c`, as `pg_dump`'s `variable_is_guc_list_quote`).
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[_, role, settings] = columns(KIND.name, cells)?;
    let role = match oid(role)? {
        0 => None,
        role => reader.role(role),
    };
    let qualifier = role.as_ref().map_or("", FactId::name);
    for id in add(reader, Some(&database::id()), qualifier, settings)? {
        if let Some(role) = &role {
            reader.need(&id, role);
        }
    }
    Ok(())
}

fn global(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[_, role, settings] = columns(KIND.name, cells)?;
    let role = match oid(role)? {
        0 => None,
        own => match reader.role(own) {
            Some(role) => Some(role),
            None => {
                reader.leave_out(KIND.name, settings.unwrap_or_default(), &format!("role {own} is gone"));
                return Ok(());
            }
        },
    };
    add(reader, role.as_ref(), "", settings).map(|_| ())
}

/// Adds settings as PostgreSQL keeps them, `name=value`, in stored order.
pub(super) fn add(
    reader: &mut Reader,
    parent: Option<&FactId>,
    qualifier: &str,
    settings: Option<&str>,
) -> Result<Vec<FactId>, ReadError> {
    let mut added = Vec::new();
    for (position, setting) in list(settings)?.iter().enumerate() {
        let Some((name, value)) = setting.split_once('=') else { continue };
        let id = FactId::build(parent.cloned(), KindId::Setting, name, qualifier);
        let fact = Fact::new().text("value", Some(value)).int("position", i64::try_from(position).ok());
        reader.add_part(id.clone(), fact);
        added.push(id);
    }
    Ok(added)
}

fn create(group: &Group<'_>) -> Vec<String> {
    let value = group.fact.get_text("value").unwrap_or_default();
    let name = group.id.name();
    let value = match LISTS.contains(&name.to_lowercase().as_str()) {
        true if value.is_empty() => "''".to_owned(),
        true => quoted_list(value),
        false => quote_literal(value),
    };
    let set = format!("SET {} TO {value}", shared::parameter(name));
    vec![match (group.id.parent(), group.id.qualifier()) {
        (None, _) => format!("ALTER ROLE ALL {set}"),
        (Some(role), _) if role.kind() == KindId::Role => format!("ALTER ROLE {} {set}", quote_ident(role.name())),
        (Some(space), _) if space.kind() == KindId::Tablespace => {
            let option = format!("{name}={}", group.fact.get_text("value").unwrap_or_default());
            format!("ALTER TABLESPACE {} SET ({})", quote_ident(space.name()), shared::options_list(&[option.into()]))
        }
        (_, "") => format!("ALTER DATABASE {} {set}", database::NAME),
        (_, role) => format!("ALTER ROLE {} IN DATABASE {} {set}", quote_ident(role), database::NAME),
    }]
}

/// Each element of a list of identifiers as a literal, as `ALTER ... SET` takes them.
fn quoted_list(value: &str) -> String {
    let mut names = Vec::new();
    let mut rest = value.trim();
    while !rest.is_empty() {
        let (name, after) = element(rest);
        names.push(quote_literal(&name));
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    names.join(", ")
}

fn element(text: &str) -> (String, &str) {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let mut name = String::new();
    while let Some((part, after)) = rest.split_once('"') {
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return (name, after),
        }
    }
    (name + rest, "")
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    let reset = format!("RESET {}", shared::parameter(difference.id.name()));
    vec![match (difference.id.parent(), difference.id.qualifier()) {
        (None, _) => format!("ALTER ROLE ALL {reset}"),
        (Some(role), _) if role.kind() == KindId::Role => format!("ALTER ROLE {} {reset}", quote_ident(role.name())),
        (Some(space), _) if space.kind() == KindId::Tablespace => {
            format!("ALTER TABLESPACE {} RESET ({})", quote_ident(space.name()), shared::parameter(difference.id.name()))
        }
        (_, "") => format!("ALTER DATABASE {} {reset}", database::NAME),
        (_, role) => format!("ALTER ROLE {} IN DATABASE {} {reset}", quote_ident(role), database::NAME),
    }]
}
