//! A subscription: to which publications of which server. It is made again without connecting, and stays disabled: data
//! flow once somebody who knows both servers lets them. The password in its connection string is left out and reported.
//!
//! It comes last of all: a database that has one cannot be dropped.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, local, plain, shared};
use crate::connection_string;
use crate::fact::{Fact, FactId};
use crate::name::{quote_ident, quote_literal};
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, flag, list, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "subscription",
    late: true,
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Subscription, sql: &[(OLDEST, include_str!("read.sql"))], row: name_row }],
    asked: &[Read {
        catalog: Catalog::Subscription,
        sql: &[
            (OLDEST, include_str!("asked.sql")),
            (140_000, include_str!("asked.pg14.sql")),
            (150_000, include_str!("asked.pg15.sql")),
            (160_000, include_str!("asked.pg16.sql")),
            (170_000, include_str!("asked.pg17.sql")),
        ],
        row,
    }],
    create,
    drop,
    respond: |difference| shared::alters_only(difference, &SETTABLE),
    alter,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

/// `slot` is missing where there is none, `streaming` where the server does not know of it.
const ATTRIBUTES: &[Attribute] = &[
    plain("connection"),
    plain("publications"),
    plain("slot"),
    plain("synchronous_commit"),
    plain("binary"),
    plain("streaming"),
    plain("two_phase"),
    plain("disable_on_error"),
    plain("without_password"),
    plain("run_as_owner"),
    plain("origin"),
    plain("failover"),
    local("enabled"),
];

/// Who may not read connection strings may read nothing of use: then it is named.
fn name_row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[_, name, is_readable] = columns(KIND.name, cells)?;
    match flag(is_readable)? {
        true => reader.ask(KindId::Subscription),
        false => reader.leave_out(KIND.name, &quote_ident(text(name)?), "only superusers may read its connection"),
    }
    Ok(())
}

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[
        own,
        name,
        owner,
        is_enabled,
        connection,
        slot,
        synchronous_commit,
        publications,
        binary,
        streaming,
        two_phase,
        disable_on_error,
        password_required,
        run_as_owner,
        origin,
        failover,
    ] = columns(KIND.name, cells)?;
    let id = FactId::root(KindId::Subscription, text(name)?);
    let streaming = match streaming {
        None => None,
        Some("f") => Some("off"),
        Some("t") => Some("on"),
        Some("p") => Some("parallel"),
        Some(other) => return Err(ReadError::Unknown { what: "way to stream", value: other.to_owned() }),
    };
    let fact = Fact::new()
        .text("connection", connection_of(reader, &id, text(connection)?).as_deref())
        .list("publications", &list(publications)?)
        .text("slot", slot)
        .text("synchronous_commit", synchronous_commit.filter(|&level| level != "off"))
        .yes("binary", flag(binary)?)
        .text("streaming", streaming)
        .yes("two_phase", !matches!(two_phase, None | Some("d")))
        .yes("disable_on_error", flag(disable_on_error)?)
        .yes("without_password", password_required == Some("f"))
        .yes("run_as_owner", flag(run_as_owner)?)
        .text("origin", origin.filter(|&origin| origin != "any"))
        .yes("failover", flag(failover)?)
        .yes("enabled", flag(is_enabled)?);
    reader.add(Catalog::Subscription, oid(own)?, &id, fact);
    reader.owner(&id, oid(owner)?);
    Ok(())
}

/// The connection string without its secrets.
fn connection_of(reader: &mut Reader, id: &FactId, connection: &str) -> Option<String> {
    match connection_string::without_secrets(connection) {
        Ok((kept, secrets)) => {
            for secret in secrets {
                reader.mention("secret option", &format!("{secret} of {id}"), "left out: set it by hand");
            }
            Some(kept)
        }
        // It may hold a secret, who knows where.
        Err(why) => {
            reader.leave_out("connection", &id.to_string(), &why);
            None
        }
    }
}

fn create(group: &Group<'_>) -> Vec<String> {
    let fact = group.fact;
    let text = |name: &str| fact.get_text(name);
    let slot = text("slot").map_or_else(|| "NONE".to_owned(), quote_literal);
    let mut options = vec!["connect = false".to_owned(), format!("slot_name = {slot}")];
    for name in ["synchronous_commit", "streaming", "origin"] {
        options.extend(text(name).map(|value| format!("{name} = {value}")));
    }
    for name in ["binary", "two_phase", "disable_on_error", "run_as_owner", "failover"] {
        options.extend(fact.is(name).then(|| format!("{name} = true")));
    }
    options.extend(fact.is("without_password").then(|| "password_required = false".to_owned()));
    let publications: Vec<_> = fact.get_list("publications").iter().map(|name| quote_ident(name)).collect();
    vec![format!(
        "CREATE {}\n    CONNECTION {}\n    PUBLICATION {}\n    WITH ({})",
        shared::reference(group.id),
        quote_literal(text("connection").unwrap_or_default()),
        publications.join(", "),
        options.join(", ")
    )]
}

/// What can be altered without reaching the publisher.
const SETTABLE: [&str; 11] = [
    "connection",
    "publications",
    "slot",
    "synchronous_commit",
    "binary",
    "streaming",
    "disable_on_error",
    "without_password",
    "run_as_owner",
    "origin",
    "enabled",
];

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let (fact, alter) = (difference.becomes(), format!("ALTER {}", shared::reference(difference.id)));
    let text = |name: &str| fact.get_text(name);
    let mut statements = Vec::new();
    if difference.differs("connection") {
        statements.push(format!("{alter} CONNECTION {}", quote_literal(text("connection").unwrap_or_default())));
    }
    if difference.differs("publications") {
        let names: Vec<_> = fact.get_list("publications").iter().map(|name| quote_ident(name)).collect();
        statements.push(format!("{alter} SET PUBLICATION {} WITH (refresh = false)", names.join(", ")));
    }
    let slot = text("slot").map_or_else(|| "NONE".to_owned(), quote_literal);
    let settings = [
        ("slot", "slot_name", slot),
        ("synchronous_commit", "synchronous_commit", text("synchronous_commit").unwrap_or("off").to_owned()),
        ("binary", "binary", fact.is("binary").to_string()),
        ("streaming", "streaming", text("streaming").unwrap_or("off").to_owned()),
        ("disable_on_error", "disable_on_error", fact.is("disable_on_error").to_string()),
        ("without_password", "password_required", (!fact.is("without_password")).to_string()),
        ("run_as_owner", "run_as_owner", fact.is("run_as_owner").to_string()),
        ("origin", "origin", text("origin").unwrap_or("any").to_owned()),
    ];
    let changed = settings.into_iter().filter(|(attribute, ..)| difference.differs(attribute));
    let changed: Vec<String> = changed.map(|(_, word, value)| format!("{word} = {value}")).collect();
    if !changed.is_empty() {
        statements.push(format!("{alter} SET ({})", changed.join(", ")));
    }
    statements
}

/// Without its slot, which belongs to the publisher: only who can connect to that one can drop it there.
fn drop(difference: &Difference<'_>) -> Vec<String> {
    let reference = shared::reference(difference.id);
    let leave = [format!("ALTER {reference} DISABLE"), format!("ALTER {reference} SET (slot_name = NONE)")];
    let has_slot = difference.was().get("slot").is_some();
    leave.into_iter().filter(|_| has_slot).chain(shared::drop_by_reference(difference)).collect()
}
