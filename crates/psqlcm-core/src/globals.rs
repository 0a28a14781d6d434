//! The globals of a cluster as the file `cluster.sql`: what it holds, and what of it a cluster that has some of it
//! already must not be given in silence.
//!
//! Knows the forms of statements that the tool writes, by their words. What any statement does is seen in the catalog
//! after it ran; running it is the engine's.

use crate::delta::{Delta, FactDelta, What};
use crate::fact::{Fact, FactId, Value};
use crate::kinds::{self, KindId};
use crate::name::{quote_ident, quote_literal};
use crate::plan::{self, PlanError};
use crate::snapshot::Snapshot;
use crate::tree::adapt::Words;
use crate::tree::terminated;

/// The file, at the root of the tree.
pub const FILE: &str = "cluster.sql";

/// The text of the file: the plan from a cluster as initdb makes it.
///
/// # Errors
/// When there is no order in which the facts can be made.
pub fn text(globals: &Snapshot) -> Result<String, PlanError> {
    let steps = plan::from_empty(globals)?;
    let statements = steps.iter().flat_map(|step| &step.statements);
    Ok(statements.map(|statement| terminated(statement)).collect::<Vec<_>>().join("\n"))
}

/// A statement of the file, as far as restoring it depends on what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// `CREATE ROLE name options`.
    CreateRole {
        /// The role.
        id: FactId,
        /// What follows its name.
        options: &'a str,
    },
    /// `ALTER ROLE name options`: the superuser that initdb makes.
    AlterRole {
        /// The role.
        id: FactId,
        /// What follows its name.
        options: &'a str,
    },
    /// `CREATE TABLESPACE name LOCATION path`, which cannot run in a transaction.
    CreateTablespace {
        /// The tablespace.
        id: FactId,
        /// Where it is to lie.
        location: String,
        /// What stands before the path.
        before: &'a str,
        /// What follows it.
        after: &'a str,
    },
    /// Anything else.
    Other,
}

/// What the statement is about.
pub fn form(statement: &str) -> Form<'_> {
    let words = Words::of(statement);
    let Some(name) = words.range(2) else { return Form::Other };
    let options = &statement[name.end..];
    let is_setting = || ["SET", "RESET", "IN", "RENAME"].iter().any(|word| words.is(3, word));
    let form = match () {
        () if words.begins(&["CREATE", "ROLE"]) => {
            Some(Form::CreateRole { id: role(&words.name(2)), options })
        }
        () if words.begins(&["ALTER", "ROLE"]) && !is_setting() => {
            Some(Form::AlterRole { id: role(&words.name(2)), options })
        }
        () if words.begins(&["CREATE", "TABLESPACE"]) => tablespace(statement, &words),
        () => None,
    };
    form.unwrap_or(Form::Other)
}

fn tablespace<'a>(statement: &'a str, words: &Words<'_>) -> Option<Form<'a>> {
    let id = FactId::root(KindId::Tablespace, &words.name(2));
    let mut keywords = (3..).take_while(|&at| words.range(at).is_some());
    let from = words.range(keywords.find(|&at| words.is(at, "LOCATION"))?)?.end;
    let path = statement[from..].trim_start();
    let from = statement.len() - path.len();
    let (location, length) = literal(path)?;
    Some(Form::CreateTablespace {
        id,
        location,
        before: &statement[..from],
        after: &statement[from + length..],
    })
}

/// The value of the literal that a text begins with, and its length.
fn literal(text: &str) -> Option<(String, usize)> {
    let (escapes, start) = match text.as_bytes() {
        [b'E' | b'e', b'\'', ..] => (true, 2),
        [b'\'', ..] => (false, 1),
        _ => return None,
    };
    let mut value = String::new();
    let mut chars = text[start..].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if escapes => value.push(chars.next()?.1),
            '\'' if text[start + at + 1..].starts_with('\'') => value.push(chars.next()?.1),
            '\'' => return Some((value, start + at + 1)),
            c => value.push(c),
        }
    }
    None
}

/// Whether the statement gives a role a password, or takes it: what no catalog shows to everybody, and no tree is to hold.
pub fn sets_password(statement: &str) -> bool {
    let words = Words::of(statement);
    let is_role = ["ROLE", "USER", "GROUP"].iter().any(|word| words.is(1, word));
    is_role && ["CREATE", "ALTER"].iter().any(|word| words.is(0, word)) && has(&words, 3, &["PASSWORD"])
}

/// Whether the options of CREATE ROLE say who is a member of whom.
pub fn says_memberships(options: &str) -> bool {
    has(&Words::of(options), 0, &["IN", "ROLE", "ADMIN", "USER"])
}

fn has(words: &Words<'_>, from: usize, keywords: &[&str]) -> bool {
    let mut places = (from..).take_while(|&at| words.range(at).is_some());
    places.any(|at| keywords.iter().any(|keyword| words.is(at, keyword)))
}

/// CREATE ROLE with the options of another role's statement.
/// CREATE ROLE with the options of another role's statement.
pub fn create_role(name: &str, options: &str) -> String {
    format!("CREATE ROLE {}{options}", quote_ident(name))
}

