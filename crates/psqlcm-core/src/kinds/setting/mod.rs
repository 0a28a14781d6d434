//! A configuration parameter set for the database, or for a role in it.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, database, order, plain, shared};
use crate::fact::{Fact, FactId};
use crate::name::{quote_ident, quote_literal};
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, list, oid};

pub(super) static KIND: Kind = Kind {
    name: "setting",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Database, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| match id.qualifier() {
        "" => format!("setting {}", id.name()),
        role => format!("setting {} for role {role}", id.name()),
    },
    create,
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
    for (position, setting) in list(settings)?.iter().enumerate() {
        let Some((name, value)) = setting.split_once('=') else { continue };
        let qualifier = role.as_ref().map_or("", FactId::name);
        let id = database::id().qualified_child(KindId::Setting, name, qualifier);
        let fact = Fact::new().text("value", Some(value)).int("position", i64::try_from(position).ok());
        reader.add_part(id.clone(), fact);
        if let Some(role) = &role {
            reader.need(&id, role);
        }
    }
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let value = group.fact.get_text("value").unwrap_or_default();
    let name = group.id.name();
    let value = match LISTS.contains(&name.to_lowercase().as_str()) {
        true if value.is_empty() => "''".to_owned(),
        true => quoted_list(value),
        false => quote_literal(value),
    };
    let name: Vec<_> = name.split('.').map(quote_ident).collect();
    let set = format!("SET {} TO {value}", name.join("."));
    vec![match group.id.qualifier() {
        "" => format!("ALTER DATABASE {} {set}", database::NAME),
        role => format!("ALTER ROLE {} IN DATABASE {} {set}", quote_ident(role), database::NAME),
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
