//! As whom a role, or everybody, reaches a server. Options that are secrets are left out and reported.

use super::{Alone, Attribute, Catalog, Kind, KindId, OLDEST, Read, grant, plain, shared};
use crate::fact::{Fact, FactId};
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, flag, list, oid};

pub(super) static KIND: Kind = Kind {
    name: "user mapping",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::UserMapping, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    display: |id| {
        let server = id.parent().map(ToString::to_string).unwrap_or_default();
        format!("user mapping for {} on {server}", grant::shown(id.name()))
    },
    create,
    respond: shared::alters,
    alter,
    drop,
    drops_alone: Alone::Always,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("options")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, server, user, options, is_shown] = columns(KIND.name, cells)?;
    let Some(server) = reader.fact_at(Catalog::ForeignServer, oid(server)?, 0).cloned() else {
        return Ok(());
    };
    let role = match oid(user)? {
        0 => None,
        user => match reader.role(user) {
            Some(role) => Some(role),
            None => {
                reader.leave_out("user mapping", &server.to_string(), &format!("role {user} is gone"));
                return Ok(());
            }
        },
    };
    let id = server.child(KindId::UserMapping, role.as_ref().map_or("", |role| role.name()));
    if !flag(is_shown)? {
        reader.leave_out("options", &id.to_string(), "its options are not for this role to see");
    }
    let options = shared::without_secrets(reader, &id, list(options)?);
    reader.add(Catalog::UserMapping, oid(own)?, &id, Fact::new().list("options", &options));
    if let Some(role) = role {
        reader.need(&id, &role);
    }
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let user = grant::to(group.id.name());
    let options = shared::foreign_options(group.fact.get_list("options"));
    vec![format!("CREATE USER MAPPING FOR {user} SERVER {}{options}", shared::parent_path(group.id))]
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let options = shared::changed_foreign_options(difference, "options");
    options.map(|options| format!("ALTER {} {options}", mapping(difference.id))).into_iter().collect()
}

fn drop(difference: &Difference<'_>) -> Vec<String> {
    vec![format!("DROP {}", mapping(difference.id))]
}

/// The mapping as ALTER and DROP take it.
fn mapping(id: &FactId) -> String {
    format!("USER MAPPING FOR {} SERVER {}", grant::to(id.name()), shared::parent_path(id))
}