/// CREATE TABLESPACE at another place.
pub fn create_tablespace(before: &str, location: &str, after: &str) -> String {
    format!("{before}{}{after}", quote_literal(location))
}

/// The identity of a role of that name.
pub fn role(name: &str) -> FactId {
    FactId::root(KindId::Role, name)
}

/// What no statement takes from a role that is there: that initdb made it, and that its validity has an end, be it never.
pub fn keep_what_stays(wanted: &mut Fact, there: &Fact) {
    if there.is("bootstrap") {
        wanted.set("bootstrap", Value::Yes);
    }
    if there.get_text("valid_until") == Some("infinity") && wanted.get("valid_until").is_none() {
        wanted.set("valid_until", Value::Text("infinity".into()));
    }
}

/// Whether the fact is a new role that may log in.
pub fn may_log_in(fact: &FactDelta) -> bool {
    matches!(&fact.what, What::Added(role) if fact.id.kind() == KindId::Role && role.is("login"))
}

/// The statement that gives an existing role other attributes.
pub fn alteration(id: &FactId, before: &Fact, after: &Fact) -> String {
    kinds::role::alteration(id, before, after)
}

/// How two facts of the same identity differ, in what is not stored order; `None` for not at all.
pub fn difference(id: &FactId, before: &Fact, after: &Fact) -> Option<FactDelta> {
    let of = |fact: &Fact| {
        let mut snapshot = Snapshot::new(0);
        snapshot.insert(id.clone(), fact.clone());
        snapshot
    };
    changed(&of(before), &of(after)).pop()
}

/// What was there before and is not as it was, in what is not stored order. That something was taken from what was there
/// is told by a fact that is new.
pub fn changed(before: &Snapshot, now: &Snapshot) -> Vec<FactDelta> {
    let delta = Delta::between(before, now);
    let was_there = |id: &FactId| id.parent().is_some_and(|parent| before.get(parent).is_some());
    let is_change = |fact: &FactDelta| match &fact.what {
        What::Added(new) => new.is("revoke_first") && was_there(&fact.id),
        What::Removed(_) | What::Changed(_) => true,
    };
    delta.facts.into_iter().chain(delta.local).filter(is_change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_statements_are_known_by_their_words() {
        let check = |statement: &str, expected: &str| {
            let shown = match form(statement) {
                Form::CreateRole { id, options } => format!("create {id}:{options}"),
                Form::AlterRole { id, options } => format!("alter {id}:{options}"),
                Form::CreateTablespace { id, location, before, after } => {
                    format!("{id} at {location}: {before}|{after}")
                }
                Form::Other => "other".to_owned(),
            };
            assert_eq!(shown, expected, "{statement}");
        };
        check("CREATE ROLE \"My role\" LOGIN", "create role \"My role\": LOGIN");
        check("create role r", "create role r:");
        check("ALTER ROLE postgres SUPERUSER LOGIN", "alter role postgres: SUPERUSER LOGIN");
        check("ALTER ROLE ALL SET work_mem TO '1MB'", "other");
        check("ALTER ROLE r IN DATABASE d SET work_mem TO '1MB'", "other");
        check("CREATE TABLESPACE t LOCATION '/a''b'", "tablespace t at /a'b: CREATE TABLESPACE t LOCATION |");
        check(
            "CREATE TABLESPACE location OWNER o LOCATION E'/a\\\\b' WITH (x=1)",
            "tablespace location at /a\\b: CREATE TABLESPACE location OWNER o LOCATION | WITH (x=1)",
        );
        check("CREATE TABLESPACE t LOCATION 1", "other");
        check("GRANT a TO b", "other");
    }

    #[test]
    fn passwords_and_memberships_are_seen() {
        for password in [
            "CREATE ROLE a LOGIN PASSWORD 'x'",
            "alter user a encrypted password null",
            "CREATE GROUP a PASSWORD 'x'",
        ] {
            assert!(sets_password(password), "{password}");
        }
        let harmless = "ALTER ROLE a SET application_name TO 'PASSWORD'";
        for other in ["CREATE ROLE password LOGIN", "CREATE ROLE a IN ROLE \"PASSWORD\"", harmless] {
            assert!(!sets_password(other), "{other}");
        }
        assert!(says_memberships(" LOGIN IN ROLE a") && says_memberships(" admin a"));
        assert!(!says_memberships(" NOLOGIN VALID UNTIL 'IN ROLE'"));
    }

    #[test]
    fn a_role_is_altered_only_where_it_differs() {
        let id = FactId::root(KindId::Role, "My role");
        let before = Fact::new().yes("login", true).yes("createdb", true).int("connection_limit", Some(3));
        let after = Fact::new().yes("login", true).yes("noinherit", true);
        let expected = "ALTER ROLE \"My role\" NOINHERIT NOCREATEDB CONNECTION LIMIT -1";
        assert_eq!(alteration(&id, &before, &after), expected);
        assert!(difference(&id, &before, &before).is_none());
        assert!(difference(&id, &before, &after).is_some());
    }
}
