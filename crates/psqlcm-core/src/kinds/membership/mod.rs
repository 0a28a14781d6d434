//! That a role is a member of another, as a third granted it. Memberships among the roles that initdb makes are in every
//! cluster, and are none of these.

use std::collections::BTreeMap;

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Nature, Read, plain, role, shared};
use crate::fact::{Fact, FactId};
use crate::name::quote_ident;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, flag, oid};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "membership",
    attributes: ATTRIBUTES,
    globals: &[Read {
        catalog: Catalog::AuthMembers,
        sql: &[(OLDEST, include_str!("globals.sql")), (160_000, include_str!("globals.pg16.sql"))],
        row,
    }],
    display: |id| {
        let by = match id.qualifier() {
            "" => String::new(),
            grantor => format!(", granted by {}", quote_ident(grantor)),
        };
        format!("membership of {} in {}{by}", quote_ident(id.name()), shared::parent_path(id))
    },
    create,
    edges,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] =
    &[plain("admin"), Attribute { name: "inherit", nature: Nature::Newer }, plain("without_set")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[_, group, member, grantor, admin, inherit, set] = columns(KIND.name, cells)?;
    // What the bootstrap superuser granted, any superuser grants again in its name.
    let grantor = match grantor {
        None => None,
        Some(_) => Some(oid(grantor)?).filter(|&grantor| grantor != role::BOOTSTRAP),
    };
    let (group, member) = (oid(group)?, oid(member)?);
    let (Some(group), Some(member)) = (reader.role(group), reader.role(member)) else {
        reader.leave_out(KIND.name, &format!("of role {member} in role {group}"), "one of them is gone");
        return Ok(());
    };
    if role::is_predefined(&group) && role::is_predefined(&member) {
        return Ok(());
    }
    let grantor = grantor.and_then(|grantor| reader.role(grantor));
    let id = group.qualified_child(KindId::Membership, member.name(), grantor.as_ref().map_or("", FactId::name));
    let inherits = inherit.map(|_| flag(inherit)).transpose()?;
    let fact = Fact::new()
        .yes("admin", flag(admin)?)
        .text("inherit", inherits.map(|inherits| if inherits { "TRUE" } else { "FALSE" }))
        .yes("without_set", set.is_some() && !flag(set)?);
    reader.add_part(id.clone(), fact);
    for role in [Some(member), grantor].into_iter().flatten() {
        reader.need(&id, &role);
    }
    Ok(())
}

/// Who grants must have been granted the right to. It may have come from several, and two may have it from each other as
/// well as from a third: what is needed is the one that leads to the bootstrap superuser by the fewest steps.
fn edges(snapshot: &mut Snapshot) {
    let memberships = || snapshot.facts().filter(|(id, _)| id.kind() == KindId::Membership);
    let mut rights: BTreeMap<_, &FactId> = BTreeMap::new();
    loop {
        let may_grant = |id: &FactId| id.qualifier().is_empty() || rights.contains_key(&(id.parent(), id.qualifier()));
        let is_new = |id: &FactId| may_grant(id) && !rights.contains_key(&(id.parent(), id.name()));
        let steps: Vec<_> = memberships().filter(|(id, fact)| fact.is("admin") && is_new(id)).collect();
        if steps.is_empty() {
            break;
        }
        for (id, _) in steps {
            rights.entry((id.parent(), id.name())).or_insert(id);
        }
    }
    let need = |id: &FactId| Some((id.clone(), (*rights.get(&(id.parent(), id.qualifier()))?).clone()));
    let needs: Vec<(FactId, FactId)> = memberships().filter_map(|(id, _)| need(id)).collect();
    for (id, right) in needs {
        snapshot.add_need(&id, &right);
    }
}

fn create(group: &Group<'_>) -> Vec<String> {
    let fact = group.fact;
    let mut options = Vec::new();
    match fact.get_text("inherit") {
        // Whether it inherits goes by the member where it is not said.
        Some(inherit) => {
            options.extend(fact.is("admin").then(|| "ADMIN TRUE".to_owned()));
            options.push(format!("INHERIT {inherit}"));
            options.extend(fact.is("without_set").then(|| "SET FALSE".to_owned()));
        }
        None => options.extend(fact.is("admin").then(|| "ADMIN OPTION".to_owned())),
    }
    let with = if options.is_empty() { String::new() } else { format!(" WITH {}", options.join(", ")) };
    let by = match group.id.qualifier() {
        "" => String::new(),
        grantor => format!(" GRANTED BY {}", quote_ident(grantor)),
    };
    vec![format!("GRANT {} TO {}{with}{by}", shared::parent_path(group.id), quote_ident(group.id.name()))]
}
