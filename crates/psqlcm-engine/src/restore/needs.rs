//! What a tree needs of a cluster and cannot bring along: extensions, tablespaces, locales, roles.

use std::collections::BTreeSet;

use psqlcm_core::tree::adapt;

use super::tree::Statement;
use crate::session::{DbError, Session};

/// What is missing, by kind and name.
#[derive(Debug)]
pub struct Missing {
    /// What only an administrator can bring: `extension postgis`, `tablespace fast`, `locale de_DE.utf8`.
    pub things: Vec<String>,
    /// Roles, which can be made.
    pub roles: BTreeSet<String>,
    /// All roles that are needed, whether they are there or not.
    pub all_roles: BTreeSet<String>,
}

/// Looks for all that the statements need.
///
/// # Errors
/// The server's.
pub fn missing(
    session: &mut Session,
    statements: &[&Statement],
    create: Option<&str>,
) -> Result<Missing, DbError> {
    let extensions = statements.iter().filter_map(|statement| adapt::extension(&statement.sql)).collect();
    let mut all_roles: BTreeSet<String> =
        statements.iter().flat_map(|statement| adapt::roles(&statement.sql)).collect();
    all_roles.retain(|role| !is_word_for_a_role(role));
    let names = |statement: &&Statement| match mentions_tablespace(&statement.sql) {
        true => adapt::names_after(&statement.sql, "TABLESPACE"),
        false => Vec::new(),
    };
    let mut tablespaces: BTreeSet<String> = statements.iter().flat_map(names).collect();
    tablespaces.extend(create.into_iter().flat_map(|create| adapt::names_after(create, "TABLESPACE")));
    let locales: BTreeSet<String> = create.map(locales).unwrap_or_default();
    let mut things = Vec::new();
    let mut lacks = |what: &str, wanted: &BTreeSet<String>, known: &str, same: fn(&str) -> String| {
        let absent = absent(session, wanted, known, same)?;
        things.extend(absent.iter().map(|name| format!("{what} {name}")));
        Ok::<_, DbError>(())
    };
    lacks("extension", &extensions, "SELECT name FROM pg_catalog.pg_available_extensions", str::to_owned)?;
    lacks("tablespace", &tablespaces, "SELECT spcname FROM pg_catalog.pg_tablespace", str::to_owned)?;
    lacks(
        "locale",
        &locales,
        "SELECT collcollate FROM pg_catalog.pg_collation WHERE collprovider = 'c' \
         UNION SELECT datcollate FROM pg_catalog.pg_database UNION SELECT datctype FROM pg_catalog.pg_database",
        locale,
    )?;
    let roles = absent(session, &all_roles, "SELECT rolname FROM pg_catalog.pg_roles", str::to_owned)?;
    Ok(Missing { things, roles: roles.into_iter().collect(), all_roles })
}

/// Bodies of functions may hold any word: only what can name a tablespace is looked at.
fn mentions_tablespace(sql: &str) -> bool {
    let begins = |words: &str| sql.get(..words.len()).is_some_and(|start| start.eq_ignore_ascii_case(words));
    begins("ALTER INDEX")
        || begins("CREATE TABLE")
        || begins("CREATE UNLOGGED TABLE")
        || begins("CREATE MATERIALIZED")
}

/// Words that stand where a role's name can.
fn is_word_for_a_role(name: &str) -> bool {
    ["current_user", "session_user", "current_role", "public"].contains(&name)
}

/// The locales of CREATE DATABASE: the literals after LC_COLLATE and LC_CTYPE, as the tool writes them.
fn locales(create: &str) -> BTreeSet<String> {
    let after = |key: &str| {
        let (_, rest) = create.split_once(key)?;
        let rest = rest.strip_prefix(" = '")?;
        rest.split_once('\'').map(|(name, _)| name.to_owned())
    };
    [after("LC_COLLATE"), after("LC_CTYPE")]
        .into_iter()
        .flatten()
        .filter(|name| name != "C" && name != "POSIX")
        .collect()
}

/// Which of the wanted names a query does not give; `same` makes one of what are two spellings of a name.
fn absent(
    session: &mut Session,
    wanted: &BTreeSet<String>,
    known: &str,
    same: fn(&str) -> String,
) -> Result<Vec<String>, DbError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let known: BTreeSet<String> =
        session.rows(known)?.into_iter().flatten().flatten().map(|name| same(&name)).collect();
    Ok(wanted.iter().filter(|name| !known.contains(&same(name))).cloned().collect())
}

/// A locale as the C library compares it: without regard to case and punctuation of the encoding's name.
fn locale(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((locale, encoding)) => {
            let encoding: String = encoding.chars().filter(|c| c.is_alphanumeric()).collect();
            format!("{locale}.{}", encoding.to_lowercase())
        }
        None => name.to_owned(),
    }
}
