//! The database itself: encoding, locale, limits. Its name is no part of it: a tree can be restored under another.

use std::borrow::Cow;

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, local, plain, shared::{self, PART}, Response};
use crate::fact::{Fact, FactId};
use crate::name::{quote_ident, quote_literal};
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, filled, flag, number, oid};

/// Stands for the database's own name in statements; a caller puts the real one in its place.
pub(crate) const NAME: &str = "\u{1}database\u{1}";

pub(super) static KIND: Kind = Kind {
    name: "database",
    attributes: ATTRIBUTES,
    reads: &[Read {
        catalog: Catalog::Database,
        sql: &[
            (OLDEST, include_str!("read.sql")),
            (150_000, include_str!("read.pg15.sql")),
            (160_000, include_str!("read.pg16.sql")),
            (170_000, include_str!("read.pg17.sql")),
        ],
        row,
    }],
    display: |_| "database".to_owned(),
    reference: |_| format!("DATABASE {NAME}"),
    create,
    respond,
    alter,
    drop: shared::goes_along,
    cases: include_str!("cases.md"),
    ..PART
};

const ATTRIBUTES: &[Attribute] = &[
    plain("encoding"),
    plain("collate"),
    plain("ctype"),
    plain("provider"),
    plain("locale"),
    plain("icu_rules"),
    plain("connection_limit"),
    plain("is_template"),
    plain("closed"),
    local("tablespace"),
    plain("without_public"),
];

/// The statement with the database's real name in it.
pub fn with_name<'s>(statement: &'s str, database: &str) -> Cow<'s, str> {
    match statement.contains(NAME) {
        true => statement.replace(NAME, &quote_ident(database)).into(),
        false => statement.into(),
    }
}

/// The identity of the database.
pub(crate) fn id() -> FactId {
    FactId::root(KindId::Database, "")
}

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[
        own,
        encoding,
        collate,
        ctype,
        provider,
        locale,
        icu_rules,
        limit,
        is_template,
        allows,
        tablespace,
        owner,
        acl,
        usual,
        has_public,
    ] = columns(KIND.name, cells)?;
    let provider = match provider {
        Some("c") => None,
        Some("i") => Some("icu"),
        Some("b") => Some("builtin"),
        other => return Err(ReadError::Unknown { what: "locale provider", value: other.unwrap_or_default().into() }),
    };
    let fact = Fact::new()
        .text("encoding", encoding)
        .text("collate", collate)
        .text("ctype", ctype)
        .text("provider", provider)
        .text("locale", filled(locale))
        .text("icu_rules", filled(icu_rules))
        .int("connection_limit", number(limit)?.filter(|&limit| limit != -1))
        .yes("is_template", flag(is_template)?)
        .yes("closed", !flag(allows)?)
        .text("tablespace", tablespace.filter(|&name| name != "pg_default"))
        .yes("without_public", !flag(has_public)?);
    let id = id();
    reader.add(Catalog::Database, oid(own)?, &id, fact);
    let owner = oid(owner)?;
    reader.owner(&id, owner);
    reader.grants(&id, Some(owner), acl, usual)
}

const LIBC: &str = "libc";
/// The first version that has other providers.
const PROVIDERS: u32 = 150_000;

/// The statement that makes the database, for a server of this version: older ones have no word for their only provider.
pub fn for_version(create: &str, server_version: u32) -> String {
    // The name, which could say anything, comes before.
    match create.rsplit_once(&format!(" LOCALE_PROVIDER = {LIBC}")) {
        Some((before, after)) if server_version < PROVIDERS => format!("{before}{after}"),
        _ => create.to_owned(),
    }
}

/// Where it is not said it is the one of the template.
fn provider<'a>(group: &Group<'a>) -> Option<&'a str> {
    let usual = (group.snapshot.server_version >= PROVIDERS).then_some(LIBC);
    group.fact.get_text("provider").or(usual)
}

/// What it was made with stays.
fn respond(difference: &Difference<'_>) -> Response {
    match difference.differs("connection_limit") || difference.differs("is_template") {
        true => shared::alters(difference),
        false => Response::Nothing,
    }
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let fact = difference.becomes();
    let limit = format!("CONNECTION LIMIT {}", fact.get_int("connection_limit").unwrap_or(-1));
    let settings = [("connection_limit", limit), ("is_template", format!("IS_TEMPLATE {}", fact.is("is_template")))];
    let changed = settings.into_iter().filter(|(attribute, _)| difference.differs(attribute));
    changed.map(|(_, setting)| format!("ALTER DATABASE {NAME} {setting}")).collect()
}

fn create(group: &Group<'_>) -> Vec<String> {
    let fact = group.fact;
    let mut create = format!("CREATE DATABASE {NAME} WITH TEMPLATE = template0");
    let option = |name: &str| fact.get_text(name).map(quote_literal);
    let options = [
        ("ENCODING", option("encoding")),
        ("LOCALE_PROVIDER", provider(group).map(str::to_owned)),
        ("LC_COLLATE", option("collate")),
        ("LC_CTYPE", option("ctype")),
        (if fact.get_text("provider") == Some("builtin") { "BUILTIN_LOCALE" } else { "ICU_LOCALE" }, option("locale")),
        ("ICU_RULES", option("icu_rules")),
        ("TABLESPACE", fact.get_text("tablespace").map(|name| quote_ident(name).into_owned())),
        ("CONNECTION LIMIT", fact.get_int("connection_limit").map(|limit| limit.to_string())),
        ("IS_TEMPLATE", fact.is("is_template").then(|| "true".to_owned())),
    ];
    for (name, value) in options {
        if let Some(value) = value {
            create += &format!(" {name} = {value}");
        }
    }
    let mut statements = vec![create];
    if fact.is("without_public") {
        statements.push("DROP SCHEMA IF EXISTS public".to_owned());
    }
    statements
}
